//! What is left of a rate limit, and how an answer says so.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a minute.
    pub limit: u32,
    /// Requests that may come at once now.
    pub remaining: u32,
    /// Until everything is there again; for a refused request, until the next one is let in.
    pub reset: Duration,
}

impl Allowance {
    /// Says so in an answer.
    pub(super) fn add_to(self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(whole_seconds(self.reset)));
    }

    /// The one of two that refuses first.
    pub(super) fn tighter(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| match other.remaining < self.remaining {
            true => other,
            false => self,
        })
    }
}

/// Rounded up, so that whoever waits this long does not come too early.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
