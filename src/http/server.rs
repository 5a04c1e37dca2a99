//! The server's life: put together, serve, drain, end.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::QueryPayloadError;
use actix_web::middleware::{Condition, NormalizePath, from_fn};
use actix_web::web::{self, Data, QueryConfig};
use actix_web::{App, Error, HttpRequest, HttpServer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;
use tracing_actix_web::TracingLogger;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

use super::arrival::arrive;
use super::error::HttpError;
use super::guard::{self, CorsOrigins, Guard, RequestLogWriter, RequestLogger, admit};
use super::middleware::{RequestSpan, finish, measure};
use super::openapi::{Document, Preamble, no_route};
use super::routes;
use super::service::{HttpState, Service};
use super::tls::Renewal;

/// How long a refused client that is still sending is listened to, so that it reads the refusal.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How long answers may take to be written once the last request is done.
const FLUSH_S: u64 = 5;

/// How often samples of durations are folded into their buckets and idle callers forgotten.
const UPKEEP: Duration = Duration::from_secs(10);

/// Serves on `listener` until `shutdown` ends. From then on `/readyz` and new uploads answer 503
/// while the uploads in flight get `shutdown_grace` to finish; then the server ends. Signals are
/// the caller's business.
///
/// # Errors
/// When the listener cannot be used.
pub async fn run(
    listener: TcpListener,
    state: HttpState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    describe_metrics();
    let settings = state.settings.guard.clone();
    let (logger, log_writer) = start_request_log(&state);
    let guard = Data::new(Guard::new(state.records.keys(), &settings, logger));
    let _upkeep = Upkeep::start(state.metrics.clone(), Data::clone(&guard));
    let _renewal = state.tls.clone().map(Renewal::start);
    let service = Data::new(Service::new(state));
    let draining = drain_after(shutdown, Data::clone(&service));
    let app = move || app(Data::clone(&guard), &settings.cors_origins);
    let (head_timeout, tls) = (service.settings.head_timeout, service.tls.clone());
    let server = HttpServer::new(move || app().app_data(Data::clone(&service)))
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(head_timeout)
        .tls_handshake_timeout(head_timeout)
        .client_disconnect_timeout(LINGER_TIMEOUT)
        // A client that closes its side has left: its request is dropped and with it all it took.
        .h1_allow_half_closed(false)
        .shutdown_signal(draining)
        .shutdown_timeout(FLUSH_S);
    let server = match tls {
        None => server.listen(listener)?,
        Some(tls) => server.listen_rustls_0_23(listener, tls.server_config())?,
    };
    let served = server.run().await;
    if let Some(writer) = log_writer {
        writer.finish().await;
    }
    served
}

fn start_request_log(state: &HttpState) -> (RequestLogger, Option<RequestLogWriter>) {
    let keep = state.settings.guard.keep_requests;
    if keep.is_zero() {
        return (RequestLogger::off(), None);
    }
    let (logger, writer) = RequestLogWriter::start(state.records.request_log(), keep);
    (logger, Some(writer))
}

async fn drain_after(shutdown: impl Future<Output = ()>, service: Data<Service>) {
    shutdown.await;
    let grace = service.settings.shutdown_grace;
    tracing::info!(uploads = service.reception.inside(), "shutting down");
    let left = service.reception.close(grace).await;
    if left > 0 {
        tracing::warn!(left, "uploads did not finish in time and are given up");
    }
}

/// The OpenAPI document of every route, as `/openapi.json` answers it.
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    let described = App::new()
        .into_utoipa_app()
        .openapi(Preamble::openapi())
        .configure(routes::register);
    let mut document = described.split_for_parts().1;
    guard::describe(&mut document);
    document
}

/// One application, as every server thread has its own, still without the parts.
pub(super) fn app(
    guard: Data<Guard>,
    cors_origins: &CorsOrigins,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let (app, mut openapi) = App::new()
        .into_utoipa_app()
        .openapi(Preamble::openapi())
        .configure(routes::register)
        .split_for_parts();
    guard::describe(&mut openapi);
    app.app_data(Data::new(Document::new(openapi)))
        .app_data(guard)
        .app_data(QueryConfig::default().error_handler(unreadable_query))
        .default_service(web::to(no_route))
        .wrap(from_fn(admit))
        .wrap(NormalizePath::trim())
        .wrap(from_fn(arrive))
        .wrap(Condition::new(
            cors_origins.any(),
            cors_origins.middleware(),
        ))
        .wrap(from_fn(finish))
        .wrap(from_fn(measure))
        .wrap(TracingLogger::<RequestSpan>::new())
}

fn unreadable_query(error: QueryPayloadError, _: &HttpRequest) -> Error {
    HttpError::Query(error.to_string()).into()
}

/// Folds samples together even where nobody scrapes `/metrics`, and forgets callers who are gone,
/// or both would pile up for ever. Stops when dropped.
struct Upkeep(JoinHandle<()>);

impl Upkeep {
    fn start(metrics: PrometheusHandle, guard: Data<Guard>) -> Self {
        Self(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP);
            loop {
                ticks.tick().await;
                metrics.run_upkeep();
                guard.forget_the_idle();
            }
        }))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn describe_metrics() {
    metrics::describe_counter!(
        "framewitness_http_requests_total",
        "Requests answered, by method, route pattern and status."
    );
    metrics::describe_histogram!(
        "framewitness_http_request_duration_seconds",
        metrics::Unit::Seconds,
        "Time from the head of a request to its answer, upload included."
    );
    metrics::describe_gauge!(
        "framewitness_http_requests_in_flight",
        "Requests being answered."
    );
    metrics::describe_counter!(
        "framewitness_http_requests_abandoned_total",
        "Requests whose client left before the answer."
    );
    metrics::describe_counter!(
        "framewitness_upload_bytes_total",
        metrics::Unit::Bytes,
        "Bytes of files received completely."
    );
    metrics::describe_counter!(
        "framewitness_result_cache_total",
        "Files looked up among those analysed before, by outcome: hit or miss."
    );
}
