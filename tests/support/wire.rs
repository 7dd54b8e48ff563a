//! As much of HTTP/1.1 as the AWS SDK and the emulators speak, and AWS's errors in each of its
//! protocols.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;

/// The next request, whose last byte stays unread. None where the connection has ended.
pub fn request(mut stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let Some(head) = peek_head(stream)? else {
        return Ok(None);
    };
    let length = head.len() + header(&head, "content-length").map_or(0, |n| n.parse().unwrap());
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes[..length - 1])?;
    stream.peek(&mut bytes[length - 1..])?;
    Ok(Some(bytes))
}

/// Sends a request and reads the whole answer.
pub fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request)?;
    let head = peek_head(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut bytes = vec![0; head.len()];
    stream.read_exact(&mut bytes)?;
    if header(&head, "transfer-encoding").is_some() {
        while read_chunk(stream, &mut bytes)? > 0 {}
    } else if let Some(length) = header(&head, "content-length") {
        let start = bytes.len();
        bytes.resize(start + length.parse::<usize>().unwrap(), 0);
        stream.read_exact(&mut bytes[start..])?;
    }
    Ok(bytes)
}

fn peek_head(stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let seen = stream.peek(&mut buffer)?;
        if seen == 0 {
            return Ok(None);
        }
        if let Some(end) = find(&buffer[..seen], b"\r\n\r\n") {
            buffer.truncate(end + 4);
            return Ok(Some(buffer));
        }
        thread::yield_now();
    }
}

/// Appends the next chunk as it came; its length, which is 0 for the last.
fn read_chunk(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let start = bytes.len();
    while !bytes[start..].ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        bytes.extend(byte);
    }
    let line = String::from_utf8_lossy(&bytes[start..]);
    let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
    let start = bytes.len();
    bytes.resize(start + length + 2, 0);
    stream.read_exact(&mut bytes[start..])?;
    Ok(length)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn head(message: &[u8]) -> &str {
    let end = find(message, b"\r\n\r\n").unwrap_or(message.len());
    std::str::from_utf8(&message[..end]).unwrap()
}

fn header<'a>(message: &'a [u8], name: &str) -> Option<&'a str> {
    head(message).lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub fn signed(request: &[u8]) -> bool {
    service(request).is_some()
}

/// The service in the signature's scope.
fn service(request: &[u8]) -> Option<&str> {
    let scope = header(request, "authorization")?
        .split("Credential=")
        .nth(1)?;
    scope.split('/').nth(3)
}

/// The action of a call in the query protocol.
fn action(request: &[u8]) -> Option<&str> {
    let body = &request[find(request, b"\r\n\r\n")? + 4..];
    let body = body.strip_prefix(b"Action=")?;
    let end = body
        .iter()
        .position(|byte| *byte == b'&')
        .unwrap_or(body.len());
    std::str::from_utf8(&body[..end]).ok()
}

/// Service and operation, as `wmctl -v` shows them; ids that AWS assigns are `*`.
pub fn name(request: &[u8]) -> String {
    let service = service(request).unwrap_or("-");
    if let Some(target) = header(request, "x-amz-target") {
        return format!("{service} {}", target.rsplit('.').next().unwrap());
    }
    if let Some(action) = action(request) {
        return format!("{service} {action}");
    }
    let line = head(request).lines().next().unwrap();
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let path = path.split('?').next().unwrap();
    format!("{service} {method} {}", without_ids(path))
}

fn without_ids(path: &str) -> String {
    const PARENTS: [&str; 8] = [
        "apikeys",
        "deployments",
        "keys",
        "requestvalidators",
        "resources",
        "restapis",
        "tags",
        "usageplans",
    ];
    let mut parent = "";
    let segments = path.split('/').map(|segment| {
        let assigned = PARENTS.contains(&parent);
        parent = segment;
        if assigned { "*" } else { segment }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// HTTP 500 as the request's service says it.
pub fn failure(request: &[u8]) -> Vec<u8> {
    error(
        request,
        500,
        "InternalFailure",
        "An internal error occurred.",
    )
}

/// Throttling as the request's service says it.
pub fn throttling(request: &[u8]) -> Vec<u8> {
    let (status, code) = match service(request) {
        Some("ec2") => (503, "RequestLimitExceeded"),
        Some("apigateway" | "lambda") => (429, "TooManyRequestsException"),
        _ if action(request).is_some() => (400, "Throttling"),
        _ => (400, "ThrottlingException"),
    };
    error(request, status, code, "Rate exceeded")
}

fn error(request: &[u8], status: u16, code: &str, message: &str) -> Vec<u8> {
    let xml = action(request).is_some();
    let body = match service(request) {
        Some("ec2") => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>r-1</RequestID></Response>"
        ),
        _ if xml => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
        ),
        _ => format!(r#"{{"__type":"{code}","message":"{message}"}}"#),
    };
    let content = if xml {
        "text/xml"
    } else {
        "application/x-amz-json-1.1"
    };
    format!(
        "HTTP/1.1 {status} Fault\r\nContent-Type: {content}\r\nx-amzn-errortype: {code}\r\nx-amzn-requestid: r-1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
