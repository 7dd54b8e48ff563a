//! Guessing passwords: many refusals at a login, few successes.

use serde::{Deserialize, Serialize};

use crate::sorted::Sorted;

/// Attempts to log in within one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minute {
    pub failures: u32,
    pub successes: u32,
}

/// Attempts by minute since 1970.
pub type Attempts = Sorted<u32, Minute>;

/// What one address did at logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guessing {
    pub failures: u64,
    /// The minutes of the first and the last failure.
    pub first_minute: u32,
    pub last_minute: u32,
    /// It got in afterwards.
    pub succeeded: bool,
}

/// Attempts that are guesses: so many failures within so many minutes, and for each success at
/// least `per_success` failures, because behind an office's address many people log in, and some
/// mistype.
struct Rule {
    minutes: u32,
    failures: u64,
    per_success: u64,
}

const RULES: [Rule; 3] = [
    Rule {
        minutes: 10,
        failures: LEAST_FAILURES,
        per_success: 5,
    },
    Rule {
        minutes: 60,
        failures: 20,
        per_success: 10,
    },
    Rule {
        minutes: 1440,
        failures: 36,
        per_success: 20,
    },
];

/// The last rule's failures are so far apart that a forgotten job with an old password has as
/// many. It keeps its interval; whoever wants to stay unseen does not.
const UNHURRIED: u32 = 1440;

/// How long after the last guess a success still belongs to it: later someone else may sit behind
/// the address.
const AFTERWARDS: u32 = 60;

/// What segments of a path name a login.
const LOGINS: [&str; 16] = [
    "login",
    "log-in",
    "log_in",
    "logon",
    "signin",
    "sign-in",
    "sign_in",
    "auth",
    "authenticate",
    "authentication",
    "session",
    "sessions",
    "token",
    "tokens",
    "login_check",
    "j_security_check",
];

/// What segments name something else that stands beside a login: a client whose token expired
/// asks for these again and again.
const NOT_LOGINS: [&str; 16] = [
    "refresh",
    "refresh_token",
    "refresh-token",
    "renew",
    "logout",
    "log-out",
    "log_out",
    "signout",
    "sign_out",
    "me",
    "userinfo",
    "status",
    "check",
    "current",
    "revoke",
    "introspect",
];

/// What an endpoint column must match for [`is_login`] to be true, as far as SQL can tell.
pub const PREFILTER: &str = "(LOWER(endpoint) LIKE '%log%in%' OR LOWER(endpoint) LIKE '%logon%' \
     OR LOWER(endpoint) LIKE '%sign%in%' OR LOWER(endpoint) LIKE '%auth%' \
     OR LOWER(endpoint) LIKE '%session%' OR LOWER(endpoint) LIKE '%token%' OR LOWER(endpoint) LIKE '%security_check%')";

/// Whether an endpoint is where one logs in.
pub fn is_login(endpoint: &str) -> bool {
    let path = endpoint.split(['?', '#']).next().unwrap_or_default();
    let mut found = false;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let is =
            |names: &[&str], text: &str| names.iter().any(|name| text.eq_ignore_ascii_case(name));
        if is(&NOT_LOGINS, segment) {
            return false;
        }
        let stem = segment.split('.').next().unwrap_or_default();
        found |= is(&LOGINS, stem) || ends_with(stem, "login") || ends_with(stem, "signin");
    }
    found
}

fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start
        .and_then(|start| text.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// No fewer refusals can be guesses.
pub const LEAST_FAILURES: u64 = 10;

/// Whether the attempts of one address are guesses.
pub fn judge(attempts: &Attempts) -> Option<Guessing> {
    let burst_end = RULES.iter().filter_map(|rule| rule.met(attempts)).min()?;
    let failing = || {
        let attempts = attempts.all().iter();
        attempts.filter(|(_, minute)| minute.failures > 0)
    };
    let first_minute = failing().next()?.0;
    let last_minute = failing().next_back()?.0;
    let until = last_minute.max(burst_end).saturating_add(AFTERWARDS);
    Some(Guessing {
        failures: attempts
            .values()
            .map(|minute| u64::from(minute.failures))
            .sum(),
        first_minute,
        last_minute,
        succeeded: attempts
            .within(burst_end, until)
            .iter()
            .any(|(_, minute)| minute.successes > 0),
    })
}

impl Minute {
    /// Counts more attempts in the same minute.
    pub fn merge(&mut self, other: Self) {
        self.failures = self.failures.saturating_add(other.failures);
        self.successes = self.successes.saturating_add(other.successes);
    }
}

impl Rule {
    /// The minute in which the attempts became too many, if they did.
    fn met(&self, attempts: &Attempts) -> Option<u32> {
        let (mut failures, mut successes) = (0, 0);
        let mut oldest = attempts.all().iter().peekable();
        for &(at, minute) in attempts.all() {
            failures += u64::from(minute.failures);
            successes += u64::from(minute.successes);
            while let Some((_, gone)) =
                oldest.next_if(|(start, _)| start.saturating_add(self.minutes) <= at)
            {
                failures -= u64::from(gone.failures);
                successes -= u64::from(gone.successes);
            }
            let first = oldest.peek().map_or(at, |(start, _)| *start);
            if failures >= self.failures
                && successes * self.per_success <= failures
                && !(self.minutes == UNHURRIED && keeps_interval(attempts, first, at))
            {
                return Some(at);
            }
        }
        None
    }
}

/// Whether the attempts come like clockwork, but for a minute more or less.
fn keeps_interval(attempts: &Attempts, first: u32, last: u32) -> bool {
    let minutes: Vec<u32> = attempts
        .within(first, last)
        .iter()
        .map(|(at, _)| *at)
        .collect();
    let mut gaps: Vec<u32> = minutes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let Some(&usual) = gaps.get(gaps.len() / 2) else {
        return false;
    };
    let kept = gaps.iter().filter(|gap| gap.abs_diff(usual) <= 1).count();
    usual >= 3 && kept * 10 >= gaps.len() * 9
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    /// Attempts, each with its second.
    fn attempts(pattern: impl IntoIterator<Item = (u32, bool)>) -> Attempts {
        let mut attempts = Attempts::default();
        for (second, success) in pattern {
            let one = Minute {
                failures: u32::from(!success),
                successes: u32::from(success),
            };
            attempts.join(second / 60, one, Minute::merge);
        }
        attempts
    }

    #[test]
    fn guesses_and_the_success_that_follows() {
        let guesses = || (0..30).map(|at| (3600 + at * 5, false));
        let found = judge(&attempts(guesses())).unwrap();
        assert_eq!(
            found,
            Guessing {
                failures: 30,
                first_minute: 60,
                last_minute: 62,
                succeeded: false
            }
        );
        let then = |second| judge(&attempts(guesses().chain([(second, true)]))).unwrap();
        assert!(then(3760).succeeded);
        assert!(!then(1000).succeeded && !then(9000).succeeded);
    }

    #[test]
    fn slow_guesses() {
        assert!(judge(&attempts((0..50).map(|at| (at * 90, false)))).is_some());
        // Every five minutes or so, for half a day.
        let irregular = (0..120).map(|at| (at * 300 + at * at * 97 % 280, false));
        assert!(judge(&attempts(irregular)).is_some());
    }

    #[test]
    fn an_office_where_some_mistype() {
        let office = (0..120).map(|at| (at * 10, at % 4 != 0));
        assert_eq!(judge(&attempts(office)), None);
    }

    #[test]
    fn one_who_forgot_the_password() {
        let person = (0..7).map(|at| (at * 30, false)).chain([(240, true)]);
        assert_eq!(judge(&attempts(person)), None);
    }

    #[test]
    fn a_job_with_an_old_password() {
        let job = (0..288).map(|at| (at * 300, false));
        assert_eq!(judge(&attempts(job)), None);
    }

    #[test]
    fn where_one_logs_in() {
        for endpoint in [
            "/login",
            "/api/v1/auth/login?next=/",
            "/Login.aspx",
            "/wp-login.php",
            "/oauth/token",
            "/admin/signin",
            "/users/sign_in",
            "/user-login",
            "/api/auth",
            "/auth/realms/main/protocol/openid-connect/token",
        ] {
            assert!(is_login(endpoint), "{endpoint}");
        }
        for endpoint in [
            "/",
            "/api/users",
            "/authors",
            "/blog/login-tips/2",
            "/search?q=login",
            "/catalog/inbox",
            "/api/auth/refresh",
            "/api/v1/auth/me",
            "/auth/logout",
            "/日本login日",
        ] {
            assert!(!is_login(endpoint), "{endpoint}");
        }
    }
}
