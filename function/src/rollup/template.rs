//! Endpoints without what makes each request's unlike the next: `/users/17?tab=2` is one of
//! `/users/{id}`. Figures by endpoint are about these.

use std::borrow::Cow;

use crate::detect::probe;

/// Longer ones hold data, not a name.
const LONGEST: usize = 200;

/// What stands for an identifier.
const ID: &str = "{id}";

/// The endpoint's path with identifiers replaced by `{id}`, without query string and fragment.
pub fn template(endpoint: &str) -> Cow<'_, str> {
    let path = probe::path(endpoint);
    // Every identifier has a digit.
    if path.len() <= LONGEST && !path.bytes().any(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(path);
    }
    let mut template = String::with_capacity(path.len());
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            template.push('/');
        }
        let (before, after) = around_identifier(segment);
        template.push_str(before);
        if let Some(after) = after {
            template.push_str(ID);
            template.push_str(after);
        }
        if template.len() > LONGEST {
            let end = template.floor_char_boundary(LONGEST);
            template.truncate(end);
            template.push('…');
            break;
        }
    }
    Cow::Owned(template)
}

/// What comes before and after a segment's identifier; nothing after where there is none.
fn around_identifier(segment: &str) -> (&str, Option<&str>) {
    if is_identifier(segment) {
        return ("", Some(""));
    }
    let (stem, extension) = match segment.rfind('.') {
        Some(dot) if dot > 0 => segment.split_at(dot),
        _ => (segment, ""),
    };
    let name = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = stem.len() - name.len();
    // 17.webp, post-1208 and post_1208.html, but not oauth2, v2 or chunk-7.js.
    if digits > 0 && (name.is_empty() || digits >= 3 && name.ends_with(['-', '_'])) {
        (name, Some(extension))
    } else {
        (segment, None)
    }
}

/// A number, a UUID, a hash or a random token. Names of things hold few digits.
fn is_identifier(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let all = |accepts: fn(&u8) -> bool| bytes.iter().all(accepts);
    digits > 0
        && (digits == bytes.len()
            || (bytes.len() >= 8 && all(|byte| byte.is_ascii_hexdigit() || *byte == b'-'))
            || (bytes.len() >= 16
                && digits >= 3
                && all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'='))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_left_out() {
        for (endpoint, expected) in [
            ("/users/17", "/users/{id}"),
            ("/users/17/orders/20394?page=2", "/users/{id}/orders/{id}"),
            ("/files/5b0f1c9e-0d52-4f0e-8f3b-2f6a1f0c7d11", "/files/{id}"),
            ("/commit/9f86d081884c7d65", "/commit/{id}"),
            ("/share/aB3dE5fG7hI9jK1lM", "/share/{id}"),
            ("/images/3873.webp", "/images/{id}.webp"),
            ("/blog/2024/post-1208", "/blog/{id}/post-{id}"),
            ("/news/item_1650.html", "/news/item_{id}.html"),
        ] {
            assert_eq!(template(endpoint), expected);
        }
    }

    #[test]
    fn names_stay() {
        for endpoint in [
            "/",
            "",
            "*",
            "/api/v2/users",
            "/static/app-3.2.1.js",
            "/docs/oauth2",
            "/assets/chunk-7.4d1e0.js",
            "/.well-known/x",
            "/compare/v1.0...v2.3",
            "/blog/ten-ways-to-win-5-matches",
            "/added/decade",
            "/blog/ten-ways-to-rest",
        ] {
            assert_eq!(template(endpoint), endpoint);
        }
        assert_eq!(template("/search?q=a/1"), "/search");
        assert_eq!(template("/page#17"), "/page");
    }

    #[test]
    fn the_longest_are_cut() {
        let long = format!("/{}", "é".repeat(300));
        assert!(template(&long).len() <= LONGEST + '…'.len_utf8());
        assert_eq!(template(&template(&long)), template(&long), "stable");
    }
}
