//! The analysis of a client who waits on the connection goes through the queue too, so that it outlives
//! the process that took the file.
//!
//! ```text
//! file ─┬─▶ placed ─▶ job, this process's own from its beginning ─┐
//!       └─▶ analysed ──────────────────────────────────────────────┴─▶ record + done
//!                                                                      failed      the client was told why
//!                                                                      cancelled   the client left
//!                                                                      given back  the process ends
//! ```
//!
//! - **Beside, not before.** The file is placed while it is analysed. An analysis that ends before its file
//!   lies there has nothing left to protect and gets no job: whichever comes first decides.
//! - **A process that dies** leaves a job whose lease runs out, and another ends it: the client lost his
//!   connection, and the verdict is in the history.
//! - **A queue that takes nothing** (a bucket that is away, a full disk) costs that protection, not the answer.
//! - No line is waited in: whoever is answered on the connection was admitted to the analyzer before.

use std::fs::File;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::rt;
use actix_web::rt::task::JoinHandle;
use actix_web::web::Data;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Service;
use super::analyses::new_job;
use super::error::HttpError;
use super::reception::{Refusal, Visit};
use super::upload::ReceivedFile;
use super::wish::Wish;
use crate::domain::Analysis;
use crate::store::{
    self, ArtifactName, Claim, ClaimTerms, JobId, JobReason, NewJob, PlacedUpload, Reader,
    StoreError, Stored, WholeFile,
};

/// A file on its way into the queue, while it is analysed.
#[must_use = "dropping it takes the file back"]
pub(super) struct Entering {
    /// Whether there will be a job, which is settled once: by who comes first.
    decided: Arc<AtomicBool>,
    job: JoinHandle<Option<DirectJob>>,
}

/// A job that this process works on; left as the process or its client leaves it when dropped.
#[must_use = "dropping a job leaves it"]
pub(super) struct DirectJob {
    service: Data<Service>,
    claim: Claim,
    /// Whether its end is written, or left to the lease.
    is_left: bool,
}

/// How a job ends that has no result.
enum End {
    Failed(JobReason),
    Cancelled,
}

/// For how long a database that takes nothing is asked again to take the end of a job.
const END_TRIES: u32 = 60;
const END_PAUSE: Duration = Duration::from_secs(1);

impl Entering {
    /// Begins to place the file. The visit goes along, so that a shutdown waits for that.
    ///
    /// # Errors
    /// [`HttpError::Descriptor`].
    pub(super) fn begin(
        service: &Data<Service>,
        file: &ReceivedFile,
        wish: &Wish,
        visit: &Arc<Visit>,
    ) -> Result<Self, HttpError> {
        let path = file.upload.path().to_path_buf();
        // A clone would share its position with whoever analyses the file meanwhile.
        let opened = File::open(&path).map_err(HttpError::Descriptor)?;
        let sent = (file.digest, file.filename.to_string());
        let new = new_job(JobId::new(Uuid::now_v7()), sent, wish, None);
        let decided = Arc::new(AtomicBool::new(false));
        let (service, is_late) = (Data::clone(service), Arc::clone(&decided));
        let visit = Arc::clone(visit);
        let job = rt::spawn(async move {
            let _visit = visit;
            enter(service, new, (opened, path), &is_late).await
        });
        Ok(Self { decided, job })
    }

    /// Analyses the file meanwhile; answers with the job, where there is one, and what came of the
    /// analysis. One that fails fails its job.
    ///
    /// # Errors
    /// Those of `work`.
    pub(super) async fn beside<T>(
        mut self,
        work: impl Future<Output = Result<T, HttpError>>,
    ) -> Result<(Option<DirectJob>, T), HttpError> {
        let mut work = pin!(work);
        let (job, done) = tokio::select! {
            biased;
            done = &mut work => (self.late().await, done),
            entered = &mut self.job => match entered.ok().flatten() {
                Some(job) => {
                    let done = job.during(work).await;
                    (Some(job), done)
                }
                None => (None, work.await),
            },
        };
        match (done, job) {
            (Ok(done), job) => Ok((job, done)),
            (Err(error), Some(job)) => {
                job.fail(&error).await;
                Err(error)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// The job after the end of its analysis, where it is there or will be in a moment.
    async fn late(&mut self) -> Option<DirectJob> {
        match self.decided.swap(true, Ordering::SeqCst) {
            false => None,
            true => (&mut self.job).await.ok().flatten(),
        }
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        self.decided.store(true, Ordering::SeqCst);
    }
}

/// The file first, then the row that makes it findable, as for every job.
async fn enter(
    service: Data<Service>,
    new: NewJob,
    (file, path): (File, PathBuf),
    is_late: &AtomicBool,
) -> Option<DirectJob> {
    let (uploads, id) = (&service.job_uploads, new.id);
    let sent = WholeFile::sealed(&file, &path);
    let placing = uploads.put(id, &new.payload.upload, sent);
    let placed = placing.await.map_err(|error| tell(&error)).ok()?;
    if is_late.swap(true, Ordering::SeqCst) {
        placed.take_back(uploads).await;
        return None;
    }
    let claim = claimed(&service, new, placed).await;
    let claim = claim.map_err(|error| tell(&error)).ok()?;
    Some(DirectJob {
        service,
        claim,
        is_left: false,
    })
}

async fn claimed(
    service: &Service,
    new: NewJob,
    placed: PlacedUpload,
) -> Result<Claim, StoreError> {
    let limits = service.settings.jobs;
    let terms = ClaimTerms {
        worker: Uuid::now_v7(),
        lease: limits.lease,
        max_tries: limits.max_tries,
    };
    let now = OffsetDateTime::now_utc();
    let claim = service.jobs.enqueue_claimed(new, &terms, now).await;
    match &claim {
        Ok(_) => placed.is_enqueued().await,
        // The row may be there all the same.
        Err(StoreError::DatabaseAway) => placed.leave().await,
        Err(_) => placed.take_back(&service.job_uploads).await,
    }
    claim
}

fn tell(error: &StoreError) {
    tracing::warn!(%error, "an analysis is not in the queue: it ends with this process");
}

impl DirectJob {
    /// Works as long as the job is ours and the process can wait.
    async fn during<T>(
        &self,
        work: impl Future<Output = Result<T, HttpError>>,
    ) -> Result<T, HttpError> {
        tokio::select! {
            done = work => done,
            lost = self.until_lost() => Err(lost.into()),
            () = self.service.reception.gives_up() => Err(Refusal::Closing.into()),
        }
    }

    async fn until_lost(&self) -> StoreError {
        let (jobs, lease) = (&self.service.jobs, self.service.settings.jobs.lease);
        let clock = OffsetDateTime::now_utc;
        jobs.keep_until_lost(&self.claim, lease, clock).await
    }

    /// Stores the result and ends the job in one.
    ///
    /// # Errors
    /// As [`store::keep_for_job`].
    pub(super) async fn keep(
        mut self,
        analysis: Analysis,
        pictures: Vec<(ArtifactName, Vec<u8>)>,
    ) -> Result<Stored, StoreError> {
        let kept = self.store(analysis, pictures).await;
        match &kept {
            Ok(_) => {
                self.is_left = true;
                remove_upload(&self.service, self.claim.job).await;
                count("done");
            }
            Err(error) => self.end(End::Failed(JobReason {
                code: error.code().into(),
                message: error.to_string(),
            })),
        }
        kept
    }

    /// To its end, even where the job is lost meanwhile: pictures would stay without a record otherwise.
    async fn store(
        &self,
        analysis: Analysis,
        pictures: Vec<(ArtifactName, Vec<u8>)>,
    ) -> Result<Stored, StoreError> {
        let (service, now) = (&self.service, OffsetDateTime::now_utc());
        let mut keeping = pin!(store::keep_for_job(
            (&service.jobs, &self.claim, now),
            (&service.records, &service.artifacts),
            analysis,
            pictures,
        ));
        tokio::select! {
            kept = &mut keeping => kept,
            _lost = self.until_lost() => keeping.await,
        }
    }

    async fn give_back(mut self) {
        self.is_left = true;
        let jobs = &self.service.jobs;
        let given_back = jobs.give_back(&self.claim, OffsetDateTime::now_utc()).await;
        count("given-back");
        if let Err(error) = given_back {
            tracing::warn!(%error, job = %self.claim.job, "a job could not be given back: its lease will run out");
        }
    }

    /// Ends the job of a client who is told why there is no result; where the process ends, others may find
    /// one.
    async fn fail(mut self, error: &HttpError) {
        if self.service.reception.is_closing() {
            return self.give_back().await;
        }
        self.end(End::Failed(JobReason {
            code: error.code().into(),
            message: error.to_string(),
        }));
    }

    /// Has the end written, on its own: whoever has his answer waits for nothing.
    fn end(&mut self, end: End) {
        self.is_left = true;
        // Without a runtime the lease runs out, and somebody else does what is to be done.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (service, claim) = (Data::clone(&self.service), self.claim.clone());
            runtime.spawn(async move { write_end(&service, &claim, &end).await });
        }
    }
}

impl Drop for DirectJob {
    /// A client who leaves wants it no more.
    fn drop(&mut self) {
        if !self.is_left {
            self.end(End::Cancelled);
        }
    }
}

/// Writes how a job ended, again and again while the database takes nothing: what nobody ends somebody
/// begins anew.
async fn write_end(service: &Service, claim: &Claim, end: &End) {
    for _ in 0..END_TRIES {
        let (jobs, now) = (&service.jobs, OffsetDateTime::now_utc());
        let written = match end {
            End::Failed(reason) => jobs.fail(claim, reason, now).await,
            End::Cancelled => {
                let cancelled = jobs.cancel(claim.job, Reader::Unrestricted, now).await;
                cancelled.map(drop)
            }
        };
        match written {
            Ok(()) => {
                remove_upload(service, claim.job).await;
                return count(end.word());
            }
            Err(StoreError::Stale { .. }) => return count("lost"),
            Err(error) => {
                tracing::warn!(%error, job = %claim.job, "the end of a job could not be written yet");
            }
        }
        tokio::time::sleep(END_PAUSE).await;
    }
}

impl End {
    fn word(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What does not go now is swept later.
async fn remove_upload(service: &Service, job: JobId) {
    if let Err(error) = service.job_uploads.remove(job).await {
        tracing::warn!(%error, %job, "the upload of a job that ended stays for now");
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("framewitness_jobs_total", "outcome" => outcome).increment(1);
}
