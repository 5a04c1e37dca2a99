//! Tests of the whole service, as one binary: each starts the real program on a port of its own
//! with its own database and directories.

mod architecture;
mod attack_corpus;
mod browser;
mod command_line;
mod compat_d3_detection;
mod compat_d3_inference;
mod compat_d3_videos;
mod compat_deep_fake_api;
mod compat_detection_backend;
mod compat_dfdetect;
#[cfg(feature = "content-credentials")]
mod credentials;
mod direct_jobs;
mod disk;
mod ending;
mod evaluate;
mod exchange;
mod extent;
#[path = "../support/films.rs"]
mod films;
#[allow(dead_code, reason = "the tests of src/media use the rest")]
#[path = "../support/heif.rs"]
mod heif_files;
mod held_upload;
mod history;
mod home;
mod hostile;
mod isolation;
mod job_client;
mod jobs;
mod jobs_killed;
mod keys;
mod killed;
mod limits;
mod load;
mod memory;
mod no_decoder;
mod openapi;
mod out_of_memory;
mod own_models;
mod page;
mod page_journey;
mod page_strings;
mod picture;
mod problem;
mod programs;
mod proxied;
mod published;
mod pull;
mod python_client;
mod readme;
mod report;
mod request_limits;
mod retention;
mod server;
mod shutdown;
#[cfg(feature = "content-credentials")]
#[path = "../support/signed.rs"]
mod signed_media;
mod signing;
mod signing_attacks;
mod soak;
mod stores;
mod tables;
mod tls;
mod tus;
mod unfamiliar;
mod unscorable;
mod unusual_media;
mod uploads;
mod urls;
mod verdicts;
mod webhooks;
