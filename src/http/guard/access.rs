//! What each path asks of a caller, in one table.
//!
//! The path is the one that the router matches, so that no other spelling of it leads past the
//! table. Of the entries that begin a path the longest counts.

use crate::store::Scope;

/// What a path asks of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Access {
    /// Nothing, and it is never counted: probes of machines.
    Probe,
    /// Nothing.
    Open,
    /// A valid key, where keys are asked for at all.
    AnyKey,
    /// A key of this scope.
    Needs(Scope),
}

use Access::{AnyKey, Needs, Open, Probe};
use Scope::{Admin, Analyse, History, Integrity, Models};

/// Beginnings of paths. An entry stands for the path itself and for everything below it.
const TABLE: &[(&str, Access)] = &[
    // Whether it lives, and what it is.
    ("/livez", Probe),
    ("/readyz", Probe),
    ("/health", Probe),
    ("/api/health", Probe),
    ("/api/v1/detect/health", Probe),
    ("/openapi.json", Open),
    ("/apidocs", Open),
    ("/docs", Open),
    ("/api/v1/docs", Open),
    ("/static", Open),
    ("/metrics", Needs(Admin)),
    ("/api/v1/limits", AnyKey),
    ("/api/v1/status", AnyKey),
    // Public keys are public: a signature is checked by those who have no key of ours.
    ("/integrity", Needs(Integrity)),
    ("/integrity/public-key", Open),
    ("/.well-known/jwks.json", Open),
    // Files in, verdicts out.
    ("/predict", Needs(Analyse)),
    ("/predict_csv", Needs(Analyse)),
    ("/batch_predict", Needs(Analyse)),
    ("/detect_faces", Needs(Analyse)),
    ("/sample_faces", Needs(Analyse)),
    ("/video", Needs(Analyse)),
    ("/api/v1/analyses", Needs(Analyse)),
    ("/api/v1/uploads", Needs(Analyse)),
    ("/api/v1/predict", Needs(Analyse)),
    ("/api/v1/detect", Needs(Analyse)),
    ("/api/inference", Needs(Analyse)),
    // What was found before.
    ("/static/artifacts", Needs(History)),
    ("/api/v1/predictions", Needs(History)),
    ("/api/v1/statistics", Needs(History)),
    ("/api/db", Needs(History)),
    ("/api/inference/history", Needs(History)),
    ("/api/inference/result", Needs(History)),
    ("/api/inference/stats", Needs(History)),
    // The networks.
    ("/api/model", Needs(Models)),
    ("/api/v1/model", Needs(Models)),
];

/// What `path` asks; `None` for paths of which the table says nothing.
pub(in crate::http) fn stated(path: &str) -> Option<Access> {
    if path == "/" || path.is_empty() {
        return Some(Open);
    }
    let below = |entry: &&(&str, Access)| {
        let rest = path.strip_prefix(entry.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let entry = TABLE.iter().filter(below).max_by_key(|entry| entry.0.len());
    entry.map(|(_, access)| *access)
}

/// Whether a route of ours, or a page of documents, begins with this part.
pub(in crate::http) fn begins_a_route(part: &str) -> bool {
    let first = |path: &'static str| path.split('/').nth(1);
    (TABLE.iter()).any(|(path, _)| first(path) == Some(part))
}

/// What `path` asks. A path that leads nowhere tells so to those who have a key.
pub(in crate::http) fn of(path: &str) -> Access {
    stated(path).unwrap_or(AnyKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_counts_and_only_whole_parts_do() {
        for (path, expected) in [
            ("/", Open),
            ("/static/app.js", Open),
            ("/static/artifacts/x/y.jpg", Needs(History)),
            ("/predict", Needs(Analyse)),
            ("/predict/", Needs(Analyse)),
            ("/predictable", AnyKey),
            ("/integrity/sign", Needs(Integrity)),
            ("/integrity/public-key", Open),
            ("/api/inference/predict-batch", Needs(Analyse)),
            ("/api/inference/history", Needs(History)),
            ("/api/v1/detect/health", Probe),
            ("/api/v1/predictions/recent", Needs(History)),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
    }

    #[test]
    fn every_documented_route_is_in_the_table() {
        let document = crate::http::openapi_document();
        for path in document.paths.paths.keys() {
            assert!(stated(path).is_some(), "src/http/guard/access.rs: {path}");
        }
    }
}
