//! Puts the parts together: settings in, a running service out.
//!
//! Order of life: directories are swept, keys and records opened, the networks loaded, and only
//! then is the service ready. It ends the other way round: requests in flight finish, the upkeep
//! stops, jobs under way are given back, the decode workers end, and the model thread last.

mod shares;
mod upkeep;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use thiserror::Error;
use time::OffsetDateTime;

use self::shares::{analysis_settings, http_settings, or_one_a_core};
use self::upkeep::{Upkeep, settle};
use crate::analysis::{self, AnalysisError, AnalysisSettings, Analyzer};
use crate::config::Settings;
use crate::credentials::{self, TrustListError};
use crate::http::{self, HttpState, Tls, TlsError, TlsSettings};
use crate::inference::{self, Bundle, InferenceError, InferenceSettings, ModelSlot};
use crate::integrity::{IntegrityError, Keyring};
use crate::jobs::{self, JobSettings, Runner, Workshop};
use crate::outward::{FetchError, Fetcher};
use crate::store::{
    ArtifactPlace, ArtifactStore, DiskFloor, JobUploads, PartialLimits, PartialUploads,
    RecordStore, RetentionPolicy, StoreError, UploadDir,
};
use crate::webhooks::{self, Deliverer, WebhookSettings};

/// What keeps the service from starting or makes it end early.
#[derive(Debug, Error)]
pub enum AppError {
    /// The networks or their bundle.
    #[error("the models in {} do not load", models_dir.display())]
    Models {
        /// The setting `models_dir`.
        models_dir: PathBuf,
        /// What is wrong with them.
        source: InferenceError,
    },
    /// The list of those whose content credentials are trusted.
    #[error("the setting content_credentials_trust_list, {}, cannot be used", path.display())]
    TrustList {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TrustListError,
    },
    /// The detector or the decode workers.
    #[error("the analysis does not start")]
    Analysis(#[from] AnalysisError),
    /// The keys.
    #[error("the signing keys cannot be used")]
    Keys(#[from] IntegrityError),
    /// Records or artifacts.
    #[error("the records cannot be opened")]
    Store(#[from] StoreError),
    /// What fetches files.
    #[error("files cannot be fetched")]
    Fetcher(#[from] FetchError),
    /// Certificate or key.
    #[error("TLS cannot be spoken")]
    Tls(#[from] TlsError),
    /// The server.
    #[error("the server ended")]
    Server(#[from] std::io::Error),
}

/// How long analyses whose clients have left may still hold the models when the server has ended.
const MODELS_END: Duration = Duration::from_secs(10);

/// How long what became of webhooks can be looked up.
const WEBHOOK_LOG: Duration = Duration::from_secs(30 * 86_400);

/// A service whose parts are all started.
pub struct App {
    state: HttpState,
    runner: Runner,
    upkeep: Upkeep,
    deliverer: Deliverer,
}

impl App {
    /// Starts every part but the listener.
    ///
    /// # Errors
    /// [`AppError`], naming the part that does not start.
    pub async fn start(settings: Settings, metrics: PrometheusHandle) -> Result<Self, AppError> {
        let tls = open_tls(&settings).await?;
        let floor = DiskFloor::of(settings.min_free_disk_bytes);
        let uploads = UploadDir::open(&settings.data_dir.join("uploads"), floor).await?;
        let partials = open_partials(&settings, floor).await?;
        let (records, artifacts) = open_stores(&settings).await?;
        let job_uploads = open_job_uploads(&settings).await?;
        settle(&artifacts, &records).await;
        let keyring = Keyring::open_or_create(&settings.data_dir.join("keys"))?;
        warn_where_anybody_may_ask(&settings, &records).await?;
        inference::describe_metrics();
        analysis::describe_metrics();
        jobs::describe_metrics();
        webhooks::describe_metrics();
        let analyzer = start_analysis(&settings)?;

        let upkeep = Upkeep::start((&records, &artifacts, &partials), &settings);
        let state = HttpState {
            analyzer,
            jobs: records.jobs(),
            records,
            artifacts,
            job_uploads,
            uploads,
            partials,
            fetcher: open_fetcher(&settings)?,
            keyring,
            tls,
            metrics,
            settings: http_settings(&settings),
        };
        let deliverer = start_webhooks(&state, &settings);
        let runner = start_jobs(&state, &settings);
        Ok(Self {
            state,
            runner,
            upkeep,
            deliverer,
        })
    }

    /// `http`, or `https` with a certificate.
    pub fn scheme(&self) -> &'static str {
        self.state.tls.as_ref().map_or("http", |_| "https")
    }

    /// Serves on `listener` until `shutdown` ends, then lets the requests in flight finish.
    ///
    /// # Errors
    /// [`AppError::Server`] when the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), AppError> {
        // The networks outlive everything that asks them.
        let models = self.state.analyzer.models().clone();
        let stopper = self.runner.stopper();
        // Others can go on with the jobs while the requests in flight finish.
        let shutdown = async move {
            shutdown.await;
            stopper.stop();
        };
        http::run(listener, self.state, shutdown).await?;
        self.runner.end().await;
        drop((self.upkeep, self.deliverer));
        if let Err(error) = models.unload(MODELS_END).await {
            tracing::warn!(%error, "the models did not end with the service");
        }
        Ok(())
    }
}

async fn open_tls(settings: &Settings) -> Result<Option<Tls>, TlsError> {
    let tls = TlsSettings {
        certificate: settings.tls_certificate.clone(),
        key: settings.tls_key.clone(),
        reload_interval: Duration::from_secs(settings.tls_reload_interval_s),
        hsts_max_age: Duration::from_secs(settings.hsts_max_age_s),
    };
    match tls.if_named()? {
        Some(tls) => Ok(Some(Tls::open(tls).await?)),
        None => Ok(None),
    }
}

/// Opens the records alone, as the settings place them.
///
/// # Errors
/// [`AppError::Store`].
pub async fn open_records(settings: &Settings) -> Result<RecordStore, AppError> {
    Ok(RecordStore::open(&database_url(settings)).await?)
}

/// On loopback everybody is somebody on this machine; elsewhere a service without keys is for all.
async fn warn_where_anybody_may_ask(
    settings: &Settings,
    records: &RecordStore,
) -> Result<(), AppError> {
    let address = settings.bind.resolve();
    let reachable = !address.is_ok_and(|address| address.ip().is_loopback());
    if reachable && !settings.require_keys && !records.keys().any().await? {
        tracing::warn!(
            bind = %settings.bind,
            "anybody who reaches this address may use the service and read every analysis; \
             make a key with `framewitness keys create NAME`, or set require_keys"
        );
    }
    Ok(())
}

/// Opens the records and the pictures, as the settings place them.
///
/// # Errors
/// [`AppError::Store`].
pub async fn open_stores(settings: &Settings) -> Result<(RecordStore, ArtifactStore), AppError> {
    let retention = RetentionPolicy {
        max_age: Duration::from_secs(settings.artifacts_max_age_h * 3600),
        max_total_bytes: settings.artifacts_max_bytes,
    };
    let artifacts = ArtifactStore::open_place(&artifact_place(settings), retention).await?;
    let records = open_records(settings).await?;
    Ok((records, artifacts))
}

/// Opens the files of the jobs, as the settings place them.
///
/// # Errors
/// [`AppError::Store`].
pub async fn open_job_uploads(settings: &Settings) -> Result<JobUploads, AppError> {
    Ok(JobUploads::open(&artifact_place(settings)).await?)
}

async fn open_partials(
    settings: &Settings,
    floor: DiskFloor,
) -> Result<PartialUploads, StoreError> {
    let limits = PartialLimits {
        max: settings.max_resumable_uploads,
        max_per_sender: settings.max_resumable_uploads_per_sender,
        keep: Duration::from_secs(settings.resumable_uploads_expire_s),
    };
    PartialUploads::open(&settings.data_dir.join("resumable"), floor, limits).await
}

fn open_fetcher(settings: &Settings) -> Result<Option<Fetcher>, FetchError> {
    let reach = settings.fetch_urls.reach();
    let open = |reach| Fetcher::new(reach, "fetch_urls = \"any\"");
    reach.map(open).transpose()
}

fn artifact_place(settings: &Settings) -> ArtifactPlace {
    ArtifactPlace {
        url: settings.artifacts_url.clone(),
        folder: settings.data_dir.join("artifacts"),
        spool: settings.data_dir.join("artifacts-waiting"),
        spool_max_bytes: settings.artifacts_spool_max_bytes,
    }
}

fn start_webhooks(state: &HttpState, settings: &Settings) -> Deliverer {
    let webhooks = WebhookSettings {
        allows_private: settings.webhook_private_addresses,
        first_pause: Duration::from_secs(settings.webhook_retry_s),
        keep: WEBHOOK_LOG,
    };
    Deliverer::start(state.records.webhooks(), state.jobs.news(), webhooks)
}

fn start_jobs(state: &HttpState, settings: &Settings) -> Runner {
    let shop = Workshop {
        analyzer: state.analyzer.clone(),
        records: state.records.clone(),
        artifacts: state.artifacts.clone(),
        jobs: state.jobs.clone(),
        uploads: state.job_uploads.clone(),
        copies: state.uploads.clone(),
        settings: JobSettings {
            lease: Duration::from_secs(settings.job_lease_s),
            max_tries: settings.job_attempts,
            keep_ended: Duration::from_secs(settings.keep_jobs_h * 3600),
            tidy_every: Duration::from_secs(settings.sweep_interval_s),
        },
        clock: OffsetDateTime::now_utc,
    };
    Runner::start(shop, settings.run_jobs)
}

/// Starts what analyses need: the networks and the decode workers.
///
/// Both end with the last clone of the analyzer.
///
/// # Errors
/// [`AppError::Models`] and [`AppError::Analysis`].
pub fn start_analysis(settings: &Settings) -> Result<Analyzer, AppError> {
    let models_dir = &settings.models_dir;
    let do_not_load = |source| AppError::Models {
        models_dir: models_dir.clone(),
        source,
    };
    let inference = InferenceSettings {
        models_dir: models_dir.clone(),
        device: settings.device,
        precision: settings.precision,
        frame_model_precision: settings.frame_model_precision,
        frame_model_frames: settings.frame_model_frames,
        foundations_dir: settings.foundations_dir.clone(),
        max_batch_frames: settings.max_batch_frames,
        queue_frames: settings.max_queued_frames,
        threads: or_one_a_core(settings.inference_threads),
    };
    let settings = AnalysisSettings {
        trust_list: trust_list(&settings.content_credentials_trust_list)?,
        ..analysis_settings(settings)
    };
    let bundle = Bundle::read(models_dir).map_err(do_not_load)?;
    Analyzer::start(settings, &bundle.detector_folder(), || {
        ModelSlot::start(inference).map_err(do_not_load)
    })
}

/// The certificates in the file of a setting; `None` where it names none.
fn trust_list(path: &Path) -> Result<Option<String>, AppError> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    match credentials::open_trust_list(path) {
        Ok(pem) => Ok(Some(pem)),
        Err(source) => Err(AppError::TrustList {
            path: path.to_path_buf(),
            source,
        }),
    }
}

fn database_url(settings: &Settings) -> String {
    if settings.database_url.is_empty() {
        let path = settings.data_dir.join("framewitness.db");
        return format!("sqlite:{}", path.display());
    }
    settings.database_url.clone()
}
