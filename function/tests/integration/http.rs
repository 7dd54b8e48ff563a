//! As much of an HTTP/1.1 server as the Runtime API and Secrets Manager need.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What a client sent.
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The header of that name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }
}

/// What it gets.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }
}

/// Serves on a free loopback port until the process ends; `None` closes the connection.
pub fn serve(handler: impl Fn(Request) -> Option<Reply> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let handler = Arc::new(handler);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = Arc::clone(&handler);
            // A client that goes away in the middle ends its connection, not the test.
            thread::spawn(move || converse(stream, &*handler));
        }
    });
    address
}

fn converse(stream: TcpStream, handler: &dyn Fn(Request) -> Option<Reply>) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let reply = handler(read(&mut reader)?)?;
        let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.extend([name.as_str(), ": ", value, "\r\n"]);
        }
        head.extend([
            "Content-Length: ",
            &reply.body.len().to_string(),
            "\r\n\r\n",
        ]);
        // In one piece: the second of two small ones would wait until the first is acknowledged.
        head.push_str(&reply.body);
        writer.write_all(head.as_bytes()).ok()?;
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    // Headers are bytes; what is not UTF-8 in them matters to no one here.
    let line = |reader: &mut BufReader<TcpStream>| {
        let mut text = Vec::new();
        let count = reader.read_until(b'\n', &mut text).ok()?;
        (count > 0).then(|| {
            String::from_utf8_lossy(&text)
                .trim_end_matches(['\r', '\n'])
                .to_string()
        })
    };
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_string(), words.next()?.to_string());
    let mut length = 0;
    let mut chunked = false;
    let mut headers = Vec::new();
    loop {
        let header = line(reader)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_string());
        match name.as_str() {
            "content-length" => length = value.parse().ok()?,
            "transfer-encoding" => chunked = value.contains("chunked"),
            _ => {}
        }
        headers.push((name, value));
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = usize::from_str_radix(&line(reader)?, 16).ok()?;
            let start = body.len();
            body.resize(start + size, 0);
            reader.read_exact(&mut body[start..]).ok()?;
            line(reader);
            if size == 0 {
                break;
            }
        }
    } else {
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some(Request {
        method,
        path,
        headers,
        body,
    })
}
