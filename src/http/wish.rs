//! What a client asks for beside the analysis itself.

use actix_web::HttpRequest;
use actix_web::http::header::{CacheControl, CacheDirective, Header};
use actix_web::web::Query;
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::error::HttpError;
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
    /// Number of the moving picture stream to look at, where a file holds several.
    pub(super) stream: Option<u32>,
    /// Whether the verdict must hold after small changes.
    pub(super) check_stability: bool,
}

/// What the query may hold on every route that analyses.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamQuery {
    /// Which of several moving pictures in the file is analysed, counted from 0. Without it the first
    /// that shows a face.
    stream: Option<u32>,
    /// `true`: the same faces are also judged compressed once more, rescaled and cut closer
    /// (`stability` in the answer); a verdict that this turns into its opposite becomes INCONCLUSIVE.
    /// Judging takes four times as long. The setting `check_stability` asks it of every file.
    #[serde(default)]
    stability: bool,
}

impl Wish {
    /// What is asked for on behalf of the sender of `request`.
    ///
    /// # Errors
    /// [`HttpError::Query`] when the query names no stream by its number, or `stability` is neither
    /// `true` nor `false`.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, HttpError> {
        let query = Query::<StreamQuery>::from_query(request.query_string())
            .map_err(|error| HttpError::Query(error.to_string()))?;
        Ok(Self {
            submission: Submission {
                owner: Caller::of(request).key(),
                result_image: ArtifactName::parse(RESULT_PICTURE).ok(),
                ..Submission::default()
            },
            needs_score: false,
            anew: wants_no_cache(request),
            steps: None,
            stream: query.stream,
            check_stability: query.stability,
        })
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
