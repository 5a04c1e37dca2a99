//! What every request passes through, outermost first.
//!
//! 1. [`RequestSpan`] opens the log span, gives the request its number, and logs one line at the
//!    end: method, route, status, duration. Never bodies, file names or header values.
//! 2. [`measure`] counts and times by route pattern, and hands an entry to the request log.
//! 3. [`finish`] completes the answer: request number, security headers, and for every error its
//!    body, `application/problem+json` or the shape of the service that the path belongs to.
//! 4. Cross-origin answers, where other sites' pages may ask.
//! 5. [`arrival`](super::arrival) remembers under which path a proxy shows the service, and
//!    takes it off.
//! 6. `NormalizePath` cuts trailing slashes before the route is chosen.
//! 7. [`guard`](super::guard) lets the request in, or not.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder};

use super::Service;
use super::error_shape::ErrorShape;
use super::guard::Guard;
use super::problem::Draft;
use super::tus;

/// Carries the request's number.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For the page: its own files and the pictures of uploads in the browser, nothing else.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     media-src 'self' blob:; connect-src 'self'; font-src 'self'; form-action 'self'; \
     base-uri 'self'; frame-ancestors 'none'",
);

/// Opens a span for each request and logs its end.
pub(super) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        request.extensions_mut().insert(StartedAt(Instant::now()));
        let number = request.extensions().get::<RequestId>().copied();
        let number = number.map(|id| id.to_string()).unwrap_or_default();
        tracing::info_span!("request", request_id = %number, method = %request.method(), path = %request.path())
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let _in_span = span.enter();
        let response = match outcome {
            Ok(response) => response,
            Err(error) => return tracing::error!(%error, "request failed"),
        };
        let status = response.status().as_u16();
        let started = response
            .request()
            .extensions()
            .get::<StartedAt>()
            .map(|at| at.0);
        let duration_ms = started.map(|at| at.elapsed().as_millis());
        if response.status().is_server_error() {
            let cause = response.response().error().map(cause_chain);
            tracing::error!(status, duration_ms, cause, "request failed");
        } else if is_probe(response.request().path()) {
            tracing::debug!(status, duration_ms, "request answered");
        } else {
            let cause = response.response().error().map(cause_chain);
            tracing::info!(status, duration_ms, cause, "request answered");
        }
    }
}

struct StartedAt(Instant);

/// Asked every few seconds by machines; a line each would drown the rest.
fn is_probe(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/metrics" | "/health")
}

/// An error and what is behind it, in one line for the log.
fn cause_chain(error: &Error) -> String {
    let error = error.as_error::<super::error::HttpError>();
    let mut line = String::new();
    let mut next: Option<&dyn std::error::Error> = error.map(|error| error as _);
    while let Some(error) = next {
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&error.to_string());
        next = error.source();
    }
    line
}

/// Counts and times requests by method, route pattern and status. Unknown paths share one label,
/// so that a scanner cannot make the metrics grow.
pub(super) async fn measure<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut in_flight = InFlight::begin();
    let started = Instant::now();
    let method = method_label(request.method());
    let response = next.call(request).await?;
    let route = (response.request().match_pattern()).unwrap_or_else(|| "unmatched".into());
    Guard::remember(&response, (method, &route), started);
    let status = response.status().as_u16().to_string();
    let labels = [
        ("method", method.to_owned()),
        ("route", route),
        ("status", status),
    ];
    metrics::counter!("framewitness_http_requests_total", &labels).increment(1);
    metrics::histogram!("framewitness_http_request_duration_seconds", &labels)
        .record(started.elapsed().as_secs_f64());
    in_flight.answered = true;
    Ok(response)
}

fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = KNOWN.iter().find(|known| **known == method.as_str());
    known.copied().unwrap_or("OTHER")
}

/// Counts one request until it is dropped. Dropped unanswered, its client has left: nobody else
/// ends a request early.
struct InFlight {
    answered: bool,
}

impl InFlight {
    fn begin() -> Self {
        metrics::gauge!("framewitness_http_requests_in_flight").increment(1.0);
        Self { answered: false }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!("framewitness_http_requests_in_flight").decrement(1.0);
        if !self.answered {
            metrics::counter!("framewitness_http_requests_abandoned_total").increment(1);
            tracing::info!("the client left before the answer");
        }
    }
}

/// Answers HEAD through GET's handler (the server leaves the body out), and completes the answer.
pub(super) async fn finish<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let meant = (request.method(), request.path());
    if let Some(method) = tus::overridden_method(meant, request.headers()) {
        request.head_mut().method = method;
    } else if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let number = request.extensions().get::<RequestId>().copied();
    let number = number.map(|id| id.to_string()).unwrap_or_default();
    let service = request.app_data::<Data<Service>>();
    let hsts = service.and_then(|service| service.tls.as_ref()?.hsts());
    let mut response = next.call(request).await?.map_into_boxed_body();
    if response.status().is_client_error() || response.status().is_server_error() {
        response = with_error_body(response, &number);
    }
    let path = response.request().path().to_owned();
    let headers = response.headers_mut();
    tus::mark(&path, headers);
    if let Ok(value) = HeaderValue::from_str(&number) {
        headers.insert(REQUEST_ID, value);
    }
    add_security_headers(headers);
    if let Some(hsts) = hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts);
    }
    Ok(response)
}

fn with_error_body(response: ServiceResponse<BoxBody>, number: &str) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let draft = response.response().extensions().get::<Draft>().cloned();
    if draft.is_none() && is_json(response.headers()) {
        // A report that is its own answer, as `/health` gives with 503.
        return response;
    }
    let draft = draft.unwrap_or_else(|| Draft::from_status(status));
    let (media_type, body) = ErrorShape::of(response.request()).write(status, &draft, number);
    let mut response = response.map_body(|_, _| BoxBody::new(body));
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json")
}

/// A handler that needs another content policy, as the API explorer does, sets its own.
fn add_security_headers(headers: &mut HeaderMap) {
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
}
