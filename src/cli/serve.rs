//! `framewitness serve`: the page and the API, until Ctrl-C or SIGTERM.

use std::net::TcpListener;
use std::process::ExitCode;

use framewitness::app::App;
use framewitness::config::Settings;
use framewitness::telemetry;
use tokio::signal::unix::{SignalKind, signal};

use super::runtime;

/// Serves until told to end.
pub(crate) fn run(settings: Settings) -> ExitCode {
    runtime::run(async { serve(settings).await.map(|()| ExitCode::SUCCESS) })
}

async fn serve(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let bind = &settings.bind;
    // Bound first: a port in use is said before the networks are loaded.
    let listener = bind.resolve().and_then(TcpListener::bind);
    let listener = listener.map_err(|error| {
        std::io::Error::new(
            error.kind(),
            format!("cannot listen on {bind} (setting bind): {error}"),
        )
    })?;
    let address = listener.local_addr()?;
    let app = App::start(settings, telemetry::start_metrics()?).await?;
    let shutdown = termination()?;
    tracing::info!("serving on {}://{address}", app.scheme());
    app.serve(listener, shutdown).await?;
    tracing::info!("ended");
    Ok(())
}

/// Ends with the first SIGINT (Ctrl-C) or SIGTERM.
fn termination() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => tracing::info!("Ctrl-C: finishing requests in flight"),
            _ = terminate.recv() => tracing::info!("SIGTERM: finishing requests in flight"),
        }
    })
}
