//! Attacks and what looks like them.

use super::*;

#[test]
fn every_rule_compiles() {
    let patterns = rules::SQL_INJECTION.iter().chain(rules::XSS);
    for pattern in patterns
        .chain(rules::PATH_TRAVERSAL)
        .chain(&[rules::ENCODED_STEP, rules::IN_AGENT])
    {
        assert!(Regex::new(pattern).is_ok(), "{pattern}");
    }
}

fn all(kind: Kind, endpoints: &[&str]) {
    for endpoint in endpoints {
        assert!(
            classify(endpoint).contains(&kind),
            "{kind:?}: {endpoint} → {}",
            without_comments(&decode(endpoint))
        );
    }
}

#[test]
fn sql_injection() {
    all(
        Kind::SqlInjection,
        &[
            "/api/users?id=1' OR '1'='1",
            "/api/users?id=1%27%20OR%20%271%27%3D%271",
            "/api/users?id=1%2527%2520OR%25201%253D1--",
            "/login?user=admin'--",
            "/login?user=admin%27%23",
            "/items?id=1 UNION SELECT username, password FROM users",
            "/items?id=-1+UnIoN/**/aLl/**/SeLeCt+1,2,3",
            "/items?id=1/*!50000UNION*//*!50000SELECT*/1,2",
            "/items?id=1;DROP TABLE users",
            "/items?id=1%3BDROP%20TABLE%20users--",
            "/items?id=1 AND SLEEP(5)",
            "/items?id=1 AND (SELECT * FROM (SELECT(SLEEP(5)))a)",
            "/items?id=1' AND 1=1 AND 'a'='a",
            "/items?id=1 or 1=1",
            "/items?id=1)+or+(1=1",
            "/items?id=1\u{ff07} or 1\u{ff1d}1--",
            "/items?id=1' WAITFOR DELAY '0:0:5'--",
            "/items?q=' UNION SELECT NULL,NULL,version()--",
            "/items?id=1 ORDER BY 10--",
            "/items?id=extractvalue(1,concat(0x7e,version()))",
            "/items?id=1 and (select count(*) from information_schema.tables)>0",
            "/items?name=x\" or \"a\"=\"a",
            "/items?id=1'||(select 1 from dual)||'",
        ],
    );
}

#[test]
fn cross_site_scripting() {
    all(
        Kind::Xss,
        &[
            "/search?q=<script>alert(1)</script>",
            "/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
            "/search?q=%253CScRiPt%253Ealert%25281%2529%253C%252Fscript%253E",
            "/search?q=<img src=x onerror=alert(1)>",
            "/search?q=<svg/onload=alert(1)>",
            "/search?q=%22%3E%3Csvg%20onload%3Dalert(1)%3E",
            "/search?q=\" onmouseover=\"alert(1)",
            "/go?url=javascript:alert(document.cookie)",
            "/search?q=<iframe src=javascript:alert(1)>",
            "/search?q=<body onload=alert('x')>",
            "/search?q='><details open ontoggle=alert(1)>",
        ],
    );
}

#[test]
fn path_traversal() {
    all(
        Kind::PathTraversal,
        &[
            "/download?file=../../etc/passwd",
            "/download?file=..%2f..%2f..%2fetc%2fpasswd",
            "/download?file=%252e%252e%252fetc%252fpasswd",
            "/static/../../../../windows/win.ini",
            "/download?file=..\\..\\boot.ini",
            "/download?file=%2e%2e%5c%2e%2e%5cwindows",
            "/download?file=....//....//etc/passwd",
            "/download?file=%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
            "/download?file=/etc/passwd",
            "/download?file=file:///etc/passwd",
            "/page?f=php://filter/convert.base64-encode/resource=index",
            "/app/..;/manager/html",
        ],
    );
}

#[test]
fn honest_look_alikes() {
    for endpoint in [
        "/search?q=union+station",
        "/search?q=credit%20union%20select%20committee",
        "/search?q=student+union+selection",
        "/docs/script-review",
        "/search?q=O%27Reilly+and+sons",
        "/search?q=rock+%27n%27+roll",
        "/search?q=drop+table+lamp",
        "/search?q=select+a+gift+from+our+list",
        "/search?q=update+your+profile+or+settings",
        "/search?q=black+and+white+or+1+color",
        "/docs/sql/select-from-where",
        "/man/sleep(3)",
        "/docs/information_schema.html",
        "/compare/v1.0...v2.0",
        "/releases/1.0..2.0/notes",
        "/assets/../logo.png",
        "/files/report%20(final).pdf",
        "/search?q=c%2B%2B+%3D+fun",
        "/search?q=size+%3C+10",
        "/blog/javascript:+the+good+parts",
        "/search?q=1+and+2",
        "/redirect?url=https://example.com/a?b=c",
        "/search?q=onload+event",
        "/api/items?filter=price>10&sort=-date",
        "/search?q=%22exact+phrase%22",
        "/search?q=it%27s+--+really+--+fine",
        "/etc/passwd-policy",
        "/orders?ids=1,2,3;4",
        "/search?q=order+by+mail",
        "/search?q=%E6%97%A5%E6%9C%AC",
        "/search?q=100%25+cotton",
        "/search?q=news+from+dual+citizens",
        "/search?q=2+or+3+bedrooms+(furnished)",
        "/items?sort=price&order=desc&group=3",
    ] {
        assert_eq!(
            classify(endpoint),
            [],
            "{endpoint} → {}",
            without_comments(&decode(endpoint))
        );
    }
}

#[test]
fn user_agents() {
    all(
        Kind::SqlInjection,
        &[
            "Mozilla/5.0' OR '1'='1",
            "Mozilla/5.0 (X11)' AND SLEEP(5)--",
            "1 UNION SELECT 1,2,3",
        ],
    );
    all(
        Kind::Xss,
        &[
            "<script>alert(1)</script>",
            "Mozilla/5.0 \"><img src=x onerror=alert(1)>",
        ],
    );
    all(
        Kind::PathTraversal,
        &[
            "../../../../etc/passwd",
            "Mozilla/5.0 ..\\..\\windows\\win.ini",
            "x file:///etc/passwd",
            "Mozilla/5.0 /etc/passwd",
        ],
    );
    for agent in [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) [FBAN/FBIOS;FBDV/iPad11,6]",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; .NET CLR 3.5; Data Center)",
        "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/191.273; U; en) Presto/2.8.119 Version/11.10",
        "Mozilla/5.0 (Linux; U; Android 4.4.2; de-de; SM-T530 Build/KOT49H)",
        "aws-sdk-java/2.25 Linux/6.1 OpenJDK_64-Bit_Server_VM/17 cfg/retry-mode#legacy",
        "Go-http-client/2.0",
        "app/3 (user's phone; iOS 17 and up) -- beta",
        "PHP/8.3 file/1.0 (select plan; union member)",
    ] {
        assert_eq!(classify(agent), [], "{agent}");
    }
}
