//! **Framewitness** tells whether a video of a face was manipulated, shows why, and proves later
//! which file it looked at.
//!
//! This page is the map. A folder is a responsibility, and each native library has one owner:
//!
//! | module | owns | the only place that names |
//! |---|---|---|
//! | [`domain`] | plain values: media facts, frame, face, score, analysis, verdict | – |
//! | [`media`] | probing, frame sampling, image decoding and encoding | FFmpeg, libheif |
//! | [`faces`] | detection, tracking through frames, aligned crops, sharpness | OpenCV, ONNX Runtime |
//! | [`inference`] | devices, weights, networks, preprocessing, the batching model worker | libtorch |
//! | [`credentials`] | reading and checking the C2PA manifest in a file | c2pa |
//! | [`analysis`] | the story: media → faces → scores → verdict; CSV | – |
//! | [`report`] | one analysis as a document: HTML, PDF, and the signed statement in them | krilla, maud |
//! | [`evaluation`] | measuring the models on files whose truth is known | plotters |
//! | [`isolation`] | child processes that may be lost: starting, shutting in, shared memory, messages | landlock, seccomp |
//! | [`integrity`] | keys, signatures, signed statements | rsa, sha2, base64 |
//! | [`store`] | records (SQLite, PostgreSQL), artifacts (disk, S3), keys, the journal | sqlx, object_store |
//! | [`jobs`] | working on the analyses that wait in the database | – |
//! | [`outward`] | speaking to addresses that others name: which of them, and fetching files | reqwest (with `store`, `webhooks` and `cli`) |
//! | [`webhooks`] | telling others that a job ended | – |
//! | [`http`] | server, uploads, errors, limits, routes, OpenAPI, the page | actix-web |
//! | [`app`], [`config`], [`telemetry`], `main`, `cli` | composition, settings, logs and metrics, the command line | clap |
//!
//! A second program, `decode_worker`, is what decodes in a process of its own.
//!
//! Beside them stands `fuzzing`, for tests and cargo-fuzz alone.
//!
//! Dependencies run one way: `main → app → {http, jobs, webhooks} → analysis → {media, faces, inference,
//! isolation, credentials} → domain`;
//! `store` and `integrity` are used by `http`, `jobs`, `webhooks` and `app`;
//! `outward` by `http`, `webhooks` and the command line;
//! `report` is used by `http` and the command line, and rests on `domain` and `integrity`;
//! `evaluation` stands beside `http`, on `analysis`. Leaves never import each other, and no files do
//! in a loop; the test `tests/service/architecture.rs` reads the sources and fails when they do.

pub mod analysis;
pub mod app;
pub mod config;
pub mod credentials;
pub mod domain;
pub mod evaluation;
pub mod faces;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod inference;
pub mod integrity;
pub mod isolation;
pub mod jobs;
pub mod media;
pub mod outward;
pub mod report;
pub mod store;
pub mod telemetry;
pub mod webhooks;
