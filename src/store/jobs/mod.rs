//! The queue of analyses, in the database of the records.
//!
//! ```text
//! sender: enqueue ─▶ queued ──claim──▶ running ──finish──▶ done        (the record, in the same transaction)
//!                      ▲ ▲                │ ├────fail────▶ failed      (the file is at fault)
//!                      │ └──try again─────┤ └──set aside─▶ set-aside   (tried too often)
//!                      └────give back─────┘
//! sender: cancel ─▶ cancelled, from queued or running
//! sender's process: enqueue_claimed ─▶ running, for whoever waits on the connection
//! ```
//!
//! - **A claim is a lease.** Whoever claims a job has it until `lease_until`, and longer as long as he
//!   renews it, which he does as his work gets on. A lease that has run out is anybody's to claim.
//! - **The attempt fences.** Every claim raises `attempt`. Everything a worker writes names the attempt
//!   it was given and is refused ([`StoreError::Stale`](super::StoreError::Stale)) once the job is
//!   another's, was cancelled or is gone. The record of an analysis is written in the transaction that
//!   ends its job, so that there is exactly one, however late somebody wakes up.
//! - **What happens is told.** Every change of state and what the worker reports is an event with a
//!   number of its own, in the transaction of the change. Only the latest of a job are kept.
//! - **A job holds no bytes.** Its payload names the upload, which lies with the artifacts
//!   ([`JobUploads`]); it goes with the end of the job.
//!
//! Times are the caller's (`now`). The clocks of machines that share a queue should agree to within a
//! fraction of a lease: one that runs ahead takes jobs from others that are still at them. That costs
//! their work and a try, and never more than one result, because the fence counts no time.
//!
//! Both databases run the same statements; they differ in how claimants stay out of each other's way:
//! PostgreSQL skips rows that others are just claiming, SQLite has one writer at a time.

mod claim;
mod event;
mod job;
mod leave;
mod queue;
mod row;
mod upkeep;
mod uploads;

pub use claim::{Claim, ClaimTerms};
pub use event::{EventKind, JobEvent};
pub use job::{
    Enqueued, Idempotency, Job, JobId, JobPayload, JobReason, JobState, JobStateError, NewJob,
};
pub use queue::{Cancelled, JobNews, JobStore};
pub use uploads::{JobUploads, PlacedUpload, WholeFile};
