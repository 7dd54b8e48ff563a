//! User agents that attack tools send by themselves.

/// Names that stand for themselves: found as a whole word, in any case. Sorted.
const TOOLS: &[&str] = &[
    "acunetix",
    "appscan",
    "aquatone",
    "arachni",
    "bbqsql",
    "blackwidow",
    "burp",
    "burpcollaborator",
    "burpsuite",
    "cmsmap",
    "commix",
    "crackmapexec",
    "crlfuzz",
    "dalfox",
    "davtest",
    "dirb",
    "dirbuster",
    "dirsearch",
    "dotdotpwn",
    "droopescan",
    "feroxbuster",
    "ffuf",
    "fimap",
    "gobuster",
    "goldeneye",
    "golismero",
    "gospider",
    "hakrawler",
    "havij",
    "interactsh",
    "invicti",
    "jaeles",
    "joomscan",
    "jsql",
    "l9explore",
    "l9tcpid",
    "masscan",
    "metasploit",
    "morfeus",
    "naabu",
    "nessus",
    "netsparker",
    "nikto",
    "nmap",
    "nosqlmap",
    "nuclei",
    "openvas",
    "owasp",
    "padbuster",
    "pangolin",
    "paramspider",
    "patator",
    "projectdiscovery",
    "recon-ng",
    "rustscan",
    "skipfish",
    "slowhttptest",
    "slowloris",
    "sn1per",
    "sqlmap",
    "sqlninja",
    "sqlsus",
    "subfinder",
    "sublist3r",
    "thc-hydra",
    "theharvester",
    "tplmap",
    "vbscan",
    "w3af",
    "wafw00f",
    "wapiti",
    "webinspect",
    "webshag",
    "wfuzz",
    "whatweb",
    "whisker",
    "wpscan",
    "xsser",
    "xsstrike",
    "zaproxy",
    "zgrab",
    "zmeu",
];

/// Names that are someone's honest name too: they count only in front of a version, in brackets
/// or alone. Sorted.
const WITH_VERSION: &[&str] = &[
    "amass", "arjun", "brutus", "goby", "grabber", "hoic", "httpx", "hulk", "hydra", "katana",
    "loic", "medusa", "meg", "paros", "vega", "xray", "zap",
];

/// The longest name.
const LONGEST: usize = 16;

/// The tool that a user agent names.
pub fn tool(user_agent: &str) -> Option<&'static str> {
    let bytes = user_agent.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..]
            .iter()
            .take_while(|byte| is_part(**byte))
            .count();
        if length > 0 {
            let word = &bytes[at..at + length];
            let after = bytes.get(at + length).copied();
            let before = at.checked_sub(1).map(|before| bytes[before]);
            // What ffuf calls itself.
            if bytes[at..].starts_with(b"Fuzz Faster U Fool") {
                return Some("ffuf");
            }
            if let Some(name) = named(word) {
                return Some(name);
            }
            let bracketed = before == Some(b'(') && after == Some(b')');
            let alone = length == bytes.len();
            if (after == Some(b'/') || bracketed || alone)
                && let Some(name) = find(WITH_VERSION, word)
            {
                return Some(name);
            }
        }
        at += length.max(1);
    }
    None
}

/// What belongs to a word: "python-httpx" is a library, "httpx" a scanner.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// A word that is a name or goes on after one, as "nmap-nse" and "DirBuster-1.0" do.
fn named(word: &[u8]) -> Option<&'static str> {
    find(TOOLS, word).or_else(|| {
        let end = word.iter().position(|byte| matches!(byte, b'-' | b'_'))?;
        find(TOOLS, &word[..end])
    })
}

fn find(names: &'static [&'static str], word: &[u8]) -> Option<&'static str> {
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    let at = names
        .binary_search_by(|name| name.as_bytes().cmp(lower))
        .ok()?;
    names.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known() {
        for (agent, name) in [
            ("sqlmap/1.7.2#stable (https://sqlmap.org)", "sqlmap"),
            (
                "Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:000001)",
                "nikto",
            ),
            (
                "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
                "nmap",
            ),
            ("gobuster/3.6", "gobuster"),
            ("Mozilla/5.0 zgrab/0.x", "zgrab"),
            ("Mozilla/5.0 (Hydra)", "hydra"),
            (
                "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)",
                "nuclei",
            ),
            (
                "WPScan v3.8.22 (https://wpscan.com/wordpress-security-scanner)",
                "wpscan",
            ),
            (
                "DirBuster-1.0-RC1 (http://www.owasp.org/index.php/Category:OWASP_DirBuster_Project)",
                "dirbuster",
            ),
            ("Fuzz Faster U Fool v2.1.0-dev", "ffuf"),
            (
                "httpx - Open-source project (github.com/projectdiscovery/httpx)",
                "projectdiscovery",
            ),
            ("Mozilla/5.0 (compatible; acunetix-wvs)", "acunetix"),
            ("w3af.org", "w3af"),
            ("OWASP ZAP/2.14", "owasp"),
            ("MEDUSA/1.0", "medusa"),
        ] {
            assert_eq!(tool(agent), Some(name), "{agent}");
        }
    }

    #[test]
    fn names_are_sorted_and_fit() {
        for names in [TOOLS, WITH_VERSION] {
            assert!(names.is_sorted() && names.iter().all(|name| name.len() <= LONGEST));
        }
    }

    #[test]
    fn honest_agents_are_not() {
        for agent in [
            "",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
            "curl/8.5.0",
            "python-requests/2.31.0",
            "python-httpx/0.27.0",
            "Zapier/1.0",
            "Googlebot/2.1 (+http://www.google.com/bot.html)",
            "HydraBrowser 2",
            "Vega Energy App",
            "kube-probe/1.29",
            "Pingdom.com_bot_version_1.4",
            "libwww-perl/6.67",
            "Medusa Reader for iOS",
        ] {
            assert_eq!(tool(agent), None, "{agent}");
        }
    }
}
