//! What a client asks for beside the analysis itself.

use actix_web::HttpRequest;
use actix_web::http::header::{CacheControl, CacheDirective, Header};

use super::caller::Caller;
use crate::analysis::RESULT_PICTURE;
use crate::media::Steps;
use crate::store::{ArtifactName, Submission};

/// How the result is to be kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    /// What is kept beside the analysis.
    pub(super) submission: Submission,
    /// Whether the answer cannot do without a probability: a file in which nothing can be scored
    /// is then an error, and nothing of it is kept.
    pub(super) needs_score: bool,
    /// Whether the client wants no analysis that was there before (`Cache-Control: no-cache`).
    pub(super) anew: bool,
    /// Frames to see beside the usual sample.
    pub(super) steps: Option<Steps>,
}

impl Wish {
    /// What is asked for on behalf of the sender of `request`.
    pub(super) fn of(request: &HttpRequest) -> Self {
        Self {
            submission: Submission {
                owner: Caller::of(request).key(),
                result_image: ArtifactName::parse(RESULT_PICTURE).ok(),
                ..Submission::default()
            },
            needs_score: false,
            anew: wants_no_cache(request),
            steps: None,
        }
    }

    /// The same for an answer that cannot do without a probability.
    pub(super) fn scored(self) -> Self {
        Self {
            needs_score: true,
            ..self
        }
    }
}

fn wants_no_cache(request: &HttpRequest) -> bool {
    let directives = CacheControl::parse(request);
    directives.is_ok_and(|CacheControl(directives)| {
        let refuses = |d| matches!(d, &CacheDirective::NoCache | &CacheDirective::NoStore);
        directives.iter().any(refuses)
    })
}
