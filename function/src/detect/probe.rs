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
        let often_missing = self.misses * 5 >= self.requests;
        (self.missing_paths >= 20 && mostly_missing)
            || (self.missing_paths >= 12
                && mostly_missing
                && self.sensitive_paths * 4 >= self.missing_paths)
            || (self.sensitive_paths >= LEAST_PATHS && often_missing)
    }
}

const SENSITIVE: [&str; 40] = [
    "/.env",
    "/.git",
    "/.svn",
    "/.hg",
    "/.aws",
    "/.ssh",
    "/.htaccess",
    "/.htpasswd",
    "/.ds_store",
    "/.well-known/../",
    "/wp-admin",
    "/wp-login",
    "/wp-content",
    "/wp-config",
    "/wp-includes",
    "/xmlrpc.php",
    "/phpmyadmin",
    "/pma",
    "/adminer",
    "/phpinfo",
    "/cgi-bin",
    "/server-status",
    "/actuator",
    "/manager/html",
    "/solr",
    "/jenkins",
    "/console",
    "/_profiler",
    "/telescope",
    "/vendor/phpunit",
    "/shell",
    "/cmd",
    "/backup",
    "/dump",
    "/database",
    "/db.",
    "/config.",
    "/admin",
    "/setup.php",
    "/install.php",
];
const SENSITIVE_ENDINGS: [&str; 12] = [
    ".sql", ".bak", ".old", ".zip", ".tar.gz", ".php", ".asp", ".aspx", ".jsp", ".cgi", ".swp", "~",
];

/// Whether only someone who looks for weaknesses asks for a path that is not there.
pub fn is_sensitive(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    SENSITIVE.iter().any(|part| path.contains(part))
        || SENSITIVE_ENDINGS.iter().any(|end| path.ends_with(end))
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
        assert!(!is_sensitive("/products/42") && !is_sensitive("/images/logo.png"));
    }
}
