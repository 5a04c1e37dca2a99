//! The headers of the protocol, read and written.

use std::time::SystemTime;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, HttpDate, TRANSFER_ENCODING,
};

use super::error::TusError;
use crate::http::public_path::PublicPath;
use crate::store::{JobId, PartialRecord};

/// The version that is spoken.
const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,expiration,termination,checksum";
/// Algorithms of checksums.
pub(super) const ALGORITHMS: &str = "sha1,sha256";
const OFFSET_STREAM: &str = "application/offset+octet-stream";

/// The path of every route here begins like this.
const ROOT: &str = "/api/v1/uploads";

/// Answers a version that is not spoken.
pub(in crate::http) const TUS_VERSION: (HeaderName, &str) =
    (HeaderName::from_static("tus-version"), VERSION);
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const ANALYSIS: HeaderName = HeaderName::from_static("framewitness-analysis");
const METHOD_OVERRIDE: &str = "x-http-method-override";

/// What pages of other sites may read of an answer.
pub(in crate::http) const EXPOSED: [&str; 10] = [
    "framewitness-analysis",
    "tus-checksum-algorithm",
    "tus-extension",
    "tus-max-size",
    "tus-resumable",
    "tus-version",
    "upload-expires",
    "upload-length",
    "upload-metadata",
    "upload-offset",
];

/// Says which version is spoken in every answer to a request for `path`, errors too.
pub(in crate::http) fn mark(path: &str, headers: &mut HeaderMap) {
    let rest = path.strip_prefix(ROOT);
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        headers.insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    }
}

/// What a client means that cannot say PATCH or DELETE. The path may still have another in front.
pub(in crate::http) fn overridden_method(
    (method, path): (&Method, &str),
    headers: &HeaderMap,
) -> Option<Method> {
    if *method != Method::POST || !path.contains(&format!("{ROOT}/")) {
        return None;
    }
    let stated = headers.get(METHOD_OVERRIDE)?.to_str().ok()?;
    [Method::PATCH, Method::DELETE]
        .into_iter()
        .find(|known| stated.trim().eq_ignore_ascii_case(known.as_str()))
}

/// What this service can do, as headers of an answer.
pub(super) fn capabilities(max_bytes: u64) -> [(HeaderName, String); 4] {
    [
        (TUS_VERSION.0, VERSION.into()),
        (TUS_EXTENSION, EXTENSIONS.into()),
        (TUS_MAX_SIZE, max_bytes.to_string()),
        (TUS_CHECKSUM_ALGORITHM, ALGORITHMS.into()),
    ]
}

/// Refuses a request in another version.
pub(super) fn expect_version(request: &HttpRequest) -> Result<(), TusError> {
    match text(request, &TUS_RESUMABLE) {
        Some(VERSION) => Ok(()),
        Some(_) | None => Err(TusError::Version),
    }
}

/// How long the file is to be: 1 to `max_bytes`.
pub(super) fn length(request: &HttpRequest, max_bytes: u64) -> Result<u64, TusError> {
    let length_bytes = number(request, "Upload-Length", &UPLOAD_LENGTH)?;
    match length_bytes.ok_or(TusError::LengthMissing)? {
        0 => Err(TusError::Header {
            name: "Upload-Length",
            problem: "the file is empty (0 bytes)",
        }),
        length_bytes if length_bytes > max_bytes => Err(TusError::TooLarge {
            length_bytes,
            max_bytes,
        }),
        length_bytes => Ok(length_bytes),
    }
}

/// Where the bytes of a body belong.
pub(super) fn offset(request: &HttpRequest) -> Result<u64, TusError> {
    let offset = number(request, "Upload-Offset", &UPLOAD_OFFSET)?;
    offset.ok_or(TusError::Header {
        name: "Upload-Offset",
        problem: "it must say where in the file the bytes begin",
    })
}

/// How long the body is, where it is said: one of which nothing is said is not there (RFC 9112, section 6.3).
pub(super) fn content_length(request: &HttpRequest) -> Result<Option<u64>, TusError> {
    let stated = number(request, "Content-Length", &CONTENT_LENGTH)?;
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    Ok(stated.or_else(|| (!is_chunked).then_some(0)))
}

/// Whether a body is one of bytes of a file.
pub(super) fn is_offset_stream(request: &HttpRequest) -> bool {
    text(request, &CONTENT_TYPE).is_some_and(|stated| {
        let essence = stated.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(OFFSET_STREAM)
    })
}

/// What the client says of the file.
pub(super) fn metadata(request: &HttpRequest) -> Result<Option<&str>, TusError> {
    stated(request, "Upload-Metadata", &UPLOAD_METADATA)
}

/// What the client says of the bytes in the body.
pub(super) fn checksum(request: &HttpRequest) -> Result<Option<&str>, TusError> {
    stated(request, "Upload-Checksum", &UPLOAD_CHECKSUM)
}

/// How far an upload is, as headers of an answer.
pub(super) fn progress(record: &PartialRecord, offset: u64) -> Vec<(HeaderName, String)> {
    let expires = HttpDate::from(SystemTime::from(record.expires_at));
    let mut headers = vec![
        (UPLOAD_OFFSET, offset.to_string()),
        (UPLOAD_EXPIRES, expires.to_string()),
    ];
    headers.extend(record.metadata.clone().map(|text| (UPLOAD_METADATA, text)));
    headers
}

/// Of one that became an analysis.
pub(super) fn finished(
    (id, length_bytes): (JobId, u64),
    at: &PublicPath,
) -> [(HeaderName, String); 2] {
    [
        (UPLOAD_OFFSET, length_bytes.to_string()),
        (ANALYSIS, at.link(&format!("/api/v1/analyses/{id}"))),
    ]
}

/// How long the whole file is.
pub(super) fn whole(length_bytes: u64) -> (HeaderName, String) {
    (UPLOAD_LENGTH, length_bytes.to_string())
}

fn stated<'a>(
    request: &'a HttpRequest,
    name: &'static str,
    header: &HeaderName,
) -> Result<Option<&'a str>, TusError> {
    let Some(value) = request.headers().get(header) else {
        return Ok(None);
    };
    let problem = "it must be of visible ASCII characters";
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| TusError::Header { name, problem })
}

fn text<'a>(request: &'a HttpRequest, header: &HeaderName) -> Option<&'a str> {
    Some(request.headers().get(header)?.to_str().ok()?.trim())
}

/// Digits and nothing else: `+5` is no number of bytes.
fn number(
    request: &HttpRequest,
    name: &'static str,
    header: &HeaderName,
) -> Result<Option<u64>, TusError> {
    let Some(text) = stated(request, name, header)? else {
        return Ok(None);
    };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_plain.then(|| text.parse().ok()).flatten();
    let problem = "it must be a number of bytes";
    number.map(Some).ok_or(TusError::Header { name, problem })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(pairs: &[(&'static str, &'static str)]) -> HttpRequest {
        let mut request = TestRequest::post();
        for pair in pairs {
            request = request.insert_header(*pair);
        }
        request.to_http_request()
    }

    #[test]
    fn a_length_is_a_number_of_bytes_within_the_limit() {
        let read = |text| length(&request(&[("upload-length", text)]), 100);
        assert_eq!(read("1"), Ok(1));
        assert_eq!(read("100"), Ok(100));
        assert_eq!(read("101").unwrap_err().code(), "body-too-large");
        for text in [
            "0",
            "",
            "-1",
            "+5",
            "1e3",
            "1 ",
            "0x10",
            "99999999999999999999",
        ] {
            assert_eq!(read(text).unwrap_err().code(), "invalid-header", "{text:?}");
        }
        let deferred = request(&[("upload-defer-length", "1")]);
        assert_eq!(length(&deferred, 100), Err(TusError::LengthMissing));
    }

    #[test]
    fn only_this_version_is_spoken() {
        let version = |pairs: &[(&'static str, &'static str)]| expect_version(&request(pairs));
        assert_eq!(version(&[("tus-resumable", "1.0.0")]), Ok(()));
        for other in ["0.2.2", "1.0", "2.0.0", ""] {
            assert_eq!(version(&[("tus-resumable", other)]), Err(TusError::Version));
        }
        assert_eq!(version(&[]), Err(TusError::Version));
    }

    #[test]
    fn a_body_of_bytes_is_known_by_its_type() {
        let is = |text| is_offset_stream(&request(&[("content-type", text)]));
        assert!(is("application/offset+octet-stream"));
        assert!(is("Application/Offset+Octet-Stream; x=1"));
        assert!(!is("application/octet-stream"));
        assert!(!is_offset_stream(&request(&[])));
    }

    #[test]
    fn a_body_of_which_nothing_is_said_is_none() {
        let read = |pairs: &[(&'static str, &'static str)]| content_length(&request(pairs));
        assert_eq!(read(&[]), Ok(Some(0)));
        assert_eq!(read(&[("content-length", "7")]), Ok(Some(7)));
        assert_eq!(read(&[("transfer-encoding", "chunked")]), Ok(None));
    }

    #[test]
    fn a_post_may_mean_another_method_on_an_upload_and_nowhere_else() {
        let meant = |method: Method, path: &str, stated| {
            let request = request(&[("x-http-method-override", stated)]);
            overridden_method((&method, path), request.headers())
        };
        let path = "/api/v1/uploads/x";
        assert_eq!(meant(Method::POST, path, "PATCH"), Some(Method::PATCH));
        assert_eq!(meant(Method::POST, path, "delete"), Some(Method::DELETE));
        assert_eq!(
            meant(Method::POST, "/fw/api/v1/uploads/x", "PATCH"),
            Some(Method::PATCH)
        );
        assert_eq!(meant(Method::POST, path, "GET"), None);
        assert_eq!(meant(Method::GET, path, "PATCH"), None);
        assert_eq!(meant(Method::POST, "/api/v1/uploads", "PATCH"), None);
        assert_eq!(meant(Method::POST, "/api/v1/analyses/x", "DELETE"), None);
    }

    #[test]
    fn answers_of_these_routes_alone_say_the_version() {
        for (path, is_marked) in [
            ("/api/v1/uploads", true),
            ("/api/v1/uploads/x", true),
            ("/api/v1/uploadsx", false),
            ("/predict", false),
        ] {
            let mut headers = HeaderMap::new();
            mark(path, &mut headers);
            assert_eq!(headers.contains_key(TUS_RESUMABLE), is_marked, "{path}");
        }
    }
}
