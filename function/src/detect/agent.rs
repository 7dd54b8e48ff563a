//! User agents that attack tools send by themselves.

/// Names that stand for themselves: found as a whole word, in any case.
const TOOLS: &[&str] = &[
    "sqlmap",
    "nikto",
    "nmap",
    "masscan",
    "zgrab",
    "gobuster",
    "dirbuster",
    "dirb",
    "dirsearch",
    "wfuzz",
    "ffuf",
    "feroxbuster",
    "hydra",
    "medusa",
    "patator",
    "acunetix",
    "nessus",
    "openvas",
    "w3af",
    "arachni",
    "burp",
    "burpsuite",
    "burpcollaborator",
    "zaproxy",
    "owasp zap",
    "metasploit",
    "havij",
    "wpscan",
    "joomscan",
    "droopescan",
    "whatweb",
    "commix",
    "xsser",
    "xsstrike",
    "nuclei",
    "jaeles",
    "dalfox",
    "skipfish",
    "netsparker",
    "invicti",
    "appscan",
    "fimap",
    "golismero",
    "vega",
    "wapiti",
    "webshag",
    "grabber",
    "sqlninja",
    "bbqsql",
    "jsql",
    "pangolin",
    "dotdotpwn",
    "thc-hydra",
    "morfeus",
    "zmeu",
    "httpx",
    "katana",
    "subfinder",
    "aquatone",
    "gospider",
    "rustscan",
    "crackmapexec",
    "whisker",
    "paros",
    "webinspect",
    "brutus",
    "l9explore",
    "l9tcpid",
];

/// Words that are someone's honest name too: they count only in front of a version.
const WITH_VERSION: &[&str] = &[
    "medusa", "vega", "grabber", "httpx", "katana", "hydra", "burp", "paros", "brutus",
];

/// The tool that a user agent names.
pub fn tool(user_agent: &str) -> Option<&'static str> {
    let agent = user_agent.to_ascii_lowercase();
    TOOLS.iter().copied().find(|name| {
        agent.match_indices(name).any(|(at, _)| {
            let before = agent[..at].chars().next_back();
            let after = agent[at + name.len()..].chars().next();
            let ends = |side: Option<char>| {
                side.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
            };
            let versioned = after == Some('/')
                || (agent.len() == name.len())
                || agent.contains(&format!("({name})"));
            // "python-httpx/0.27" is a library, "httpx/1.2" a scanner: hence no dash before a name,
            // while "nmap-scripting-engine" and the like may go on after it.
            let goes_on = after == Some('-') && !WITH_VERSION.contains(name);
            ends(before) && (ends(after) || goes_on) && (!WITH_VERSION.contains(name) || versioned)
        })
    })
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
            ("Fuzz Faster U Fool v2.0 ffuf", "ffuf"),
        ] {
            assert_eq!(tool(agent), Some(name), "{agent}");
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
