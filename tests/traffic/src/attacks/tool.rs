//! Tools that say what they are.

use super::{Ground, Threat};
use crate::site::Site;

const AGENTS: &[&str] = &[
    "sqlmap/1.7.2#stable (https://sqlmap.org)",
    "Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:000001)",
    "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
    "gobuster/3.6",
    "masscan/1.3 (https://github.com/robertdavidgraham/masscan)",
    "Mozilla/5.0 zgrab/0.x",
    "Mozilla/5.0 (Hydra)",
    "Fuzz Faster U Fool v2.1.0-dev",
    "feroxbuster/2.10.3",
    "Wfuzz/3.1.0",
    "DirBuster-1.0-RC1 (http://www.owasp.org/index.php/Category:OWASP_DirBuster_Project)",
    "WPScan v3.8.25 (https://wpscan.com/wordpress-security-scanner)",
    "dirsearch/0.4.3",
    "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)",
    "OpenVAS",
    "Nessus",
    "Mozilla/5.0 (compatible; acunetix-wvs)",
    "w3af.org",
    "Arachni/v1.6.1",
    "WhatWeb/0.5.5",
    "commix/v3.9-stable (https://commixproject.com)",
    "XSStrike/3.1.5",
    "httpx - Open-source project (github.com/projectdiscovery/httpx)",
    "Mozilla/5.0 (compatible; Burp Collaborator; burpsuite)",
    "skipfish/2.10b",
    "jaeles/0.17",
    "Mozilla/4.0 (compatible; Netsparker)",
    "ZmEu",
    "Morfeus Scanner",
    "Havij",
    "Wapiti/3.1.7",
];

pub fn plant(ground: &mut Ground) {
    for _ in 0..10 {
        let mut client = ground.attacker();
        client.agent = Some(ground.rng.pick(AGENTS).into());
        let site = Site::new();
        let asking = client.clone();
        let count = ground.rng.between(1, 60).cast_unsigned();
        let gap = ground.rng.real(1.0, 30.0);
        let plan = ("names itself", &[Threat::AttackTool][..]);
        ground.plant(plan, &client, (count, gap), move |rng, _, second| {
            let visit = site.visit(rng);
            asking.asks(
                rng,
                second,
                (visit.method, visit.endpoint),
                visit.status,
                visit.cost,
            )
        });
    }
}
