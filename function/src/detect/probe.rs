//! Sweeping a site for paths that might exist.

/// What one address asked for that was not there or not for it.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    /// Different paths that were missing or forbidden: up to [`MOST_PATHS`].
    pub missing_paths: u64,
    /// Requests for them.
    pub misses: u64,
    /// All requests of the address.
    pub requests: u64,
    /// How many of the missing paths are ones that only probes ask for.
    pub sensitive_paths: u64,
}

/// The least number of missing paths that can be a sweep.
pub const LEAST_PATHS: u64 = 8;

/// More different paths than this say nothing new, so none need to be remembered.
pub const MOST_PATHS: usize = 256;

/// The path of an endpoint. An injected query string makes many endpoints of one path.
pub fn path(endpoint: &str) -> &str {
    endpoint.split(['?', '#']).next().unwrap_or_default()
}

/// Whether an answer says that a path is missing or forbidden. An API client whose token expired
/// is refused everywhere with 401: only where nobody asks by mistake is that a miss.
pub fn is_miss(status_code: u16, path: &str) -> bool {
    match status_code {
        403 | 404 | 410 => true,
        400 | 401 | 405 => is_sensitive(path),
        _ => false,
    }
}

impl Sweep {
    /// A crawler or an office meets some dead links among much that exists;
    /// a scanner meets little else, or asks for what only scanners ask for.
    pub fn is_scan(self) -> bool {
        let mostly_missing = self.misses * 2 >= self.requests;
        let often_missing = self.misses * 3 >= self.requests;
        let at_times_missing = self.misses * 20 >= self.requests;
        (self.missing_paths >= 20 && mostly_missing)
            || (self.missing_paths >= 12
                && mostly_missing
                && self.sensitive_paths * 4 >= self.missing_paths)
            || (self.sensitive_paths >= LEAST_PATHS && often_missing)
            // Someone among many behind one address.
            || (self.sensitive_paths >= 20 && at_times_missing)
    }
}

/// Segments of paths, without what follows a first dot. Sorted, as are the others.
const SEGMENTS: [&str; 49] = [
    "_cat",
    "_ignition",
    "_profiler",
    "actuator",
    "admin",
    "adminer",
    "administrator",
    "axis2",
    "backup",
    "backups",
    "boaform",
    "cgi-bin",
    "cmd",
    "console",
    "cpanel",
    "dbadmin",
    "druid",
    "dump",
    "eval-stdin",
    "hnap1",
    "htdocs",
    "hudson",
    "invoker",
    "jenkins",
    "jmx-console",
    "manager",
    "myadmin",
    "mysqladmin",
    "owa",
    "phpinfo",
    "phpmy",
    "phpmyadmin",
    "phpunit",
    "pma",
    "server-info",
    "server-status",
    "shell",
    "solr",
    "sqlmanager",
    "struts",
    "struts2-showcase",
    "telescope",
    "web-console",
    "web-inf",
    "webdav",
    "wp-admin",
    "wp-config",
    "wp-login",
    "xmlrpc",
];

/// Names that scripts have which only probes ask for, whatever language they are in.
const SCRIPTS: [&str; 33] = [
    "adm",
    "admin",
    "admin-login",
    "administrator",
    "alfa",
    "backup",
    "backups",
    "c99",
    "cmd",
    "config",
    "configuration",
    "credentials",
    "database",
    "db",
    "docker-compose",
    "dockerfile",
    "dump",
    "eval",
    "info",
    "install",
    "localconfig",
    "phpinfo",
    "r57",
    "secrets",
    "settings",
    "setup",
    "shell",
    "test",
    "upload",
    "uploader",
    "webshell",
    "wso",
    "www",
];

/// What a file is called that was never meant to be served.
const ENDINGS: [&str; 12] = [
    ".sql", ".bak", ".old", ".orig", ".save", ".swp", "~", ".tar.gz", ".tgz", ".sqlite", ".pem",
    ".cgi",
];

/// Whether only someone who looks for weaknesses asks for a path that is not there. Dead links to
/// pages that once were, in whatever language, are not that.
pub fn is_sensitive(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let mut segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .peekable();
    while let Some(segment) = segments.next() {
        let hidden = segment.starts_with('.') && segment != ".well-known";
        let (stem, extension) = segment.split_once('.').unwrap_or((segment, ""));
        let script = matches!(
            extension,
            "php" | "asp" | "aspx" | "jsp" | "pl" | "action" | "do"
        );
        let archive = matches!(
            extension,
            "zip"
                | "rar"
                | "7z"
                | "tar"
                | "gz"
                | "json"
                | "yml"
                | "yaml"
                | "xml"
                | "ini"
                | "env"
                | "txt"
        );
        if hidden
            || SEGMENTS.binary_search(&stem).is_ok()
            || (script || archive) && SCRIPTS.binary_search(&stem).is_ok()
            || script && stem.starts_with("wp-")
            || segments.peek().is_none() && ENDINGS.iter().any(|end| segment.ends_with(end))
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Sweep = Sweep {
        missing_paths: 0,
        misses: 0,
        requests: 0,
        sensitive_paths: 0,
    };

    #[test]
    fn scans() {
        assert!(
            Sweep {
                missing_paths: 60,
                misses: 60,
                requests: 65,
                ..NONE
            }
            .is_scan()
        );
        assert!(
            Sweep {
                missing_paths: 10,
                misses: 10,
                requests: 12,
                sensitive_paths: 9
            }
            .is_scan()
        );
        assert!(
            Sweep {
                missing_paths: 14,
                misses: 14,
                requests: 14,
                sensitive_paths: 5
            }
            .is_scan()
        );
    }

    #[test]
    fn look_alikes() {
        // A crawler with dead links, a busy office, a broken client that repeats itself.
        assert!(
            !Sweep {
                missing_paths: 40,
                misses: 45,
                requests: 900,
                ..NONE
            }
            .is_scan()
        );
        assert!(
            !Sweep {
                missing_paths: 15,
                misses: 30,
                requests: 4000,
                sensitive_paths: 1
            }
            .is_scan()
        );
        assert!(
            !Sweep {
                missing_paths: 9,
                misses: 5000,
                requests: 5000,
                ..NONE
            }
            .is_scan()
        );
    }

    #[test]
    fn misses() {
        assert!(is_miss(404, "/any") && is_miss(403, "/any") && is_miss(401, "/.env"));
        assert!(
            !is_miss(401, "/api/v1/orders") && !is_miss(200, "/.env") && !is_miss(500, "/.env")
        );
        assert_eq!(path("/items?id=1"), "/items");
    }

    #[test]
    fn sensitive_paths() {
        assert!(
            is_sensitive("/.git/config")
                && is_sensitive("/old/site.SQL")
                && is_sensitive("/phpMyAdmin/")
        );
        assert!(
            is_sensitive("/.env") && is_sensitive("/backup.zip") && is_sensitive("/wp-cron.php")
        );
        assert!(SEGMENTS.is_sorted() && SCRIPTS.is_sorted());
        for path in [
            "/products/42",
            "/images/logo.png",
            "/archive/12.php",
            "/wp-content/uploads/2019/a.jpg",
            "/blog/database-design",
            "/recipes/shellfish",
            "/.well-known/security.txt",
            "/favicon.ico",
            "/test",
        ] {
            assert!(!is_sensitive(path), "{path}");
        }
    }
}
