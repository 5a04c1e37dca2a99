//! Records and artifacts: the only place that names sqlx and object_store.
//!
//! | type | keeps | where |
//! |---|---|---|
//! | [`RecordStore`] | every [`Analysis`](crate::domain::Analysis), its number and sender | SQLite, one file, or PostgreSQL |
//! | [`KeyStore`], [`RequestLog`] | API keys as hashes; what was asked, without contents | the same database |
//! | [`JobStore`] | the queue of analyses, with what happened to each job | the same database |
//! | [`WebhookStore`] | who is told when a job ends, and what became of it | the same database |
//! | [`ArtifactStore`] | the frames and crops an analysis shows | disk or S3, one folder per analysis |
//! | [`JobUploads`] | the uploads of jobs that have not ended | beside the artifacts |
//! | [`PartialUploads`] | resumable uploads that are not whole yet | this machine's disk, until they are too old |
//! | [`UploadDir`] | uploads in progress | disk, gone when the [`Upload`] is dropped |
//!
//! Four rules hold throughout:
//!
//! - **All or nothing.** Artifacts are written and synced in a private folder and appear by one
//!   rename (on S3: are named by a record only after all are there); a record is one transaction,
//!   durable when it is answered. A crash leaves the state before or the state after.
//! - **Nothing is left over.** Unfinished work lives in a session folder that its process keeps
//!   locked. The kernel drops the lock when the process dies, however it dies, and the next start
//!   (or sweep) clears what no living process holds.
//! - **No pictures without a record.** What is being kept is noted before the first picture comes
//!   (`journal`); the next start settles the notes of a process that died.
//! - **Names cannot escape.** Paths are built from [`AnalysisId`](crate::domain::AnalysisId) and
//!   [`ArtifactName`] only, whose values cannot hold a separator or a dot-dot.
//!
//! Each store hides its backend in an enum, so that callers do not know it. Both databases run the
//! same statements (`statement`), whose text is ours and whose values travel beside it.

mod artifact_name;
mod artifacts;
mod blocking;
mod database;
mod disk;
mod document;
mod error;
mod floor;
mod history;
mod jobs;
mod journal;
mod keep;
mod kept_video;
mod keys;
mod partials;
mod pictures;
mod postgres;
mod reader;
mod records;
mod remote;
mod request_log;
mod retention;
mod row;
mod s3;
mod session;
mod sqlite;
mod statement;
mod step;
mod submission;
#[cfg(test)]
mod tests;
mod uploads;
mod video_pieces;
mod webhooks;

pub use artifact_name::{ArtifactName, ArtifactNameError};
pub use artifacts::{ArtifactPlace, ArtifactStore};
pub use document::DOCUMENT_SCHEMA_VERSION;
pub use error::StoreError;
pub use floor::DiskFloor;
pub use history::{HistoryFilter, PagePosition, Statistics};
pub use jobs::{
    Cancelled, Claim, ClaimTerms, Enqueued, EventKind, Idempotency, Job, JobEvent, JobId, JobNews,
    JobPayload, JobReason, JobState, JobStateError, JobStore, JobUploads, NewJob, PlacedUpload,
    WholeFile,
};
pub use keep::{keep, keep_for_job};
pub use keys::{ApiKey, KeyStore, NewKey, Scope, ScopeError};
pub use partials::{Begun, HeldPartial, Hold, PartialLimits, PartialRecord, PartialUploads};
pub use pictures::Pictures;
pub use reader::{KeyId, Reader};
pub use records::{MAX_PAGE, RecordStore};
pub use request_log::{MAX_ENTRIES, RequestEntry, RequestLog};
pub use retention::{RetentionPolicy, SweepReport};
pub use submission::{Batch, BatchId, BatchIdError, Stored, Submission};
pub use uploads::{Upload, UploadDir, UploadWriter};
pub use video_pieces::VideoPieces;
pub use webhooks::{
    Delivery, DeliveryEntry, DeliveryFailure, DeliveryState, NewWebhook, Webhook, WebhookId,
    WebhookStore,
};
