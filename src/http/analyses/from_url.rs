//! Fetches a file that a client names by its URL, where the settings allow it, and promises an answer.
//!
//! The URL is not kept and not logged: what stands in one may open a door. What comes is held to the same
//! limits as a body that is sent here.

use std::io;

use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::StreamExt;
use serde::Deserialize;
use utoipa::ToSchema;

use super::submit::{Terms, promise};
use crate::http::Service;
use crate::http::body::{BodyLimits, guarded};
use crate::http::error::HttpError;
use crate::http::filename::DisplayName;
use crate::http::upload::{ReceivedFile, write_and_hash};
use crate::http::upload_error::UploadError;
use crate::outward::{FetchError, Fetched, Fetcher};

/// Longest body that names a URL.
const MAX_BODY_BYTES: u64 = 16 * 1024;

/// Where a file is to be fetched.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlForm {
    /// `http` or `https`, without user and password.
    #[schema(example = "https://media.example.org/clip.mp4")]
    url: String,
}

/// Whether the body of a request names a file instead of being one.
pub(super) fn names_a_url(request: &HttpRequest) -> bool {
    let stated = request.headers().get(CONTENT_TYPE);
    let stated = stated.and_then(|value| value.to_str().ok());
    let essence = stated.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Fetches the file that `body` names, keeps a job of it and answers as for one that was sent.
///
/// # Errors
/// [`HttpError`]; nothing of the file is left then.
pub(super) async fn submit_url(
    request: &HttpRequest,
    body: Payload,
    service: &Data<Service>,
) -> Result<HttpResponse, HttpError> {
    let fetcher = service.fetcher.as_ref().ok_or(HttpError::UrlsOff)?;
    let terms = Terms::of(request, service).await?;
    let form = read(body, service.settings.body).await?;
    let file = fetch(fetcher, &form.url, service).await?;
    promise(request, file, terms, service).await
}

/// What is wrong with it is not repeated: it may be a URL that nobody else should read.
async fn read(body: Payload, limits: BodyLimits) -> Result<UrlForm, HttpError> {
    let limits = BodyLimits {
        max_bytes: MAX_BODY_BYTES,
        ..limits
    };
    let mut body = Box::pin(guarded(body, limits));
    let mut text = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(UploadError::from);
        if let Err(UploadError::TooLarge { .. }) = chunk {
            return Err(HttpError::UrlForm);
        }
        text.extend_from_slice(&chunk?);
    }
    serde_json::from_slice(&text).map_err(|_| HttpError::UrlForm)
}

async fn fetch(fetcher: &Fetcher, url: &str, service: &Service) -> Result<ReceivedFile, HttpError> {
    let limits = service.settings.body;
    let max_bytes = limits.max_bytes;
    let Fetched {
        filename,
        length_bytes,
        pieces,
    } = fetcher.fetch(url).await?;
    if length_bytes.is_some_and(|bytes| bytes > max_bytes) {
        return Err(FetchError::TooLarge { max_bytes }.into());
    }
    let pieces = pieces.map(|piece| {
        let piece = piece.map(Bytes::from);
        piece.map_err(|error| PayloadError::Io(io::Error::other(error)))
    });
    let pieces = Box::pin(guarded(pieces, limits));
    let written = write_and_hash(pieces, u64::MAX, &service.uploads).await;
    let (upload, digest) = written.map_err(while_fetching)??;
    metrics::counter!("framewitness_upload_bytes_total").increment(digest.size_bytes);
    Ok(ReceivedFile {
        upload,
        field: "url",
        filename: DisplayName::within(&filename, limits.max_filename_chars),
        digest,
    })
}

/// Not the client is slow or gone, but what he named.
fn while_fetching(error: UploadError) -> HttpError {
    if let UploadError::TooLarge { max_bytes } = error {
        FetchError::TooLarge { max_bytes }.into()
    } else if let UploadError::Slow(_) = error {
        FetchError::Slow.into()
    } else if let UploadError::Interrupted = error {
        FetchError::Broken.into()
    } else {
        error.into()
    }
}
