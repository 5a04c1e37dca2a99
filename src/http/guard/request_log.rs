//! Writes the request log beside the requests: they hand their entries over and do not wait.
//!
//! Entries wait in a bounded queue and are written many at a time. A database that is away or too
//! slow costs entries, which are counted, never requests.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::store::{MAX_ENTRIES, RequestEntry, RequestLog};

const QUEUE: usize = 8192;
/// How long entries are gathered.
const GATHER: Duration = Duration::from_millis(500);
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// Longest time for the last entries at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes entries; clones share one queue.
#[derive(Debug, Clone)]
pub(in crate::http) struct RequestLogger(Option<mpsc::Sender<RequestEntry>>);

impl RequestLogger {
    /// A log that keeps nothing.
    pub(in crate::http) fn off() -> Self {
        Self(None)
    }

    /// Hands an entry over, or counts it as lost when the queue is full.
    pub(super) fn take(&self, entry: RequestEntry) {
        if let Some(queue) = &self.0
            && queue.try_send(entry).is_err()
        {
            metrics::counter!("framewitness_request_log_lost_total").increment(1);
        }
    }
}

/// The task that writes; ended by [`RequestLogWriter::finish`] or when dropped.
pub(in crate::http) struct RequestLogWriter {
    task: JoinHandle<()>,
    end: oneshot::Sender<()>,
}

impl RequestLogWriter {
    /// Starts writing; entries are removed after `keep`.
    pub(in crate::http) fn start(log: RequestLog, keep: Duration) -> (RequestLogger, Self) {
        metrics::describe_counter!(
            "framewitness_request_log_lost_total",
            "Entries of the request log that could not be kept."
        );
        let (queue, entries) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut book = Book { log, keep, entries };
            tokio::select! {
                () = book.keep_writing() => {}
                _ = ended => book.write_waiting().await,
            }
        });
        (RequestLogger(Some(queue)), Self { task, end })
    }

    /// Writes what waits and ends.
    pub(in crate::http) async fn finish(mut self) {
        // The task ends by itself only when every logger is gone; then nothing waits.
        let _ = self.end.send(());
        let finished = tokio::time::timeout(FLUSH_TIMEOUT, &mut self.task).await;
        if finished.is_err() {
            self.task.abort();
        }
    }
}

struct Book {
    log: RequestLog,
    keep: Duration,
    entries: mpsc::Receiver<RequestEntry>,
}

impl Book {
    async fn keep_writing(&mut self) {
        let mut writes = tokio::time::interval(GATHER);
        let mut sweeps = tokio::time::interval(SWEEP_EVERY);
        writes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = writes.tick() => self.write_waiting().await,
                _ = sweeps.tick() => self.sweep().await,
            }
        }
    }

    async fn write_waiting(&mut self) {
        let mut waiting = Vec::new();
        while waiting.len() < MAX_ENTRIES
            && let Ok(entry) = self.entries.try_recv()
        {
            waiting.push(entry);
        }
        if let Err(error) = self.log.append(&waiting).await {
            let lost = waiting.len() as u64;
            metrics::counter!("framewitness_request_log_lost_total").increment(lost);
            tracing::warn!(%error, lost, "entries of the request log are lost");
        }
    }

    async fn sweep(&self) {
        let limit = OffsetDateTime::now_utc() - self.keep;
        match self.log.remove_before(limit).await {
            Ok(removed) => tracing::debug!(removed, "request log swept"),
            Err(error) => tracing::warn!(%error, "the request log could not be swept"),
        }
    }
}
