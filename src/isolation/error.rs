//! What can go wrong between a parent and its worker.

use std::io;
use std::process::ExitStatus;

use thiserror::Error;

/// Why a worker did not start, did not answer, or answered in a way that is not allowed.
#[derive(Debug, Error)]
pub enum IsolationError {
    /// The system did not start it.
    #[error("the worker process could not be started")]
    Start(#[source] io::Error),
    /// It ended before its answer was complete.
    #[error("the worker process ended: {}", .0.map_or("its socket closed".into(), |s| s.to_string()))]
    Ended(Option<ExitStatus>),
    /// Nobody waits for the answer any more.
    #[error("the wait for the worker process was given up")]
    GivenUp,
    /// The socket.
    #[error("the worker process could not be spoken to")]
    Channel(#[source] io::Error),
    /// A message longer than any that makes sense.
    #[error("a message of {bytes} bytes, where at most {limit} make sense")]
    TooLong {
        /// Bytes announced.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A message of another form.
    #[error("a message that is not of the expected form")]
    Malformed(#[source] serde_json::Error),
    /// A message without the descriptors it needs.
    #[error("a message with {0} descriptors instead of the expected number")]
    Descriptors(usize),
    /// The shared memory.
    #[error("the shared memory could not be used")]
    Region(#[source] io::Error),
    /// A part of the shared memory that does not exist, or more than was agreed.
    #[error("{bytes} bytes at {offset} of a shared memory of {capacity} bytes")]
    OutOfRegion {
        /// Where it would begin.
        offset: u64,
        /// How long it would be.
        bytes: u64,
        /// What there is.
        capacity: u64,
    },
    /// The file to hand over cannot be opened for reading only.
    #[error("the file could not be opened for the worker process")]
    Reopen(#[source] io::Error),
    /// A guard that is there on every Linux could not be put in place.
    #[error("the worker process could not be shut in: {step}")]
    Sandbox {
        /// What was being done.
        step: &'static str,
        /// The system's words.
        source: io::Error,
    },
    /// The worker was started by somebody else than the service.
    #[error("this command is how the service starts its own helper; it does nothing by hand")]
    NotAWorker,
    /// Guards put in place now would not hold the threads that run already.
    #[error("{0} threads run already, and guards hold only those started later")]
    Threads(usize),
}
