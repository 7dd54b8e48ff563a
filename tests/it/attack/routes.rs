//! Other paths, other methods, and the function that has no API.

use serde_json::{Value, json};

use super::{MIGRATOR, Target, is_bad_request};

pub fn there_is_one_path(target: &Target) {
    let wire = &target.wire;
    let post = |path: &str, lines: &str| wire.request("POST", path, lines, &Target::body());
    let key = target.with_key();
    let wrong = "x-api-key: wrong\r\n";

    // In the stage the refusal is the contract's, and no key makes a difference.
    for path in [
        "/prod",
        "/prod/",
        "/prod/chat",
        "/prod/chatbot/more",
        "/prod/chatbot/..",
        "/prod/Chatbot",
        "/prod/chatbot%20",
        "/prod/chatbot%00",
        "/prod/chatbot;a=b",
        "/prod/chatbot%3Fa=b",
        "/prod/*",
        "/prod/{proxy+}",
        "/prod/../prod/chatbot",
        "/prod/more/../chatbot",
        "/prod/./chatbot",
        "/prod/%2e%2e/prod/chatbot",
        "/prod/..%2f..%2f..%2fetc%2fpasswd",
        "/prod/../../../../etc/passwd",
        "/prod/health",
        "/prod/chatbot/health",
    ] {
        for lines in ["", wrong, &key] {
            let what = format!("{path} with {} of a key", lines.len());
            target.refused_as(&what, &post(path, lines), 403, "unknown_route");
        }
    }
    // Beside it there is no deployment whose refusal it could be.
    for path in [
        "/",
        "/chatbot",
        "/test/chatbot",
        "/PROD/chatbot",
        "/prod2/chatbot",
        "/prod%00/chatbot",
        "/$default/chatbot",
        "/$default/prod/chatbot",
        "/../prod/chatbot",
        "/2015-03-31/functions",
        &format!("/2015-03-31/functions/{MIGRATOR}/invocations"),
    ] {
        for lines in ["", wrong, &key] {
            let answers = target.refused(path, &post(path, lines));
            assert_eq!(answers.statuses(), [403], "{path}: {}", answers.text);
        }
    }
    // Whether these are the path is for the gateway to say. Without a key it does not matter.
    for path in [
        "/prod/chatbot/",
        "/prod//chatbot",
        "//prod/chatbot",
        "/prod/%63hatbot",
        "/prod%2Fchatbot",
        "/prod/chatbot#more",
        "/prod/chatbot?",
        "/prod/chatbot?../../x",
    ] {
        for lines in ["", wrong] {
            target.refused(path, &post(path, lines));
        }
        target.send(path, &post(path, &key));
    }
    // Under another API's name there is none; under the local gateway's other names for this one
    // the key is asked for as well.
    let api = wire.host.split('.').next().unwrap();
    let other = |host: &str, path: &str, lines: &str| {
        let request = String::from_utf8(post(path, lines)).unwrap();
        let own = format!("Host: {}", wire.host);
        assert!(request.contains(&own));
        request.replace(&own, &format!("Host: {host}")).into_bytes()
    };
    let strange = wire.host.replace(api, "deadbeef");
    target.refused(
        "another API's name",
        &other(&strange, "/prod/chatbot", &key),
    );
    for path in [
        format!("/restapis/{api}/prod/_user_request_/chatbot"),
        format!("/_aws/execute-api/{api}/prod/chatbot"),
    ] {
        for lines in ["", wrong] {
            target.refused(&path, &other("localhost", &path, lines));
        }
    }
}

pub fn there_is_one_method(target: &Target) {
    let wire = &target.wire;
    let key = target.with_key();
    for method in [
        "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "POSTS",
    ] {
        for lines in ["", &key] {
            let bytes = wire.request(method, &wire.path, lines, &Target::body());
            target.refused_as(method, &bytes, 403, "unknown_route");
        }
    }
    // Its answer has no body to be in the contract's shape.
    let head = target.refused("HEAD", &wire.request("HEAD", &wire.path, &key, ""));
    assert_eq!(head.statuses(), [403], "{}", head.text);
    // One method is not another by a header's word.
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
    ] {
        let lines = format!("{key}{name}: POST\r\n");
        let bytes = wire.request("GET", &wire.path, &lines, &Target::body());
        target.refused_as(name, &bytes, 403, "unknown_route");
        let lines = format!("{key}{name}: DELETE\r\n");
        target.answered(name, &target.request(&lines));
    }
    // No page of another site is let in: its browser would have to be told so.
    let asked = "Access-Control-Request-Method: POST\r\n\
                 Access-Control-Request-Headers: x-api-key\r\n";
    let preflight = wire.request("OPTIONS", &wire.path, asked, "");
    let real = target.request(&format!("{key}{asked}"));
    for bytes in [preflight, real] {
        let text = target.send("another origin", &bytes).text.to_lowercase();
        assert!(!text.contains("access-control-allow"), "{text}");
    }
}

pub fn no_way_leads_to_the_migrator(target: &Target) {
    let before = target.log(MIGRATOR);
    assert!(!before.is_empty(), "it migrated when the stack was made");

    // The API has one method, and that one calls the other function.
    let gateway = &target.aws.apigateway;
    let api = target.wire.host.split('.').next().unwrap();
    let resources = gateway.get_resources().rest_api_id(api).embed("methods");
    let resources = target.runtime.block_on(resources.send()).unwrap();
    let methods: Vec<_> = resources
        .items()
        .iter()
        .flat_map(|resource| resource.resource_methods().into_iter().flatten())
        .collect();
    let [(verb, method)] = methods[..] else {
        panic!("{methods:#?}");
    };
    assert_eq!(verb, "POST");
    assert_eq!(method.api_key_required(), Some(true));
    let uri = method.method_integration().unwrap().uri().unwrap();
    let function = format!("{}:live/invocations", super::CHATBOT);
    assert!(uri.ends_with(&function), "{uri}");

    let wire = &target.wire;
    let key = target.with_key();
    let ask = json!({"action": "migrate"}).to_string();
    for path in [
        "/prod/migrate",
        "/prod/migrator",
        "/prod/maintain",
        "/prod/status",
        "/prod/rotate",
        "/prod/chatbot/migrate",
    ] {
        let bytes = wire.request("POST", path, &key, &ask);
        target.refused_as(path, &bytes, 403, "unknown_route");
    }
    // Its own events, and its actions as intents, parameters and beside an intent.
    let rotation = json!({"Step": "createSecret", "SecretId": "x", "ClientRequestToken": "x"});
    let mut bodies = vec![rotation, json!({"wmctl": "health"})];
    for action in [
        "status", "plan", "migrate", "repair", "maintain", "rebuild", "rotate", "health",
    ] {
        bodies.push(json!({ "action": action }));
        bodies.push(json!({ "intent": action }));
        bodies.push(json!({"intent": "get_access_logs", "action": action}));
        bodies.push(json!({"intent": "get_access_logs", "params": {"action": action}}));
    }
    for body in bodies {
        let (status, answer) = target.post("a migrator's event", &body.to_string());
        assert_eq!(status, 400, "{body}: {answer}");
        is_bad_request(&body.to_string(), &answer);
    }
    for lines in [
        "X-Amz-Invocation-Type: Event\r\n",
        "X-Amz-Function-Name: migrator\r\n",
        "X-Amz-Target: AWSLambda.Invoke\r\n",
        "X-Amz-Client-Context: eyJhY3Rpb24iOiJtaWdyYXRlIn0=\r\n",
    ] {
        let path = format!("{}?Qualifier=live&function={MIGRATOR}", wire.path);
        let bytes = wire.request("POST", &path, &format!("{key}{lines}"), &ask);
        let answers = target.send(lines, &bytes);
        assert_eq!(answers.statuses(), [400], "{lines}: {}", answers.text);
    }
    assert_eq!(target.log(MIGRATOR), before, "the migrator ran");

    // Nor does an event for it mean anything to the chatbot's function.
    for event in [
        json!({"action": "migrate"}),
        json!({"action": "status"}),
        json!({"wmctl": "migrate"}),
        json!({"Step": "createSecret", "SecretId": "x", "ClientRequestToken": "x"}),
        json!({"Records": [{"body": ask}]}),
        json!({}),
    ] {
        let answer: Value = target.invoke(&event);
        assert_eq!(answer["statusCode"], 405, "{event}: {answer}");
    }
}
