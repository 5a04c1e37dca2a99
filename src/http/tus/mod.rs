//! Resumable uploads by the protocol tus 1.0.0 (<https://tus.io/protocols/resumable-upload>).
//!
//! ```text
//! POST /api/v1/uploads ─▶ folder on disk ─▶ 201 + Location          (`create`)
//!   PATCH  ─▶ offset ─▶ bytes to disk ─▶ 204 + Upload-Offset        (`append`)
//!     └─ the last byte ─▶ SHA-256 ─▶ beside the artifacts ─▶ row in the queue
//!   HEAD   ─▶ how much is there; whoever writes is asked to leave   (`standing`)
//!   DELETE ─▶ nothing is there any more
//! ```
//!
//! - Extensions: creation, creation-with-upload, expiration, termination, checksum (SHA-1, SHA-256).
//! - **An upload becomes the analysis of its own name.** `/api/v1/uploads/ID` is whole when
//!   `/api/v1/analyses/ID` is there; answers from then on name it in `Framewitness-Analysis`.
//! - **The last byte counts when the job is in the queue.** Where that fails, the client is told so, and
//!   its next HEAD hears that the last byte is missing: every client then sends it again.
//! - Bytes lie on the disk of the machine that took them ([`PartialUploads`](crate::store::PartialUploads)).

mod append;
mod checksum;
mod create;
mod error;
mod headers;
mod metadata;
mod standing;

pub(super) use append::append_route;
pub(super) use create::{capabilities, create_route};
pub use error::TusError;
pub(super) use headers::{EXPOSED, TUS_VERSION, mark, overridden_method};
pub(super) use standing::{progress, terminate};
