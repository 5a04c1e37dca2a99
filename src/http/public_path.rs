//! Under which path of a site the service is shown: a proxy may put it at `/fw/` beside others.
//!
//! A request has it from [`arrival`](super::arrival). Routes never see it in their own path;
//! [`PublicPath::link`] puts it in front of every address that an answer holds.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use thiserror::Error;

use super::guard::access;

/// It is repeated in every link of an answer.
const MAX_CHARS: usize = 200;

/// A path such as `/fw` or `/tools/fw`, or nothing; never with a slash at its end. It can stand in
/// HTML, JSON and headers as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublicPath(String);

/// A text that is no path to be shown under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PublicPathError {
    /// Not of the form that links can begin with.
    #[error(
        "expected a path such as /fw: a slash, then letters, digits and - . _ ~, at most {MAX_CHARS} \
         characters, no part of it empty, `.` or `..`"
    )]
    NotAPath,
    /// With and without the path in front, requests could not be told apart.
    #[error(
        "the service has addresses of its own that begin like this; choose another path, or let the \
         proxy take it off and say so in X-Forwarded-Prefix (setting trust_forwarded)"
    )]
    Taken,
}

impl PublicPath {
    /// A path that a proxy takes off itself, so that it may be any.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let path = text.trim().trim_end_matches('/');
        if path.is_empty() {
            return Some(Self::default());
        }
        let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(is_kept);
        let parts = path.strip_prefix('/')?;
        let is_path = path.len() <= MAX_CHARS && parts.split('/').all(is_part);
        is_path.then(|| Self(path.to_owned()))
    }

    /// The path that a request came under.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let extensions = request.extensions();
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// The address of one of our routes, which begins with a slash, as the client can reach it.
    pub(super) fn link(&self, route: &str) -> String {
        format!("{}{route}", self.0)
    }

    /// Whether the service is shown at the top of its site, as far as is known.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What follows this path in another that begins with it.
    pub(super) fn taken_off<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.0.as_str())?;
        (!self.is_empty() && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
    }
}

impl FromStr for PublicPath {
    type Err = PublicPathError;

    fn from_str(text: &str) -> Result<Self, PublicPathError> {
        let path = Self::parse(text).ok_or(PublicPathError::NotAPath)?;
        let first = path.0.split('/').nth(1).unwrap_or_default();
        if access::begins_a_route(first) {
            return Err(PublicPathError::Taken);
        }
        Ok(path)
    }
}

impl std::fmt::Display for PublicPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromRequest for PublicPath {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_path_is_taken_with_or_without_a_slash_at_its_end() {
        for (text, path) in [
            ("", ""),
            ("/", ""),
            ("/fw", "/fw"),
            (" /fw/ ", "/fw"),
            ("/tools/frame-witness_2.0/", "/tools/frame-witness_2.0"),
        ] {
            assert_eq!(text.parse(), Ok(PublicPath(path.into())), "{text:?}");
        }
    }

    #[test]
    fn whatever_could_lead_elsewhere_or_break_out_of_its_place_is_refused() {
        let long = format!("/{}", "a".repeat(MAX_CHARS));
        for text in [
            "fw",
            "//evil.example",
            "/fw//x",
            "/..",
            "/fw/../x",
            "/./fw",
            "/fw?x",
            "/fw#x",
            "/f w",
            "/f\"w",
            "/<script>",
            "/f%77",
            "/fw\r\nX: y",
            "/fw\\x",
            "/é",
            "https://evil.example/fw",
            &long,
        ] {
            let refused = text.parse::<PublicPath>();
            assert_eq!(refused, Err(PublicPathError::NotAPath), "{text:?}");
        }
    }

    #[test]
    fn a_setting_that_begins_like_a_route_is_refused_but_a_proxy_may_take_it_off() {
        for text in ["/api", "/static/fw", "/predict", "/.well-known", "/docs/"] {
            let refused = text.parse::<PublicPath>();
            assert_eq!(refused, Err(PublicPathError::Taken), "{text:?}");
            assert!(PublicPath::parse(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn only_whole_parts_of_a_path_are_taken_off() {
        let path: PublicPath = "/fw".parse().unwrap();
        assert_eq!(path.taken_off("/fw"), Some(""));
        assert_eq!(path.taken_off("/fw/livez"), Some("/livez"));
        assert_eq!(path.taken_off("/fwx"), None);
        assert_eq!(path.taken_off("/livez"), None);
        assert_eq!(PublicPath::default().taken_off("/livez"), None);
    }
}
