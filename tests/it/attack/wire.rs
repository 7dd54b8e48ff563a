//! Requests as bytes, for what no HTTP client would send.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::local::Endpoint;

/// Where the gateway listens, and under which name and path it knows the endpoint.
pub struct Wire {
    address: String,
    pub host: String,
    pub path: String,
}

/// All that came back over one connection.
pub struct Answers {
    pub text: String,
}

impl Wire {
    pub fn to(endpoint: &Endpoint) -> Self {
        let rest = endpoint.url.strip_prefix("http://").unwrap();
        let (address, path) = rest.split_once('/').unwrap();
        Self {
            address: address.to_owned(),
            host: endpoint.host.clone(),
            path: format!("/{path}"),
        }
    }

    /// A request after which the connection ends. `lines` end in CR and LF each.
    pub fn request(&self, method: &str, path: &str, lines: &str, body: &str) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n", body.len());
        self.framed(method, path, &format!("{length}{lines}"), body)
    }

    /// The same, with the body's framing among the lines.
    pub fn framed(&self, method: &str, path: &str, lines: &str, body: &str) -> Vec<u8> {
        let host = &self.host;
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\n{lines}\r\n{body}"
        )
        .into_bytes()
    }

    /// What these bytes get until the other side ends the connection.
    pub fn send(&self, bytes: &[u8]) -> Answers {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // Not a time to keep: without an end a request that leaves the server waiting would hang.
        let patience = Some(Duration::from_mins(1));
        stream.set_read_timeout(patience).unwrap();
        // Whoever refuses a request early may not read it to its end.
        let _ = stream.write_all(bytes);
        let mut read = Vec::new();
        if let Err(error) = stream.read_to_end(&mut read) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        }
        Answers {
            text: String::from_utf8_lossy(&read).into_owned(),
        }
    }
}

impl Answers {
    pub fn statuses(&self) -> Vec<u16> {
        // No body here has this in it.
        let heads = self.text.match_indices("HTTP/1.1 ");
        heads
            .map(|(at, head)| self.text[at + head.len()..][..3].parse().unwrap())
            .collect()
    }

    /// The body of the only answer.
    pub fn json(&self) -> Value {
        let body = self.text.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}
