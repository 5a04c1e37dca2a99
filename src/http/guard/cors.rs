//! Which other sites' pages may ask.

use std::str::FromStr;

use actix_cors::Cors;
use thiserror::Error;

use crate::http::tus;

const PREFLIGHT_VALID_S: usize = 3600;

/// Origins whose pages may use the service: none, some, or all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CorsOrigins {
    /// Only our own page.
    #[default]
    None,
    /// These, each as `https://site.example` or with a port.
    These(Vec<String>),
    /// Any site's. Keys are sent by the page itself and never by the browser on its own, so that
    /// this lets in only who has a key, where keys are asked for.
    Any,
}

/// A text that is no list of origins.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "expected `*`, or origins such as https://site.example with commas between them, and no path"
)]
pub struct CorsOriginsError;

impl FromStr for CorsOrigins {
    type Err = CorsOriginsError;
    fn from_str(text: &str) -> Result<Self, CorsOriginsError> {
        match text.trim() {
            "" => Ok(Self::None),
            "*" => Ok(Self::Any),
            list => {
                let origins = list.split(',').map(|origin| origin.trim().to_owned());
                let origins: Vec<_> = origins.collect();
                let all_are = origins.iter().all(|origin| is_origin(origin));
                all_are
                    .then_some(Self::These(origins))
                    .ok_or(CorsOriginsError)
            }
        }
    }
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ']))
}

impl CorsOrigins {
    /// The middleware that answers preflights and marks answers; [`Self::None`] needs none.
    pub(in crate::http) fn middleware(&self) -> Cors {
        let cors = Cors::default()
            .allowed_methods(["GET", "HEAD", "POST", "PATCH", "DELETE"])
            .allow_any_header()
            .expose_headers([
                "location",
                "preference-applied",
                "ratelimit-limit",
                "ratelimit-remaining",
                "ratelimit-reset",
                "retry-after",
                "server-timing",
                "x-request-id",
            ])
            .expose_headers(tus::EXPOSED)
            .max_age(PREFLIGHT_VALID_S);
        match self {
            Self::None => cors,
            Self::Any => cors.allow_any_origin().send_wildcard(),
            Self::These(origins) => origins
                .iter()
                .fold(cors, |cors, origin| cors.allowed_origin(origin)),
        }
    }

    /// Whether other sites' pages are let in at all.
    pub(in crate::http) fn any(&self) -> bool {
        *self != Self::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_origins_reads_and_anything_else_is_refused() {
        assert_eq!("".parse(), Ok(CorsOrigins::None));
        assert_eq!("*".parse(), Ok(CorsOrigins::Any));
        let two = "https://a.example, http://localhost:5173".parse();
        let expected = ["https://a.example", "http://localhost:5173"];
        assert_eq!(
            two,
            Ok(CorsOrigins::These(expected.map(String::from).into()))
        );
        for text in [
            "a.example",
            "https://a.example/path",
            "https://",
            "*,https://a",
            ",",
        ] {
            assert_eq!(text.parse::<CorsOrigins>(), Err(CorsOriginsError), "{text}");
        }
    }
}
