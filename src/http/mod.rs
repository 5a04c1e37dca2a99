//! The service as clients see it: the server, its routes, uploads, errors and documents.
//!
//! ```text
//! listener ─▶ middleware (span, metrics, problem+json, public path, trailing slash, guard) ─▶ route
//!   route with a body:  reception ─▶ upload to disk + SHA-256 ─▶ analysis | integrity ─▶ stores
//!   route without one:  stores | limits | health | page
//!   `analyses`:         reception ─▶ upload ─▶ the queue in the database; `jobs` does the rest
//!   `tus`:              the same in as many requests as it takes
//! ```
//!
//! - [`run`] serves on a given listener until a given future ends, then lets the requests in
//!   flight finish.
//! - A handler returns its answer or an [`HttpError`]; `status` alone decides the status of each.
//! - To add a route: write the handler with its `#[utoipa::path]`, and name it in `routes`. The
//!   OpenAPI document and the 405 answers follow from there.
//!
//! - Routes and shapes of earlier services live in `compat`; `error_shape` writes errors as they did.
//!
//! Everything a request takes (place, temporary file, count) is given back by Drop, whether the
//! request is answered, refused, or left by its client.

mod allowance;
mod analyse_upload;
mod analyses;
mod answer;
mod arrival;
mod body;
mod caller;
mod compat;
mod direct;
mod error;
mod error_response;
mod error_shape;
mod filename;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod guard;
mod health;
mod integrity;
mod limits;
mod listen_address;
mod middleware;
mod negotiate;
mod openapi;
mod part_heads;
#[cfg(test)]
mod part_heads_tests;
mod picture_links;
mod predict;
mod predict_csv;
mod predictions;
mod problem;
mod public_path;
mod reception;
mod report_links;
mod reports;
mod result_cache;
mod routes;
mod server;
#[cfg(test)]
mod server_tests;
mod service;
mod static_files;
mod status;
mod tls;
mod tus;
mod upload;
mod upload_error;
#[cfg(test)]
mod upload_tests;
mod wish;

pub use allowance::Allowance;
pub use body::BodyLimits;
pub use error::HttpError;
pub use guard::{CorsOrigins, CorsOriginsError, GuardSettings};
pub use listen_address::{ListenAddress, ListenAddressError};
pub use public_path::{PublicPath, PublicPathError};
pub use reception::{Refusal, UploadLimits};
pub use server::{openapi_document, run};
pub use service::{HttpSettings, HttpState, JobLimits};
pub use tls::{Tls, TlsError, TlsSettings};
pub use tus::TusError;
pub use upload_error::UploadError;

use service::Service;
