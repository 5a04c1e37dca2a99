//! Logs and metrics, set up once at the start of the program.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::str::FromStr;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Upper bounds of the duration histograms, in seconds.
const DURATION_BUCKETS_S: [f64; 11] =
    [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected text or json".into()),
        }
    }
}

/// Telemetry that could not be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// A filter that does not parse.
    #[error("the setting log_filter does not parse: {0}")]
    Filter(#[from] ParseError),
    /// The metrics recorder.
    #[error("metrics could not be set up: {0}")]
    Metrics(#[from] BuildError),
}

/// Longest part of a panic's message that is logged, in characters; one of libtorch brings a stack.
const MAX_PANIC_CHARS: usize = 500;

/// Sends logs to standard error, so that standard output holds only results; panics too.
///
/// # Errors
/// [`TelemetryError::Filter`] when `filter` does not parse.
pub fn start_logs(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(filter)?)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start, as tests do, keeps the first subscriber.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Says where a thread panicked, without a backtrace: naming its functions takes hundreds of
/// megabytes and a lock that the runtime also wants when there is no memory, so that a thread out of
/// memory would stand still for ever instead of failing its request.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let message: String = message.chars().take(MAX_PANIC_CHARS).collect();
    let location = panic.location().map(tracing::field::display);
    let thread = std::thread::current();
    tracing::error!(thread = thread.name(), location, message, "panicked");
}

/// Installs the recorder behind the `metrics` macros and hands out what renders `/metrics`.
///
/// # Errors
/// [`TelemetryError::Metrics`] when a recorder is already installed.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &DURATION_BUCKETS_S)?
        .install_recorder()?;
    Ok(recorder)
}
