//! `Idempotency-Key`: a request that a client sends again, because it heard no answer, has one job
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! Keys are the sender's own, and counted by his API key; on an open service everybody is one sender.
//! A key is remembered as long as its job is. The same key with other bytes is another request and
//! refused.

use actix_web::HttpRequest;

use crate::http::caller::Caller;
use crate::http::error::HttpError;
use crate::integrity::Sha256Digest;

const HEADER: &str = "idempotency-key";
const MAX_CHARS: usize = 255;

/// The sender and his key as one text, of a request that carries one.
///
/// # Errors
/// [`HttpError::IdempotencyKey`] for one that is empty, too long or not of visible ASCII characters.
pub(super) fn of(request: &HttpRequest) -> Result<Option<String>, HttpError> {
    let Some(value) = request.headers().get(HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| HttpError::IdempotencyKey)?;
    // A string of structured fields stands in quotation marks; many clients leave them out.
    let bare = text.trim().trim_matches('"');
    let is_visible = bare
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if bare.is_empty() || bare.len() > MAX_CHARS || !is_visible {
        return Err(HttpError::IdempotencyKey);
    }
    let sender = Caller::of(request).key().map_or(0, |key| key.get());
    let digest = Sha256Digest::of(bare.as_bytes()).to_hex();
    Ok(Some(format!("{sender}:{digest}")))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(value: &str) -> Result<Option<String>, HttpError> {
        let request = TestRequest::post().insert_header((HEADER, value));
        of(&request.to_http_request())
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotation_marks_and_never_kept_itself() {
        let bare = read("8e03978e-40d5-43dd-bc93-6894a57f9324")
            .unwrap()
            .unwrap();
        let quoted = read("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"").unwrap();
        assert_eq!(quoted, Some(bare.clone()));
        assert!(
            bare.starts_with("0:") && !bare.contains("8e03978e"),
            "{bare}"
        );
        let without = TestRequest::post().to_http_request();
        assert_eq!(of(&without).unwrap(), None);
    }

    #[test]
    fn a_key_of_nothing_or_of_too_much_is_refused() {
        for value in ["", "\"\"", "clé", &"a".repeat(MAX_CHARS + 1)] {
            assert!(read(value).is_err(), "{value:?}");
        }
    }
}
