//! Everything that touches untrusted bytes, in processes that may be lost.
//!
//! ```text
//! pool thread ── Setup ──────────────────────────▶ worker   loads the detector, shuts itself in
//!             ◀── Started::Ready {isolation, …} ──
//!             ── Look {frames, time left} + file + region ▶          probes, samples, detects, tracks,
//!             ◀── Answer::UnderWay, for each frame           looks for faces,
//!             ◀── Answer::Seen(Report) ───────────           crops, encodes into the region
//!             ◀── Answer::Credentials ────────────           reads the manifest in the file, if any
//!             ── Look … ─────────────────────────▶          and so on, a set number of times
//! ```
//!
//! | file | tells |
//! |---|---|
//! | `pool` | the threads that hold one worker each, and the queue before them |
//! | `shift` | how many of them are at work, and with how many threads each |
//! | `remote` | the parent's half of the conversation; when a worker is replaced |
//! | `worker`, `observe`, `stream_choice`, `jpegs` | the worker's half; looking at a file, at which of its pictures; these as JPEG |
//! | `wire` | the messages |
//! | `hearing` | answers out of turn, and the one that may fail without harm |
//! | `cost` | what all this costs, for the benchmark |
//! | `accept`, `observation` | what the parent believes of a report, and what it makes of it |
//!
//! The parent decides whatever follows from settings (which faces are usable, what pictures are
//! called); from the worker come only numbers within bounds and bytes within the region. A worker
//! that dies, hangs or answers nonsense costs the file it had been given, and is replaced; where that happens
//! over content credentials, which come last, it costs only those.

mod accept;
#[cfg(test)]
mod accept_tests;
mod cost;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hearing;
mod jpegs;
mod metrics;
mod observation;
mod observe;
mod pool;
mod remote;
mod shift;
mod stream_choice;
mod wire;
mod worker;

pub use cost::DecodeCost;
pub use metrics::describe_metrics;
pub(super) use observation::{Observation, ObservedFace, ObservedTrack};
pub(super) use pool::DecodePool;
pub use worker::{WORKER_ARGUMENT, serve_decoding};
