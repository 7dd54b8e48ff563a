//! IAM's simulator in front of an emulator, whose own knows neither several resources nor the
//! circumstances of a call. Everything else goes through.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::support::wire;

pub struct Gate {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: SocketAddr,
    /// The statements of the caller's policies.
    statements: Mutex<Vec<Value>>,
}

impl Gate {
    pub fn new(upstream: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = upstream.trim_start_matches("http://").parse().unwrap();
        let shared = Arc::new(Shared {
            upstream,
            statements: Mutex::default(),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = accepting.clone();
                thread::spawn(move || shared.serve(&stream));
            }
        });
        Self {
            url: format!("http://{address}"),
            shared,
        }
    }

    pub fn allow(&self, statements: Vec<Value>) {
        *self.shared.statements.lock().unwrap() = statements;
    }
}

impl Shared {
    fn serve(&self, client: &TcpStream) {
        let _ = client.set_nodelay(true);
        let Ok(mut upstream) = TcpStream::connect(self.upstream) else {
            return;
        };
        while let Ok(Some(bytes)) = wire::request(client) {
            let name = wire::name(&bytes);
            let reply = if name == "iam SimulatePrincipalPolicy" {
                self.simulate(&bytes)
            } else {
                let bytes = over_tls(&bytes);
                wire::exchange(&mut upstream, &bytes).unwrap_or_else(|_| {
                    // It had closed the connection meanwhile.
                    upstream = TcpStream::connect(self.upstream).unwrap();
                    wire::exchange(&mut upstream, &bytes).unwrap()
                })
            };
            // The last byte is read when the answer is ready.
            let mut client = client;
            if std::io::Read::read_exact(&mut client, &mut [0]).is_err()
                || client.write_all(&reply).is_err()
            {
                return;
            }
        }
    }

    fn simulate(&self, request: &[u8]) -> Vec<u8> {
        let form = form(request);
        let list = |prefix: &str| -> Vec<&String> {
            let names = (1..).map(|n| format!("{prefix}.member.{n}"));
            names.map_while(|name| form.get(&name)).collect()
        };
        let context: BTreeMap<&String, &String> = (1..)
            .map_while(|n| {
                let entry = format!("ContextEntries.member.{n}");
                let key = form.get(&format!("{entry}.ContextKeyName"))?;
                Some((
                    key,
                    form.get(&format!("{entry}.ContextKeyValues.member.1"))?,
                ))
            })
            .collect();
        let statements = self.statements.lock().unwrap();
        let decide = |action: &str, resource: &str| {
            let allowed = |statement: &Value| {
                let any = |field: &str, fits: &dyn Fn(&str) -> bool| {
                    texts(&statement[field]).iter().any(|text| fits(text))
                };
                any("Action", &|one| one == action)
                    && any("Resource", &|one| covers(one, resource))
                    && holds(&statement["Condition"], &context)
            };
            if statements.iter().any(allowed) {
                "allowed"
            } else {
                "implicitDeny"
            }
        };
        let resources = list("ResourceArns");
        let result = |action: &String| {
            let each = resources.iter().map(|resource| {
                let decision = decide(action, resource);
                format!(
                    "<member><EvalResourceName>{resource}</EvalResourceName>\
                     <EvalResourceDecision>{decision}</EvalResourceDecision></member>"
                )
            });
            format!(
                "<member><EvalActionName>{action}</EvalActionName>\
                 <EvalResourceName>*</EvalResourceName><EvalDecision>implicitDeny</EvalDecision>\
                 <ResourceSpecificResults>{}</ResourceSpecificResults></member>",
                each.collect::<Vec<_>>().concat()
            )
        };
        let actions = list("ActionNames");
        let results = actions.into_iter().map(result).collect::<Vec<_>>().concat();
        let body = format!(
            "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        );
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// As a proxy passes on what came to it over TLS: buckets refuse everything else.
fn over_tls(request: &[u8]) -> Vec<u8> {
    let line = request.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let (line, rest) = request.split_at(line);
    [line, b"x-forwarded-proto: https\r\n", rest].concat()
}

/// Each key of each operator has one of the values; `IfExists` holds without the key, too.
fn holds(condition: &Value, context: &BTreeMap<&String, &String>) -> bool {
    let operators = condition.as_object().into_iter().flatten();
    operators.into_iter().all(|(operator, keys)| {
        assert!(
            ["StringEquals", "StringEqualsIfExists", "StringLike", "Bool"]
                .contains(&operator.as_str()),
            "{operator}"
        );
        keys.as_object()
            .unwrap()
            .iter()
            .all(|(key, values)| match context.get(key) {
                Some(value) if operator == "StringLike" => {
                    texts(values).iter().any(|pattern| covers(pattern, value))
                }
                Some(value) => texts(values).contains(value),
                None => operator.ends_with("IfExists"),
            })
    })
}

pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

/// Whether IAM takes `text` for what `pattern` stands for.
pub fn covers(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && covers(tail, &rest[at..]))
        }),
    }
}

fn form(request: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(request);
    let body = text.split_once("\r\n\r\n").unwrap().1;
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            let digits = std::str::from_utf8(&digits).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
        }
    }
    String::from_utf8(bytes).unwrap()
}
