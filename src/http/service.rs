//! The parts that the routes use, and the settings they go by.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use super::analyses::EventStreams;
use super::body::BodyLimits;
use super::guard::GuardSettings;
use super::public_path::PublicPath;
use super::reception::{Reception, UploadLimits};
use super::result_cache::ResultCache;
use super::tls::Tls;
use crate::analysis::Analyzer;
use crate::integrity::Keyring;
use crate::outward::Fetcher;
use crate::store::{ArtifactStore, JobStore, JobUploads, PartialUploads, RecordStore, UploadDir};

/// Reports that are rendered at the same time; others wait.
const REPORTS_AT_A_TIME: usize = 2;

/// What the service may cost and how it ends.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where a proxy shows the service, unless it says so itself.
    pub public_path: PublicPath,
    /// Who is let in, and how often.
    pub guard: GuardSettings,
    /// Longest time for the head of a request, and for a TLS handshake.
    pub head_timeout: Duration,
    /// Limits on each body.
    pub body: BodyLimits,
    /// Uploads at the same time.
    pub uploads: UploadLimits,
    /// Bytes of the disk that uploads leave free, as published; the uploads' folder sees to it.
    pub min_free_disk_bytes: u64,
    /// How long a presigned link to a picture works.
    pub artifacts_link: Duration,
    /// Analyses that are answered later.
    pub jobs: JobLimits,
    /// Files whose analysis is found again by their bytes; 0: none.
    pub result_cache_entries: usize,
    /// Time that requests in flight get to finish at shutdown.
    pub shutdown_grace: Duration,
}

/// Limits on analyses that are answered later.
#[derive(Debug, Clone, Copy)]
pub struct JobLimits {
    /// Jobs that may wait.
    pub max_queued: u32,
    /// Streams of events of one sender at the same time.
    pub max_streams_per_sender: usize,
    /// How long the job of a client who waits is this process's without a word of it.
    pub lease: Duration,
    /// Tries before a job is set aside.
    pub max_tries: u32,
}

/// The parts that the routes use.
pub struct HttpState {
    /// Analyses files.
    pub analyzer: Analyzer,
    /// Stored analyses.
    pub records: RecordStore,
    /// Stored pictures.
    pub artifacts: ArtifactStore,
    /// The queue of analyses.
    pub jobs: JobStore,
    /// The files of the queue.
    pub job_uploads: JobUploads,
    /// Uploads in progress.
    pub uploads: UploadDir,
    /// Resumable uploads that are not whole yet.
    pub partials: PartialUploads,
    /// Fetches files; `None`: none are fetched.
    pub fetcher: Option<Fetcher>,
    /// Signs and verifies.
    pub keyring: Keyring,
    /// Certificate and key; `None`: plain HTTP.
    pub tls: Option<Tls>,
    /// Renders `/metrics`.
    pub metrics: PrometheusHandle,
    /// Limits.
    pub settings: HttpSettings,
}

/// The parts, and what the server itself adds to them.
pub(super) struct Service {
    parts: HttpState,
    pub(super) reception: Arc<Reception>,
    pub(super) results: ResultCache,
    pub(super) event_streams: Arc<EventStreams>,
    /// A place for each report that may be rendered at a time: each holds its pictures in memory.
    pub(super) report_places: Arc<Semaphore>,
    pub(super) started: Instant,
}

impl Service {
    /// The parts at the start of the server, with nobody inside and nothing found yet.
    pub(super) fn new(parts: HttpState) -> Self {
        Self {
            reception: Reception::new(parts.settings.uploads),
            results: ResultCache::new(parts.settings.result_cache_entries),
            report_places: Arc::new(Semaphore::new(REPORTS_AT_A_TIME)),
            event_streams: EventStreams::new(parts.settings.jobs.max_streams_per_sender),
            started: Instant::now(),
            parts,
        }
    }
}

impl Deref for Service {
    type Target = HttpState;

    fn deref(&self) -> &HttpState {
        &self.parts
    }
}
