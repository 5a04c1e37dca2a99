//! Disk work off the async threads.

use super::StoreError;

/// Runs `work` on tokio's blocking threads. The work runs to its end even when the caller stops
/// waiting, so that an operation is never left half done. A panic inside is passed on.
pub(super) async fn on_disk_thread<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => match failure.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Err(StoreError::ShuttingDown),
        },
    }
}
