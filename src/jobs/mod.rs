//! Works on the jobs that wait in the database: the other half of `POST /api/v1/analyses`, and of what a process
//! that died was analysing for clients who waited.
//!
//! ```text
//! runner: a place in the analyzer ─▶ claim ─▶ copy of the upload ─▶ analyse ─▶ keep + done ─▶ upload goes
//!                                               └── attendant: tells stages and scores, renews the lease
//! ```
//!
//! - **A place first.** A job is claimed only by who has a place for it, so that it waits where others
//!   can have it. Jobs take at most half of the places and no more than there are decode workers: a
//!   request that waits for its answer finds one.
//! - **The lease follows the work.** It is renewed as long as the analysis gets on; one that tells
//!   nothing for longer than its own deadline loses its job to somebody else.
//! - **What the file is guilty of ends a job**, with the code that `POST /predict` answers. What the
//!   service is guilty of is tried again, later each time, and set aside in the end.
//! - **At the end of the process** jobs under way are given back at once, and the try does not count.
//!
//! Nothing here rests on being one process: what is known of a job is in the database. The bell that
//! rings in this process when a job comes spares a wait and is never relied on.

mod attendant;
mod error;
mod pace;
mod runner;
mod tidy;
mod work;
mod workshop;

pub use error::JobError;
pub use runner::{Runner, Stopper, describe_metrics};
pub use workshop::{Clock, JobSettings, Workshop};
