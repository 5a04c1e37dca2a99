//! Where a request came to, as its client sees it.
//!
//! ```text
//! client ──GET /fw/livez──▶ proxy ──┬─GET /livez──────▶  the proxy took `/fw` off
//!                                   └─GET /fw/livez───▶  it did not: taken off here
//! ```
//!
//! The setting `public_path` says the path, or, where forwarding is trusted, the proxy itself in
//! `X-Forwarded-Prefix`, which counts more: one service may be shown at several places. Only the path
//! of the setting is ever taken off here, because who sends the header has done so.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest};

use super::Service;
use super::public_path::PublicPath;

/// What a proxy says it took off the front of the path.
const FORWARDED_PREFIX: &str = "x-forwarded-prefix";

/// Remembers under which path a request came, and takes the one of the setting off where the proxy
/// left it.
pub(super) async fn arrive<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let service = request.app_data::<Data<Service>>().cloned();
    if let Some(service) = service {
        let settings = &service.settings;
        let stated = (settings.guard.trust_forwarded)
            .then(|| forwarded(request.request()))
            .flatten();
        take_off(&mut request, &settings.public_path);
        let path = stated.unwrap_or_else(|| settings.public_path.clone());
        request.extensions_mut().insert(path);
    }
    next.call(request).await
}

/// The last entry is the one that our own proxy wrote, as in `X-Forwarded-For`. One that is no
/// clean path is as good as none.
fn forwarded(request: &HttpRequest) -> Option<PublicPath> {
    let entries = request.headers().get_all(FORWARDED_PREFIX).last()?;
    let last = entries.to_str().ok()?.rsplit(',').next()?;
    PublicPath::parse(last).filter(|_| !last.trim().is_empty())
}

fn take_off(request: &mut ServiceRequest, public_path: &PublicPath) {
    let uri = public_path
        .taken_off(request.path())
        .and_then(|rest| with_path(request.uri(), rest));
    if let Some(uri) = uri {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

/// The same address with another path; `None` where that makes none.
fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let path = if path.is_empty() { "/" } else { path };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_query_stays_when_the_path_is_taken_off() {
        let path: PublicPath = "/fw".parse().unwrap();
        for (uri, left) in [
            (
                "/fw/predict?format=framewitness",
                "/predict?format=framewitness",
            ),
            ("/fw?x=/fw", "/?x=/fw"),
            ("/fw//livez", "//livez"),
            ("/livez", "/livez"),
        ] {
            let mut request = TestRequest::with_uri(uri).to_srv_request();
            take_off(&mut request, &path);
            assert_eq!(request.uri().to_string(), left);
            assert_eq!(request.match_info().as_str(), request.path());
        }
    }

    #[test]
    fn the_proxy_that_is_nearest_says_the_path_and_nonsense_counts_as_silence() {
        let stated = |values: &[&str]| {
            let mut request = TestRequest::get();
            for value in values {
                request = request.append_header((FORWARDED_PREFIX, *value));
            }
            forwarded(&request.to_http_request()).map(|path| path.to_string())
        };
        assert_eq!(stated(&["/fw/"]).as_deref(), Some("/fw"));
        assert_eq!(stated(&["/evil", "/fw"]).as_deref(), Some("/fw"));
        assert_eq!(stated(&["/evil, /fw"]).as_deref(), Some("/fw"));
        assert_eq!(stated(&["/"]).as_deref(), Some(""));
        for nonsense in ["", "//evil.example", "/../x", "/\"><script>", "fw"] {
            assert_eq!(stated(&[nonsense]), None, "{nonsense:?}");
        }
        assert_eq!(stated(&[]), None);
    }
}
