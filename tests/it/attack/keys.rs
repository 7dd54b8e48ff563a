//! A key in any other place, under any other name, in any other form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Target, is_refusal};

/// The gateway's refusal of a key.
const KEY: (u16, &str) = (403, "invalid_api_key");

pub fn only_the_header_counts(target: &Target) {
    let (wire, key) = (&target.wire, &target.key);
    let refused = |what: &str, bytes: Vec<u8>| target.refused_as(what, &bytes, KEY.0, KEY.1);

    refused("no key", target.request(""));
    for query in [
        format!("x-api-key={key}"),
        format!("X-API-KEY={key}"),
        format!("apiKey={key}"),
        format!("api_key={key}&key={key}&token={key}"),
        format!("headers%5Bx-api-key%5D={key}"),
    ] {
        let path = format!("{}?{query}", wire.path);
        let bytes = wire.request("POST", &path, "", &Target::body());
        refused(&query.replace(key, "KEY"), bytes);
    }
    let mut body: Value = serde_json::from_str(&Target::body()).unwrap();
    body["x-api-key"] = key.as_str().into();
    body["headers"] = json!({ "x-api-key": key });
    body["params"]["x-api-key"] = key.as_str().into();
    let bytes = wire.request("POST", &wire.path, "", &body.to_string());
    refused("in the body", bytes);
    let form = format!("x-api-key={key}");
    refused("a form", wire.request("POST", &wire.path, "", &form));

    let basic = STANDARD.encode(format!("x-api-key:{key}"));
    for (name, value) in [
        ("Authorization", key.clone()),
        ("Authorization", format!("Bearer {key}")),
        ("Authorization", format!("ApiKey {key}")),
        ("Authorization", format!("Basic {basic}")),
        ("Proxy-Authorization", format!("Bearer {key}")),
        ("Cookie", format!("x-api-key={key}; X-Api-Key={key}")),
        ("Referer", format!("https://example.com/?x-api-key={key}")),
        ("X-Amz-Security-Token", key.clone()),
        ("X-Forwarded-For", key.clone()),
    ] {
        let bytes = target.request(&format!("{name}: {value}\r\n"));
        refused(&format!("in {name}"), bytes);
    }
    // A field that comes after the body is not a header.
    let chunked = "Transfer-Encoding: chunked\r\nTrailer: x-api-key\r\n";
    let (body, line) = (Target::body(), target.with_key());
    let body = format!("{:x}\r\n{body}\r\n0\r\n{line}\r\n", body.len());
    let bytes = wire.framed("POST", &wire.path, chunked, &body);
    refused("in a trailer", bytes);
    // Before the host's name, where URLs have passwords; and after the path.
    let url = format!("http://x-api-key:{key}@{}{}", wire.host, wire.path);
    let bytes = wire.request("POST", &url, "", &Target::body());
    target.refused("in the URL", &bytes);
    let path = format!("{}/{key}", wire.path);
    let bytes = wire.request("POST", &path, "", &Target::body());
    target.refused("in the path", &bytes);
}

pub fn a_header_has_one_name_and_one_value(target: &Target) {
    let key = &target.key;
    // Names have no case; values have.
    target.answered(
        "capitals",
        &target.request(&format!("X-API-KEY: {key}\r\n")),
    );
    target.answered(
        "space around",
        &target.request(&format!("x-api-key: \t{key} \r\n")),
    );

    let shorter = &key[..key.len() - 1];
    let last = &key[key.len() - 1..];
    let (upper, lower) = (key.to_uppercase(), key.to_lowercase());
    assert!(upper != *key && lower != *key, "a key of one case");
    let first = format!("%{:02x}{}", key.as_bytes()[0], &key[1..]);
    let values = [
        format!("{key}, wrong"),
        format!("wrong, {key}"),
        format!("{key},{key}"),
        format!("{key};"),
        format!("\"{key}\""),
        format!("Bearer {key}"),
        format!("{key}{key}"),
        format!("{key}\0"),
        format!("\0{key}"),
        format!("{key}\0wrong"),
        format!("{key}\u{200b}"),
        format!("{key}\r"),
        format!("{shorter} {last}"),
        // Folded in the middle, as headers once were.
        format!("{shorter}\r\n {last}"),
        shorter.to_owned(),
        shorter[1..].to_owned(),
        first,
        upper,
        lower,
        "*".to_owned(),
        "%".to_owned(),
        "null".to_owned(),
        "' OR '1'='1".to_owned(),
        String::new(),
        "A".repeat(20_000),
    ];
    let mut attacks: Vec<String> = values
        .iter()
        .map(|value| format!("x-api-key: {value}\r\n"))
        .collect();
    for name in [
        "x_api_key",
        "x-api_key",
        "X_API_KEY",
        "HTTP_X_API_KEY",
        "x-api-key ",
        "x-api-key\t",
        "x-api-key\0",
        "x-api-key\u{b}",
        "\0x-api-key",
        "x-api\0-key",
        "x api key",
        "x\u{2010}api\u{2010}key",
        // K, by another name.
        "x-api-\u{212a}ey",
        "xapikey",
        "api-key",
        "apikey",
        "x-api-keys",
        "x-x-api-key",
        "x-api-key%20",
        ":x-api-key",
        "X-Other: a\r\n x-api-key",
        "X-Other: a\r\n\tx-api-key",
        "X-Other: a\rx-api-key",
    ] {
        attacks.push(format!("{name}: {key}\r\n"));
    }
    for (one, other) in [
        (key.as_str(), "wrong"),
        ("wrong", key.as_str()),
        (key, ""),
        ("", key),
    ] {
        for name in ["x-api-key", "X-API-KEY"] {
            attacks.push(format!("x-api-key: {one}\r\n{name}: {other}\r\n"));
        }
    }
    for lines in attacks {
        let what = lines.replace(key, "KEY");
        let what: String = what.chars().take(60).collect();
        // Before it, a line that a folded one may join.
        let bytes = target.request(&format!("X-First: a\r\n{lines}"));
        target.refused(&format!("{what:?}"), &bytes);
    }
}

/// Both lengths at once, and what one reading hides from another. Nobody here has a key, so there
/// is no reading in which there may be an answer.
pub fn no_framing_hides_a_request(target: &Target) {
    let wire = &target.wire;
    let hidden = String::from_utf8(target.request("x-api-key: wrong\r\n")).unwrap();
    let body = Target::body();
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let end = "0\r\n\r\n".to_owned();
    for coding in [
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: Chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "X-Other: a\r\n Transfer-Encoding: chunked",
        "Transfer_Encoding: chunked",
    ] {
        for body in [&chunk, &end] {
            let body = format!("{body}{hidden}");
            // The length of all of it, and of what comes before the hidden request.
            for length in [body.len(), body.len() - hidden.len()] {
                let lines = format!("X-First: a\r\nContent-Length: {length}\r\n{coding}\r\n");
                let bytes = wire.framed("POST", &wire.path, &lines, &body);
                target.refused(coding, &bytes);
            }
        }
    }
    let length = body.len();
    for lines in [
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}, 0\r\n"),
        format!("Content-Length: +{length}\r\n"),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 99999999999999999999999999\r\n".to_owned(),
    ] {
        let bytes = wire.framed("POST", &wire.path, &lines, &format!("{body}{hidden}"));
        target.refused(&lines, &bytes);
    }
}

/// AWS hands over each header twice, as one value and as a list, and its own reading of a header
/// that came twice is not documented. So the function takes one value or none.
pub fn the_function_reads_events_as_strictly(target: &Target) {
    let key = target.key.as_str();
    let event = |headers: &Value, several: &Value| {
        json!({
            "resource": "/chatbot",
            "path": "/chatbot",
            "httpMethod": "POST",
            "headers": headers,
            "multiValueHeaders": several,
            "requestContext": {"stage": "prod", "identity": {"apiKey": key, "apiKeyId": "k1"}},
            "body": Target::body(),
            "isBase64Encoded": false,
        })
    };
    let none = Value::Null;
    for (headers, several) in [
        (json!({"x-api-key": key}), none.clone()),
        (json!({"X-Api-Key": key}), json!({"X-Api-Key": [key]})),
        (none.clone(), json!({"X-API-KEY": [key, key]})),
    ] {
        let answer = target.invoke(&event(&headers, &several));
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }

    let mut forged = vec![
        event(&none, &none),
        event(&json!({"x-api-key": key}), &json!({"x-api-key": ["wrong"]})),
        event(&json!({"x-api-key": "wrong"}), &json!({"x-api-key": [key]})),
        event(&json!({"x-api-key": "wrong", "X-Api-Key": key}), &none),
        event(&json!({"x-api-key": {"0": key}}), &none),
        event(&json!({"x-api-key": [[key]]}), &none),
        event(&json!([["x-api-key", key]]), &none),
        event(&json!(format!("x-api-key: {key}")), &none),
    ];
    for several in [[key, "wrong"], ["wrong", key], [key, ""], ["", key]] {
        forged.push(event(&none, &json!({ "x-api-key": several })));
    }
    for name in [
        "x_api_key",
        "x-api-key ",
        " x-api-key",
        "x-api-key\0",
        "x-api-key:",
        "x-api-\u{212a}ey",
        "Authorization",
        "Cookie",
    ] {
        forged.push(event(&json!({ name: key }), &json!({ name: [key] })));
    }
    for value in [
        format!("{key}\0"),
        format!(" {key}"),
        format!("{key}\r\n"),
        format!("{key}, {key}"),
        format!("Bearer {key}"),
        key.to_uppercase(),
        key[1..].to_owned(),
        "A".repeat(1 << 20),
    ] {
        forged.push(event(&json!({ "x-api-key": value }), &none));
    }
    let mut elsewhere = event(&none, &none);
    elsewhere["queryStringParameters"] = json!({ "x-api-key": key });
    elsewhere["multiValueQueryStringParameters"] = json!({ "x-api-key": [key] });
    elsewhere["pathParameters"] = json!({ "x-api-key": key });
    elsewhere["stageVariables"] = json!({ "x-api-key": key });
    elsewhere["x-api-key"] = key.into();
    forged.push(elsewhere);
    for (number, event) in forged.iter().enumerate() {
        let answer = target.invoke(event);
        let what = format!("event {number}");
        assert_eq!(answer["statusCode"], 401, "{what}");
        let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        is_refusal(&what, &body, "unauthorized");
    }
}
