//! Settings: defaults, then `framewitness.toml`, then `FRAMEWITNESS_*`, then flags.
//!
//! Each setting is declared once, with its default, its range and the sentence that explains it;
//! the structure, the reading, the checks and the table in the README come from that one line.
//! Reading reports every problem at once, each with the setting's name and where the value stood.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::Value;
use thiserror::Error;

use crate::http::{CorsOrigins, ListenAddress, PublicPath};
use crate::inference::{DeviceChoice, FramePrecision, PrecisionChoice};
use crate::outward::FetchUrls;
use crate::telemetry::LogFormat;

/// The settings file that is read when none is named.
pub const DEFAULT_FILE: &str = "framewitness.toml";
/// What the environment's names begin with.
pub const ENV_PREFIX: &str = "FRAMEWITNESS_";

/// Settings that cannot be used; every problem in one message.
#[derive(Debug, Error)]
#[error("{} in the settings:\n{}", count(.problems.len()), .problems.join("\n"))]
pub struct ConfigError {
    problems: Vec<String>,
}

fn count(problems: usize) -> String {
    if problems == 1 {
        "1 problem".into()
    } else {
        format!("{problems} problems")
    }
}

impl ConfigError {
    /// One line a problem, each beginning with `- ` and the setting's name.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// A setting as the README's table shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingDoc {
    /// Key in `framewitness.toml`; in capitals after `FRAMEWITNESS_`, the variable.
    pub name: &'static str,
    /// Default as text; empty where it depends on the machine.
    pub default: &'static str,
    /// What it does.
    pub text: &'static str,
}

macro_rules! settings {
    ($($(#[doc = $text:literal])+ $name:ident: $type:ty = $default:literal $(in $range:expr)?;)+) => {
        /// Every setting, checked.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings {
            $($(#[doc = $text])+ pub $name: $type,)+
        }

        impl Settings {
            /// Every setting with its default and meaning, in the order of the README's table.
            pub const DOCS: &'static [SettingDoc] = &[
                $(SettingDoc {
                    name: stringify!($name),
                    default: $default,
                    text: concat!($($text),+),
                },)+
            ];

            fn read(source: &Figment) -> Result<Self, ConfigError> {
                let mut problems = unknown_names(source);
                $(let $name = read_one::<$type>(
                    source, stringify!($name), $default, settings!(@range $($range)?),
                ).map_err(|problem| problems.push(problem));)+
                if !problems.is_empty() {
                    return Err(ConfigError { problems });
                }
                // Every failed read has left a problem behind, so each of these holds a value.
                Ok(Self { $($name: $name.map_err(|()| ConfigError { problems: Vec::new() })?,)+ })
            }
        }
    };
    (@range) => { None };
    (@range $range:expr) => { Some((stringify!($range), |value| ($range).contains(value))) };
}

settings! {
    /// Address or name, and port, to listen on.
    bind: ListenAddress = "127.0.0.1:8080";
    /// Path of a site under which a proxy shows the service, such as `/fw`: links in answers begin with
    /// it, and requests are served with and without it. Empty: the top of the site.
    public_path: PublicPath = "";
    /// PEM file with the server's certificate and those that lead to its authority; empty: plain HTTP.
    tls_certificate: PathBuf = "";
    /// PEM file with its private key.
    tls_key: PathBuf = "";
    /// Seconds between two looks at both files: changed ones are taken without a restart.
    tls_reload_interval_s: u64 = "30" in 1..=86_400;
    /// Seconds that browsers are told to come back with HTTPS only (where TLS is on); 0: not told.
    hsts_max_age_s: u64 = "31536000" in 0..=63_072_000;
    /// Directory for records, artifacts, keys and uploads in progress.
    data_dir: PathBuf = "data";
    /// Database of the records: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`;
    /// empty: SQLite, `framewitness.db` under `data_dir`.
    database_url: String = "";
    /// Where artifacts (frames and crops) are kept: `file:///ABSOLUTE/PATH` or `s3://BUCKET/PREFIX`
    /// with the usual `AWS_*` variables; empty: `artifacts` under `data_dir`.
    artifacts_url: String = "";
    /// Most bytes of artifacts that wait under `data_dir` while S3 is away; beyond it they are lost.
    artifacts_spool_max_bytes: u64 = "1073741824" in 0..=u64::MAX;
    /// Seconds between two tries to send the artifacts that wait.
    artifacts_retry_interval_s: u64 = "30" in 1..=86_400;
    /// Seconds that a presigned link to an artifact on S3 works.
    artifacts_link_s: u64 = "3600" in 1..=604_800;
    /// Directory with `bundle.toml` and the models it names.
    models_dir: PathBuf = "models";
    /// Directory with the pre-trained weights that models rest on, searched after `foundations` in
    /// `models_dir`; empty: where `scripts/setup.sh` puts them, `framewitness/foundations` under
    /// `$XDG_CACHE_HOME` or `~/.cache`.
    foundations_dir: PathBuf = "";
    /// Where the networks run: `auto`, `cpu`, `cuda` or `cuda:N`.
    device: DeviceChoice = "auto";
    /// How finely the networks compute: `auto` (`bf16` on a processor that computes in it, AVX-512 BF16, else
    /// `fp32`), `fp32`, `bf16`, `fp16` or `int8` (the matrix products of transformers, on processors). The half
    /// precisions need half the memory; a logit moves by up to 5 % (bf16), 0.5 % (fp16) or 10 % (int8).
    precision: PrecisionChoice = "auto";
    /// The same of the frame model alone: `same` (as `precision`), `auto` (`bf16` on a processor
    /// that computes in it, AVX-512 BF16; else `int8` on one with AVX2), `fp32`, `bf16`, `fp16` or
    /// `int8`.
    frame_model_precision: FramePrecision = "auto";
    /// Frames of a person that the frame model looks at, evenly spread over those that are scored;
    /// 0: all.
    frame_model_frames: usize = "8" in 0..=200;
    /// Log lines as `text` or `json`.
    log_format: LogFormat = "text";
    /// What is logged, in the syntax of `RUST_LOG`.
    log_filter: String = "info";
    /// Largest request body in bytes.
    max_body_bytes: u64 = "536870912" in 1..=u64::MAX;
    /// Lines in the head of a request.
    max_headers: usize = "96" in 1..=96;
    /// Bytes in the head of a request.
    max_head_bytes: usize = "131072" in 1024..=131_072;
    /// Parts of a multipart body, those that are passed over too.
    max_parts: usize = "100" in 1..=10_000;
    /// Characters of a file name that are kept; a longer one loses its middle.
    max_filename_chars: usize = "150" in 20..=1000;
    /// Longest time for the head of a request, and for a TLS handshake, in seconds.
    head_timeout_s: u64 = "10" in 1..=3600;
    /// Longest silence of a sender in the middle of a body, in seconds.
    body_idle_timeout_s: u64 = "20" in 1..=3600;
    /// Longest time for a whole body, in seconds.
    body_timeout_s: u64 = "900" in 1..=86_400;
    /// Least bytes a second of a body on average, asked for once `body_idle_timeout_s` has passed;
    /// 0: none. Slower senders only hold a connection.
    body_min_bytes_per_s: u64 = "1024" in 0..=1_000_000_000;
    /// Bytes of the disk under `data_dir` that uploads leave free; below it they are refused with 507.
    /// 0: none.
    min_free_disk_bytes: u64 = "268435456" in 0..=u64::MAX;
    /// Uploads at the same time.
    max_uploads: usize = "32" in 1..=10_000;
    /// Uploads of one sender at the same time: with one key, or without one from one address (of
    /// IPv6: from one /64). Fewer than `max_uploads`, so that nobody keeps out all others. Behind a proxy
    /// without `trust_forwarded` all are one.
    max_uploads_per_sender: usize = "24" in 1..=10_000;
    /// Resumable uploads (`/api/v1/uploads`) that may be unfinished before the answer is 429.
    max_resumable_uploads: usize = "200" in 1..=10_000;
    /// The same of one sender, as `max_uploads_per_sender` counts them.
    max_resumable_uploads_per_sender: usize = "20" in 1..=10_000;
    /// Seconds that a resumable upload may take from its beginning; then what came of it is removed.
    resumable_uploads_expire_s: u64 = "86400" in 1..=2_592_000;
    /// Whether this process works on the analyses that wait in the queue. `false`: it takes them, for others
    /// that share the database to work on.
    run_jobs: bool = "true";
    /// Analyses that may wait in the queue (`POST /api/v1/analyses`) before the answer is 429.
    max_queued_jobs: u32 = "1000" in 1..=1_000_000;
    /// Tries before an analysis from the queue is set aside.
    job_attempts: u32 = "3" in 1..=100;
    /// Seconds after which an analysis from the queue is another worker's where its own says nothing.
    job_lease_s: u64 = "30" in 2..=3600;
    /// Hours that an analysis from the queue can be asked for after its end, and its `Idempotency-Key` is
    /// known. The stored analysis stays.
    keep_jobs_h: u64 = "24" in 1..=87_600;
    /// Whether `POST /api/v1/analyses` fetches files from URLs: `off`, `public` (from public addresses) or
    /// `any` (also within one's own network, which whoever may ask then reaches from here).
    fetch_urls: FetchUrls = "off";
    /// Whether webhooks may go to addresses that are not public, and without TLS: `true` for receivers in
    /// one's own network. Whoever may run `framewitness webhooks create` then reaches it from here.
    webhook_private_addresses: bool = "false";
    /// Seconds before a webhook that did not arrive is sent again; each further pause is six times as long.
    webhook_retry_s: u64 = "5" in 1..=3600;
    /// Streams of events that one sender may follow at the same time.
    max_event_streams_per_sender: usize = "16" in 1..=1000;
    /// Files analysed last whose analysis answers the same bytes again; 0: every file is analysed.
    result_cache_entries: usize = "1000" in 0..=1_000_000;
    /// Longest video in seconds.
    max_duration_s: f64 = "600" in 0.1..=86400.0;
    /// Largest picture in pixels (width × height).
    max_pixels: u64 = "36000000" in 1..=1_000_000_000;
    /// Most frames of a video, whatever their rate.
    max_frames: u64 = "72000" in 1..=100_000_000;
    /// Most pixels decoded of one video, in all its frames together.
    max_decoded_pixels: u64 = "600000000000" in 1..=u64::MAX;
    /// Most streams in a container.
    max_streams: u32 = "32" in 1..=1000;
    /// Frames taken from a video.
    sample_frames: u32 = "30" in 1..=200;
    /// Whether every verdict must hold after small changes of the faces (`stability`); judging then takes four times as long.
    check_stability: bool = "false";
    /// PEM file with the certificates of those whose content credentials (C2PA) are trusted, and of the time
    /// stamps in them; empty: nobody looks who signed.
    content_credentials_trust_list: PathBuf = "";
    /// Longest analysis in seconds; after it the answer is 504.
    analysis_deadline_s: u64 = "120" in 1..=3600;
    /// Worker processes that decode and find faces; 0: one a core.
    decode_threads: usize = "0" in 0..=256;
    /// Analyses that may wait for a decode worker before the answer is 429.
    waiting_places: usize = "8" in 0..=10_000;
    /// Memory in bytes that a decode worker may map beyond its libraries.
    worker_memory_bytes: u64 = "2147483648" in 134_217_728..=1_099_511_627_776;
    /// Files a decode worker is given before a fresh one takes its place; 1: a fresh one for each.
    worker_requests: u32 = "16" in 1..=10_000;
    /// Whether to start where the system cannot shut the decode workers in. Then a hostile video
    /// may take over the service.
    allow_unsandboxed: bool = "false";
    /// Shorter side of the smallest face that is scored, in pixels; `models/README.md` says why.
    min_face_px: u32 = "48" in 1..=4096;
    /// Least sharpness of a face that is scored (variance of the Laplacian of its aligned crop).
    min_sharpness: f32 = "7" in 0.0..=100_000.0;
    /// Usable frames of a person that a verdict on a video needs.
    min_scored_frames: u32 = "5" in 1..=200;
    /// Faces looked at in one frame; the largest are kept.
    max_faces_per_frame: usize = "16" in 1..=256;
    /// People scored in one video; those seen longest are kept.
    max_tracks: usize = "8" in 1..=64;
    /// Frames that go through the networks in one batch.
    max_batch_frames: usize = "64" in 1..=4096;
    /// Frames that may wait for the networks.
    max_queued_frames: usize = "4096" in 1..=1_000_000;
    /// Threads of the networks on a CPU; 0: one a core.
    inference_threads: usize = "0" in 0..=256;
    /// Quality of stored frames and crops, 1 to 100.
    jpeg_quality: u8 = "90" in 1..=100;
    /// Age in hours after which artifacts are removed.
    artifacts_max_age_h: u64 = "720" in 1..=1_000_000;
    /// Total size in bytes above which the oldest artifacts are removed.
    artifacts_max_bytes: u64 = "10737418240" in 1..=u64::MAX;
    /// Seconds between two sweeps of the artifacts, and of resumable uploads that are too old.
    sweep_interval_s: u64 = "300" in 1..=86_400;
    /// Ask for an API key even where `framewitness keys create` was never run: `true` or `false`.
    require_keys: bool = "false";
    /// Requests a minute with one API key, beyond which the answer is 429; 0: no limit.
    key_requests_per_minute: u32 = "3000" in 0..=1_000_000;
    /// Requests a minute from one address (of IPv6: from one /64); 0: no limit.
    address_requests_per_minute: u32 = "3000" in 0..=1_000_000;
    /// Take a client's address from the last entry of `X-Forwarded-For`, and the path that a proxy took
    /// off from `X-Forwarded-Prefix`: `true` only behind a proxy that writes or removes both.
    trust_forwarded: bool = "false";
    /// Sites whose pages may use the service: origins with commas between them, or `*`; empty: only
    /// its own page.
    cors_origins: CorsOrigins = "";
    /// Days that the request log (route, status, latency, key, address; no contents) is kept; 0:
    /// there is none.
    request_log_days: u32 = "30" in 0..=3650;
    /// Seconds that requests in flight may take to finish after SIGTERM or Ctrl-C.
    shutdown_grace_s: u64 = "30" in 0..=3600;
}

/// Names that only flags carry beside the settings themselves.
pub type Flags = std::collections::BTreeMap<&'static str, String>;

impl Settings {
    /// Reads the settings. `file`: the one named on the command line, which then must exist.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem found.
    pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Self, ConfigError> {
        if let Some(path) = file
            && !path.is_file()
        {
            let problems = vec![format!("- the settings file {} is missing", path.display())];
            return Err(ConfigError { problems });
        }
        let source = Figment::new()
            .merge(Toml::file(file.unwrap_or(Path::new(DEFAULT_FILE))))
            .merge(Env::prefixed(ENV_PREFIX))
            .merge(Serialized::defaults(flags));
        Self::read(&source)
    }

    /// The settings as the README's Markdown table.
    pub fn markdown_table() -> String {
        let mut table = String::from("| setting | default | meaning |\n|---|---|---|\n");
        for doc in Self::DOCS {
            let default = match doc.default {
                "" => String::new(),
                default => format!("`{default}`"),
            };
            let row = format!("| `{}` | {default} | {} |\n", doc.name, doc.text.trim());
            table.push_str(&row);
        }
        table
    }
}

/// A range in words, and whether a value lies in it.
type Range<T> = (&'static str, fn(&T) -> bool);

/// A value within its range, or the problem with it.
fn read_one<T>(
    source: &Figment,
    name: &'static str,
    default: &str,
    range: Option<Range<T>>,
) -> Result<T, String>
where
    T: FromStr,
    T::Err: Display,
{
    let origin = || origin(source, name);
    let text = match source.find_value(name) {
        Ok(value) => value_text(&value)
            .ok_or_else(|| format!("- {name}: expected one value, got several ({})", origin()))?,
        Err(_) => default.to_owned(),
    };
    let value: T = (text.parse())
        .map_err(|error| format!("- {name}: {error}, got {text:?} ({})", origin()))?;
    match range {
        Some((words, contains)) if !contains(&value) => Err(format!(
            "- {name}: must lie in {words}, got {text} ({})",
            origin()
        )),
        Some(_) | None => Ok(value),
    }
}

fn value_text(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    if let Some(flag) = value.to_bool() {
        return Some(flag.to_string());
    }
    let number = value.to_num()?;
    (number.to_u128().map(|n| n.to_string()))
        .or_else(|| number.to_i128().map(|n| n.to_string()))
        .or_else(|| number.to_f64().map(|n| n.to_string()))
}

/// Where a value stood: a file, the environment or a flag.
fn origin(source: &Figment, name: &str) -> String {
    match source.find_metadata(name) {
        Some(metadata) => match &metadata.source {
            Some(place) => format!("from {place}"),
            None => format!("from {}", metadata.name),
        },
        None => "the default".into(),
    }
}

/// Names nobody reads are mistakes: most often a typing error in a name somebody relies on.
fn unknown_names(source: &Figment) -> Vec<String> {
    let Ok(Value::Dict(_, values)) = source.find_value("") else {
        return Vec::new();
    };
    (values.keys())
        .filter(|name| Settings::DOCS.iter().all(|doc| doc.name != name.as_str()))
        .map(|name| format!("- {name}: no such setting ({})", origin(source, name)))
        .collect()
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
