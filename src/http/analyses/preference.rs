//! What a client prefers (RFC 7240): `respond-async`, a promise now to an answer later (section 4.1), and
//! `wait=N`, an answer within so many seconds to a promise (section 4.3).

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};

const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESPOND_ASYNC: &str = "respond-async";
const WAIT: &str = "wait";
/// Longest wait; who prefers more gets this.
const LONGEST: Duration = Duration::from_secs(600);

/// Whether a promise now is preferred to an answer later.
pub(in crate::http) fn prefers_async(request: &HttpRequest) -> bool {
    preferences(request).any(|(name, _)| name.eq_ignore_ascii_case(RESPOND_ASYNC))
}

/// For how long an answer is preferred to a promise. What is no number of seconds counts as not said.
pub(super) fn preferred_wait(request: &HttpRequest) -> Option<Duration> {
    let mut waits = preferences(request).filter(|(name, _)| name.eq_ignore_ascii_case(WAIT));
    let seconds = waits.find_map(|(_, value)| value.trim_matches('"').parse().ok());
    seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST))
}

/// The header that says which preferences were followed, where there were any.
pub(super) fn applied(request: &HttpRequest) -> Option<HeaderValue> {
    let is_async = prefers_async(request).then(|| RESPOND_ASYNC.to_owned());
    let wait = preferred_wait(request).map(|wait| format!("{WAIT}={}", wait.as_secs()));
    let followed: Vec<String> = is_async.into_iter().chain(wait).collect();
    let value = HeaderValue::from_str(&followed.join(", "));
    value.ok().filter(|_| !followed.is_empty())
}

/// Names and values of all preferences; a value may be empty, parameters are left out.
fn preferences(request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    let values = request.headers().get_all(PREFER);
    let lists = values.map(|value| value.to_str().unwrap_or_default());
    lists.flat_map(|list| list.split(',')).map(|preference| {
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        (name.trim(), value.trim())
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn preferring(value: &str) -> HttpRequest {
        let request = TestRequest::post().insert_header((PREFER, value));
        request.to_http_request()
    }

    #[test]
    fn the_preference_is_found_among_others_however_it_is_written() {
        for value in [
            "respond-async",
            "Respond-Async",
            "return=minimal, respond-async; x=1",
            "wait=10,respond-async",
        ] {
            assert!(prefers_async(&preferring(value)), "{value}");
        }
        for value in [
            "",
            "return=minimal",
            "respond-asynchronously",
            "x=respond-async",
        ] {
            assert!(!prefers_async(&preferring(value)), "{value}");
        }
    }

    #[test]
    fn a_wait_is_a_number_of_seconds_up_to_the_longest() {
        for (value, seconds) in [
            ("wait=10", Some(10)),
            ("respond-async, Wait = \"7\"; x=1", Some(7)),
            ("wait=soon, wait=3", Some(3)),
            ("wait=86400", Some(600)),
            ("wait", None),
            ("wait=-1", None),
            ("await=5", None),
        ] {
            let wait = preferred_wait(&preferring(value));
            assert_eq!(wait.map(|wait| wait.as_secs()), seconds, "{value}");
        }
    }

    #[test]
    fn only_what_was_followed_is_said() {
        let said = |value| applied(&preferring(value));
        assert_eq!(
            said("wait=900, return=minimal, respond-async").unwrap(),
            "respond-async, wait=600"
        );
        assert_eq!(said("wait=5").unwrap(), "wait=5");
        assert_eq!(said("return=minimal"), None);
    }
}
