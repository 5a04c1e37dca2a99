//! Tests of the whole service, as one binary: each starts the real program on a port of its own
//! with its own database and directories.

mod architecture;
mod browser;
mod command_line;
mod compat_d3_detection;
mod compat_d3_inference;
mod compat_deep_fake_api;
mod compat_detection_backend;
mod compat_dfdetect;
mod ending;
mod evaluate;
mod exchange;
mod held_upload;
mod home;
mod hostile;
mod isolation;
mod keys;
mod openapi;
mod own_models;
mod page;
mod picture;
mod problem;
mod published;
mod pull;
mod readme;
mod retention;
mod server;
mod shutdown;
mod signing;
mod soak;
mod stores;
mod tables;
mod unfamiliar;
mod unscorable;
mod uploads;
mod verdicts;
