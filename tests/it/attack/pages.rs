//! A page in a browser on the machine of whoever runs the local cloud, which trusts everybody who
//! can reach it.

use super::Target;

/// Where the local cloud itself takes requests, as pages can send them.
pub fn no_page_reaches_the_local_cloud(target: &Target) {
    let port = target.cloud.gateway_port;
    let own = format!("127.0.0.1:{port}");
    let secret = r#"{"SecretId": "watermark-chatbot-prod/api-key-chatbot"}"#;
    let ask = |method: &str, path: &str, host: &str, lines: &str, body: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\
             X-Amz-Target: secretsmanager.GetSecretValue\r\n{lines}\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let refused = |what: &str, bytes: &[u8]| {
        let answers = target.refused(what, bytes);
        assert_eq!(answers.statuses(), [403], "{what}: {}", answers.text);
        let text = answers.text.to_lowercase();
        assert!(!text.contains("access-control-allow"), "{what}: {text}");
    };
    for host in [&own, &format!("localhost:{port}")] {
        let told = target.wire.send(&ask("POST", "/", host, "", secret));
        assert!(told.text.contains(&target.key), "a program on this machine");
        let told = target
            .wire
            .send(&ask("POST", "/", host, "Sec-Fetch-Site: none\r\n", secret));
        assert!(told.text.contains(&target.key), "the address bar");
    }
    for lines in [
        "Origin: https://example.com\r\n",
        "Origin: http://localhost:3000\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
    ] {
        refused(lines, &ask("POST", "/", &own, lines, secret));
        let preflight = format!("{lines}Access-Control-Request-Headers: x-amz-target\r\n");
        refused(lines, &ask("OPTIONS", "/", &own, &preflight, ""));
        let query = "/?Action=ListUsers&Version=2010-05-08";
        refused(lines, &ask("GET", query, &own, lines, ""));
        // The endpoint is for a chatbot, which is no page either.
        let with_key = format!("{}{lines}", target.with_key());
        refused(lines, &target.request(&with_key));
        let upgrade = format!(
            "{lines}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        refused(lines, &ask("GET", "/", &own, &upgrade, ""));
    }
    // A name of the page's own that leads here.
    for host in [
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "example-localhost",
        "execute-api.localhost.example.com",
    ] {
        let host = format!("{host}:{port}");
        refused(&host, &ask("POST", "/", &host, "", secret));
    }
}
