//! Guessing passwords: many refusals at a login, few successes.

use crate::time::Second;

/// One attempt to log in.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    pub at: Second,
    pub success: bool,
}

/// What one address did at logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guessing {
    pub failures: u64,
    pub first: Second,
    pub last: Second,
    /// It got in afterwards.
    pub succeeded: bool,
}

/// Seconds, failures within them, and how many failures each success excuses: behind an office's
/// address many people log in, and some mistype.
const RULES: [(i64, usize, usize); 2] = [(600, 10, 5), (3600, 20, 10)];

const WORDS: [&str; 13] = [
    "login",
    "log-in",
    "log_in",
    "logon",
    "signin",
    "sign-in",
    "sign_in",
    "auth",
    "authenticate",
    "session",
    "sessions",
    "token",
    "wp-login.php",
];

/// What an endpoint column must match for [`is_login`] to be true, as far as SQL can tell.
pub const PREFILTER: &str = "(LOWER(endpoint) LIKE '%log%in%' OR LOWER(endpoint) LIKE '%logon%' \
     OR LOWER(endpoint) LIKE '%sign%in%' OR LOWER(endpoint) LIKE '%auth%' \
     OR LOWER(endpoint) LIKE '%session%' OR LOWER(endpoint) LIKE '%token%')";

/// Whether an endpoint is where one logs in.
pub fn is_login(endpoint: &str) -> bool {
    let path = endpoint
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.any(|segment| {
        let stem = segment.split('.').next().unwrap_or_default();
        WORDS.contains(&segment)
            || WORDS.contains(&stem)
            || stem.ends_with("login")
            || stem.ends_with("signin")
    })
}

/// Whether the attempts of one address are guesses. They need not be in order.
pub fn judge(attempts: &mut [Attempt]) -> Option<Guessing> {
    attempts.sort_by_key(|attempt| attempt.at);
    let burst_end = RULES
        .iter()
        .filter_map(|rule| burst(attempts, *rule))
        .min()?;
    let failures = || attempts.iter().filter(|attempt| !attempt.success);
    Some(Guessing {
        failures: u64::try_from(failures().count()).unwrap_or(u64::MAX),
        first: failures().next()?.at,
        last: failures().next_back()?.at,
        // Soon after guessing: an hour later someone else may sit behind the address.
        succeeded: attempts.iter().any(|attempt| {
            attempt.success
                && attempt.at >= burst_end
                && attempt.at
                    <= failures()
                        .next_back()
                        .map_or(burst_end, |f| f.at)
                        .plus(3600)
        }),
    })
}

/// The time at which the attempts became too many, if they did.
fn burst(
    attempts: &[Attempt],
    (seconds, least, per_success): (i64, usize, usize),
) -> Option<Second> {
    let mut start = 0;
    let (mut failures, mut successes) = (0, 0);
    for attempt in attempts {
        *(if attempt.success {
            &mut successes
        } else {
            &mut failures
        }) += 1;
        while attempts[start].at.plus(seconds) <= attempt.at {
            *(if attempts[start].success {
                &mut successes
            } else {
                &mut failures
            }) -= 1;
            start += 1;
        }
        if failures >= least && successes * per_success <= failures {
            return Some(attempt.at);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn attempts(pattern: &[(i64, bool)]) -> Vec<Attempt> {
        pattern
            .iter()
            .map(|(at, success)| Attempt {
                at: Second::from_epoch(*at),
                success: *success,
            })
            .collect()
    }

    #[test]
    fn guesses_and_the_success_that_follows() {
        let mut guesses: Vec<(i64, bool)> = (0..30).map(|at| (at * 5, false)).collect();
        let found = judge(&mut attempts(&guesses)).unwrap();
        assert_eq!((found.failures, found.succeeded), (30, false));
        guesses.push((160, true));
        assert!(judge(&mut attempts(&guesses)).unwrap().succeeded);
    }

    #[test]
    fn an_office_where_some_mistype() {
        let office: Vec<(i64, bool)> = (0..120).map(|at| (at * 10, at % 4 != 0)).collect();
        assert_eq!(judge(&mut attempts(&office)), None);
    }

    #[test]
    fn a_job_with_an_old_password() {
        let job: Vec<(i64, bool)> = (0..288).map(|at| (at * 300, false)).collect();
        assert_eq!(judge(&mut attempts(&job)), None);
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
        ] {
            assert!(!is_login(endpoint), "{endpoint}");
        }
    }
}
