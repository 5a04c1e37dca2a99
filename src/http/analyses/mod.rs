//! Analyses that are answered later: `POST /api/v1/analyses` and what follows from it.
//!
//! ```text
//! POST ─▶ upload to disk + SHA-256 ─▶ beside the artifacts ─▶ row in the queue ─▶ 202 + Location
//!   │                                                               └─▶ or its end, where the client waits (`patience`)
//!   └─▶ or a URL, from which it is fetched (`from_url`)
//! GET  ─▶ the row                       (`jobs`, here or elsewhere, does the work)
//! GET …/events ─▶ the row's events, as they come, by looking again and again
//! DELETE ─▶ the row is cancelled; whoever works on it notices
//! ```
//!
//! Everything is read from the database, so that it does not matter which process took the file, which
//! one works on it and which one is asked.

mod answer;
mod events;
mod from_url;
mod idempotency;
mod looks;
mod patience;
mod preference;
mod queue;
mod routes;
mod streams;
mod submit;

pub(super) use answer::JobAnswer;
pub(super) use events::follow;
pub(super) use preference::prefers_async;
pub(super) use queue::{new_job, place_and_enqueue, refuse_where_full};
pub(super) use routes::{by_id, cancel, submit_route};
pub(super) use streams::EventStreams;
pub(super) use submit::submit;
