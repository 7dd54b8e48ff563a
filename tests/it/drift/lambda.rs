//! The functions, their versions, aliases and permissions.

use std::io::Write;

use aws_sdk_iam::types::Role;
use aws_sdk_lambda::operation::add_permission::builders::AddPermissionFluentBuilder;
use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    AliasRoutingConfiguration, Architecture, Environment, FunctionUrlAuthType, LoggingConfig,
    Runtime, TracingConfig, TracingMode, VpcConfig,
};
use wmctl::aws::Emulator::{self as Which, MiniStack, Moto};

use super::{Account, Deletion, Drift, Rows, drift};

const CHATBOT: &str = "function/chatbot";
const LIVE: &str = "function-alias/chatbot";
const API: &str = "function-permission/chatbot-live-api";
const SCHEDULE: &str = "function-permission/migrator-live-schedule";
/// What API Gateway's part of the stack says of the function.
const UP_TO_THE_STAGE: &[&str] = &[
    LIVE,
    API,
    "function-version/chatbot",
    "method/chatbot-post",
    "deployment/current",
    "stage/main",
];

const KEEPS_STATEMENTS: &[(Which, &str)] = &[(
    Moto,
    "keeps an alias's statements without it, and adds to them",
)];

pub fn rows() -> Rows {
    let mut drifts = settings();
    drifts.extend(beside_the_settings());
    drifts.extend(aliases());
    drifts.extend(permissions());
    Rows {
        drifts,
        deletions: deletions(),
        fixed: &[
            ("function", "name", "it is what the function is found by"),
            ("function", "failed", "only Lambda itself sets it"),
            ("function-version", "function", "a version never changes"),
            ("function-version", "revision", "a version never changes"),
            (
                "function-alias",
                "function",
                "an alias stays with its function",
            ),
            (
                "function-permission",
                "function",
                "a statement stays where it is",
            ),
            (
                "function-permission",
                "qualifier",
                "a statement stays where it is",
            ),
            (
                "function-permission",
                "statement_id",
                "another id is another statement",
            ),
        ],
        lasting: &[("schema", "it is a trace and no object")],
    }
}

fn settings() -> Vec<Drift> {
    let unchanged = &[(Moto, "changes only some of the settings")];
    vec![
        drift(CHATBOT, "runtime", |account| {
            Box::pin(configure(account, |call| {
                call.runtime(Runtime::Providedal2)
            }))
        }),
        drift(CHATBOT, "handler", |account| {
            Box::pin(configure(account, |call| call.handler("other")))
        }),
        drift(CHATBOT, "role", |account| {
            Box::pin(async move {
                let arn = role(account, "iam-role/migrator").await.arn;
                configure(account, |call| call.role(arn)).await;
            })
        }),
        drift(CHATBOT, "memory_mb", |account| {
            Box::pin(configure(account, |call| call.memory_size(2048)))
        }),
        drift(CHATBOT, "timeout_s", |account| {
            Box::pin(configure(account, |call| call.timeout(3)))
        }),
        drift(CHATBOT, "environment.LOG_LEVEL", |account| {
            Box::pin(environment(account, "LOG_LEVEL"))
        }),
        drift(CHATBOT, "environment.EXTRA", |account| {
            Box::pin(environment(account, "EXTRA"))
        }),
        Drift {
            except: unchanged,
            ..drift(CHATBOT, "kms_key", |account| {
                Box::pin(async move {
                    let key = account.aws.kms.create_key().send().await.unwrap();
                    let arn = key.key_metadata.unwrap().arn.unwrap();
                    configure(account, |call| call.kms_key_arn(arn)).await;
                })
            })
        },
        drift(CHATBOT, "subnets", |account| {
            Box::pin(network(
                account,
                &["subnet/private-a"],
                "security-group/function",
            ))
        }),
        drift(CHATBOT, "security_groups", |account| {
            let subnets = &["subnet/private-a", "subnet/private-b"];
            Box::pin(network(account, subnets, "security-group/database"))
        }),
        Drift {
            except: unchanged,
            ..drift(CHATBOT, "tracing", |account| {
                let mode = TracingConfig::builder().mode(TracingMode::PassThrough);
                Box::pin(configure(account, move |call| {
                    call.tracing_config(mode.build())
                }))
            })
        },
        drift(CHATBOT, "log_group", |account| {
            let group = LoggingConfig::builder().log_group("/aws/lambda/other");
            Box::pin(configure(account, move |call| {
                call.logging_config(group.build())
            }))
        }),
    ]
}

fn beside_the_settings() -> Vec<Drift> {
    vec![
        drift(CHATBOT, "code_sha256", |account| {
            Box::pin(async move {
                let call = account.aws.lambda.update_function_code();
                let call = call.function_name(account.id(CHATBOT)).zip_file(zip());
                call.send().await.unwrap();
            })
        }),
        Drift {
            except: &[(
                Moto,
                "keeps the architecture that the function was made with",
            )],
            ..drift(CHATBOT, "architecture", |account| {
                Box::pin(async move {
                    let other = match account.values[CHATBOT]["architecture"].as_str() {
                        Some("arm64") => Architecture::X8664,
                        _ => Architecture::Arm64,
                    };
                    let call = account.aws.lambda.update_function_code();
                    let call = call.function_name(account.id(CHATBOT));
                    call.architectures(other).send().await.unwrap();
                })
            })
        },
        drift(CHATBOT, "reserved_concurrency", |account| {
            Box::pin(async move {
                let call = account.aws.lambda.put_function_concurrency();
                let call = call.function_name(account.id(CHATBOT));
                let call = call.reserved_concurrent_executions(7);
                call.send().await.unwrap();
            })
        }),
        drift(CHATBOT, "urls", |account| Box::pin(url(account, None))),
        Drift {
            except: &[(MiniStack, "does not say which alias a URL is for")],
            ..drift(CHATBOT, "urls", |account| {
                Box::pin(url(account, Some("live")))
            })
        },
        drift(CHATBOT, "tags.owner", |account| {
            Box::pin(tag(account, "owner", "other"))
        }),
        // As after a role that somebody deleted and made again under its name.
        drift(CHATBOT, "role_id", |account| {
            Box::pin(tag(account, "wmctl:role-id", "AROAOTHER"))
        }),
    ]
}

fn aliases() -> Vec<Drift> {
    vec![
        drift(LIVE, "version", |account| {
            Box::pin(async move {
                let version = publish(account).await;
                let call = account.aws.lambda.update_alias();
                let call = call.function_name(account.id(CHATBOT)).name("live");
                call.function_version(version).send().await.unwrap();
            })
        }),
        drift(LIVE, "also", |account| {
            Box::pin(async move {
                let version = publish(account).await;
                let shares = AliasRoutingConfiguration::builder();
                let shares = shares.additional_version_weights(version, 0.1).build();
                let call = account.aws.lambda.update_alias();
                let call = call.function_name(account.id(CHATBOT)).name("live");
                call.routing_config(shares).send().await.unwrap();
            })
        }),
    ]
}

fn permissions() -> Vec<Drift> {
    let replaced = |field, deed| Drift {
        action: "replace",
        ..drift(API, field, deed)
    };
    let extra = |id, deed| Drift {
        action: "delete",
        ..drift(id, "", deed)
    };
    vec![
        replaced("action", |account| {
            Box::pin(state_anew(account, |call| {
                call.action("lambda:GetFunction")
            }))
        }),
        replaced("principal", |account| {
            Box::pin(state_anew(account, |call| {
                call.principal("s3.amazonaws.com")
            }))
        }),
        replaced("source_arn", |account| {
            let arn = "arn:aws:execute-api:us-east-1:000000000000:other/*";
            Box::pin(state_anew(account, move |call| call.source_arn(arn)))
        }),
        extra("function-permission/chatbot-function-extra", |account| {
            Box::pin(state(account, CHATBOT, None))
        }),
        extra("function-permission/chatbot-live-other", |account| {
            Box::pin(state(account, CHATBOT, Some("live")))
        }),
        extra("function-permission/migrator-live-other", |account| {
            Box::pin(state(account, "function/migrator", Some("live")))
        }),
        Drift {
            action: "replace",
            ..drift(SCHEDULE, "source_arn", |account| {
                Box::pin(async move {
                    let migrator = account.id("function/migrator");
                    let call = account.aws.lambda.remove_permission();
                    let call = call.function_name(migrator).qualifier("live");
                    call.statement_id("schedule").send().await.unwrap();
                    // Whatever rule anybody makes.
                    let call = account.aws.lambda.add_permission();
                    let call = call.function_name(migrator).qualifier("live");
                    let call = call
                        .statement_id("schedule")
                        .principal("events.amazonaws.com");
                    call.action("lambda:InvokeFunction").send().await.unwrap();
                })
            })
        },
    ]
}

fn deletions() -> Vec<Deletion> {
    vec![
        Deletion {
            id: CHATBOT,
            also: UP_TO_THE_STAGE,
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.lambda.delete_function();
                    let call = call.function_name(account.id(CHATBOT));
                    call.send().await.unwrap();
                })
            },
        },
        Deletion {
            id: "function-version/chatbot",
            also: &[
                LIVE,
                API,
                "method/chatbot-post",
                "deployment/current",
                "stage/main",
            ],
            except: KEEPS_STATEMENTS,
            deed: |account| {
                Box::pin(async move {
                    let function = account.id(CHATBOT);
                    delete_alias(account).await;
                    let call = account.aws.lambda.delete_function().function_name(function);
                    let call = call.qualifier(account.id("function-version/chatbot"));
                    call.send().await.unwrap();
                })
            },
        },
        Deletion {
            id: LIVE,
            also: &[
                API,
                "method/chatbot-post",
                "deployment/current",
                "stage/main",
            ],
            except: KEEPS_STATEMENTS,
            deed: |account| Box::pin(delete_alias(account)),
        },
        Deletion {
            id: API,
            also: &[],
            except: &[],
            deed: |account| Box::pin(retract(account)),
        },
        Deletion {
            id: SCHEDULE,
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.lambda.remove_permission();
                    let call = call.function_name(account.id("function/migrator"));
                    let call = call.qualifier("live").statement_id("schedule");
                    call.send().await.unwrap();
                })
            },
        },
    ]
}

async fn configure(
    account: &Account,
    change: impl FnOnce(
        UpdateFunctionConfigurationFluentBuilder,
    ) -> UpdateFunctionConfigurationFluentBuilder,
) {
    let call = account.aws.lambda.update_function_configuration();
    let call = change(call.function_name(account.id(CHATBOT)));
    call.send().await.unwrap();
}

async fn role(account: &Account, id: &str) -> Role {
    let call = account.aws.iam.get_role().role_name(account.id(id));
    call.send().await.unwrap().role.unwrap()
}

async fn environment(account: &Account, variable: &str) {
    let call = account.aws.lambda.get_function_configuration();
    let call = call.function_name(account.id(CHATBOT));
    let now = call.send().await.unwrap().environment.unwrap();
    let mut variables = now.variables.unwrap();
    variables.insert(variable.to_owned(), "other".to_owned());
    let other = Environment::builder().set_variables(Some(variables));
    configure(account, |call| call.environment(other.build())).await;
}

async fn network(account: &Account, subnets: &[&str], group: &str) {
    let subnets = subnets.iter().map(|subnet| account.id(subnet).to_owned());
    let other = VpcConfig::builder()
        .set_subnet_ids(Some(subnets.collect()))
        .security_group_ids(account.id(group));
    configure(account, |call| call.vpc_config(other.build())).await;
}

/// Some code or other.
fn zip() -> Blob {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("bootstrap", options).unwrap();
    zip.write_all(b"other").unwrap();
    Blob::new(zip.finish().unwrap().into_inner())
}

async fn url(account: &Account, alias: Option<&str>) {
    let call = account.aws.lambda.create_function_url_config();
    let call = call.function_name(account.id(CHATBOT));
    let call = call.set_qualifier(alias.map(str::to_owned));
    let call = call.auth_type(FunctionUrlAuthType::None);
    call.send().await.unwrap();
}

async fn tag(account: &Account, key: &str, value: &str) {
    let call = account.aws.lambda.get_function_configuration();
    let call = call.function_name(account.id(CHATBOT));
    let arn = call.send().await.unwrap().function_arn.unwrap();
    let call = account.aws.lambda.tag_resource().resource(arn);
    call.tags(key, value).send().await.unwrap();
}

/// A version that nobody asked for.
async fn publish(account: &Account) -> String {
    configure(account, |call| call.description("other")).await;
    let call = account.aws.lambda.publish_version();
    let call = call.function_name(account.id(CHATBOT));
    call.send().await.unwrap().version.unwrap()
}

async fn retract(account: &Account) {
    let call = account.aws.lambda.remove_permission();
    let call = call.function_name(account.id(CHATBOT)).qualifier("live");
    call.statement_id("api").send().await.unwrap();
}

/// The statement that lets API Gateway in, with one thing other than it was.
async fn state_anew(
    account: &Account,
    change: impl FnOnce(AddPermissionFluentBuilder) -> AddPermissionFluentBuilder,
) {
    retract(account).await;
    let (api, wanted) = (account.id("rest-api/main"), &account.values[API]);
    let path = wanted["source_arn"].as_str().unwrap();
    let path = path.split_once('}').unwrap().1;
    let call = account.aws.lambda.add_permission();
    let call = call
        .function_name(account.id(CHATBOT))
        .qualifier("live")
        .statement_id("api")
        .action(wanted["action"].as_str().unwrap())
        .principal(wanted["principal"].as_str().unwrap())
        .source_arn(format!(
            "arn:aws:execute-api:us-east-1:{}:{api}{path}",
            account.aws.account
        ));
    change(call).send().await.unwrap();
}

/// One more statement.
async fn state(account: &Account, function: &str, alias: Option<&str>) {
    let call = account.aws.lambda.add_permission();
    // Emulators keep the statements of a function and of its aliases together.
    let id = alias.map_or("extra", |_| "other");
    let call = call
        .function_name(account.id(function))
        .set_qualifier(alias.map(str::to_owned))
        .statement_id(id)
        .action("lambda:InvokeFunction")
        .principal("*");
    call.send().await.unwrap();
}

async fn delete_alias(account: &Account) {
    let call = account.aws.lambda.delete_alias();
    let call = call.function_name(account.id(CHATBOT)).name("live");
    call.send().await.unwrap();
}
