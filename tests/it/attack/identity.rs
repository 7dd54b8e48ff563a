//! Invoking past the gateway, where somebody asks who invokes: on a guarded emulator, with nothing
//! but the policies that are provisioned. It looks at the statements on functions and passes those
//! on aliases over, which `direct` compares one by one.

use aws_sdk_lambda::config::{Builder, Credentials};
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde_json::json;
use wmctl::aws::Aws;

use super::{CHATBOT, MIGRATOR};
use crate::account::connect;
use crate::emulator::Emulator;
use crate::lifecycle::runtime;
use crate::project::{Project, at};

/// What comes of an invocation with these keys: nothing, or the refusal's code.
async fn invoke(aws: &Aws, login: Option<&Credentials>, how: Invocation<'_>) -> Result<(), String> {
    let (function, qualifier, kind) = how;
    let call = aws.lambda.invoke();
    let call = call
        .function_name(function)
        .set_qualifier(qualifier.map(str::to_owned))
        .invocation_type(kind)
        .payload(Blob::new(r#"{"wmctl":"health","action":"status"}"#));
    let given = login.cloned();
    let settings = given.into_iter().fold(Builder::new(), |settings, login| {
        settings.credentials_provider(login)
    });
    let answer = call.customize().config_override(settings).send().await;
    answer
        .map(|_| ())
        .map_err(|error| error.code().unwrap_or("no code").to_owned())
}

type Invocation<'a> = (&'a str, Option<&'a str>, InvocationType);

#[test]
fn who_was_given_no_right_invokes_nothing() {
    let emulator = Emulator::guarded();
    let project = Project::new();
    project
        .wmctl(&[&["up"][..], &at(&emulator.url)].concat())
        .ok();
    runtime().block_on(async {
        let aws = connect(&emulator.url).await;
        let user = login(&aws, "somebody").await;
        let strange = Credentials::from_keys("AKIAIOSFODNN7EXAMPLE", "nothing", None);
        let forged = Credentials::from_keys(user.access_key_id(), "nothing", None);
        for function in [CHATBOT, MIGRATOR] {
            for qualifier in [None, Some("live"), Some("1")] {
                let how = |kind: InvocationType| (function, qualifier, kind);
                for kind in [
                    InvocationType::RequestResponse,
                    InvocationType::Event,
                    InvocationType::DryRun,
                ] {
                    let refused = invoke(&aws, Some(&user), how(kind.clone())).await;
                    assert_eq!(refused, Err("AccessDeniedException".to_owned()));
                    for login in [&strange, &forged] {
                        let refused = invoke(&aws, Some(login), how(kind.clone())).await;
                        assert!(refused.is_err(), "{function} {qualifier:?}");
                    }
                }
            }
            // Without any name.
            let path = format!("2015-03-31/functions/{function}/invocations");
            let unsigned = ureq::post(format!("{}/{path}", emulator.url))
                .config()
                .http_status_as_error(false)
                .build()
                .send("{}");
            assert_eq!(unsigned.unwrap().status(), 403, "{function}");

            // Whoever was given the right may: it was the right that was lacking.
            let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{function}*");
            let allow = json!({
                "Effect": "Allow",
                "Action": "lambda:InvokeFunction",
                "Resource": arn,
            });
            let policy = json!({"Version": "2012-10-17", "Statement": [allow]}).to_string();
            let put = aws.iam.put_user_policy().user_name("somebody");
            let put = put.policy_name("invoke").policy_document(policy);
            put.send().await.unwrap();
            let live = (function, Some("live"), InvocationType::DryRun);
            assert_eq!(invoke(&aws, Some(&user), live).await, Ok(()));
            let other = if function == CHATBOT {
                MIGRATOR
            } else {
                CHATBOT
            };
            let live = (other, Some("live"), InvocationType::DryRun);
            assert!(invoke(&aws, Some(&user), live).await.is_err());
            let delete = aws.iam.delete_user_policy().user_name("somebody");
            delete.policy_name("invoke").send().await.unwrap();
        }
        // A statement of the function's own policy would have let them in as well.
        let grant = aws.lambda.add_permission().function_name(CHATBOT);
        let grant = grant.statement_id("hole").principal("*");
        let grant = grant.action("lambda:InvokeFunction");
        grant.send().await.unwrap();
        let function = (CHATBOT, None, InvocationType::DryRun);
        assert_eq!(invoke(&aws, Some(&user), function).await, Ok(()));

        let root = (CHATBOT, Some("live"), InvocationType::DryRun);
        assert_eq!(invoke(&aws, None, root).await, Ok(()));
    });
}

/// A user of the account to whom nothing is given.
async fn login(aws: &Aws, name: &str) -> Credentials {
    aws.iam.create_user().user_name(name).send().await.unwrap();
    let key = aws.iam.create_access_key().user_name(name).send().await;
    let key = key.unwrap().access_key.unwrap();
    Credentials::from_keys(key.access_key_id, key.secret_access_key, None)
}
