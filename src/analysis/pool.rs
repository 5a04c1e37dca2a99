//! The decode threads. Each owns a detector and looks at one file at a time.
//!
//! A job carries its [`Admission`], so the place of an abandoned request is free only when its
//! thread is. There are never more jobs than places, which bounds the queue. A panic costs the job
//! that caused it; the thread goes on with a freshly loaded detector.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use super::observe::{Observation, observe};
use super::{Admission, AnalysisError, AnalysisSettings};
use crate::domain::ModelIdentity;
use crate::faces::{self, Detector};

type Reply = oneshot::Sender<Result<Observation, AnalysisError>>;

struct Job {
    file: File,
    admission: Admission,
    submitted: Instant,
    deadline: Instant,
    reply: Reply,
}

/// Fixed threads that decode and detect. Dropping it lets the running jobs end, then the threads.
pub(super) struct DecodePool {
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    detector: ModelIdentity,
}

impl DecodePool {
    pub(super) fn start(
        settings: Arc<AnalysisSettings>,
        detector_dir: &Path,
    ) -> Result<Self, AnalysisError> {
        // The threads here are the parallelism: OpenCV's own would only contend with them.
        faces::bound_threads(1)?;
        let (jobs, queue) = sync_channel(settings.places());
        let queue = Arc::new(Mutex::new(queue));
        let mut detectors = (0..settings.decode_threads)
            .map(|_| Detector::load(detector_dir))
            .collect::<Result<Vec<_>, _>>()?;
        let identity = detectors[0].identity().clone();
        let threads = (detectors.drain(..).enumerate())
            .map(|(number, detector)| {
                let worker = Worker {
                    queue: Arc::clone(&queue),
                    settings: Arc::clone(&settings),
                    detector_dir: detector_dir.to_owned(),
                    detector,
                };
                std::thread::Builder::new()
                    .name(format!("decode-{number}"))
                    .spawn(move || worker.run())
                    .map_err(AnalysisError::Threads)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            jobs: Some(jobs),
            threads,
            detector: identity,
        })
    }

    pub(super) fn detector(&self) -> &ModelIdentity {
        &self.detector
    }

    /// Has a thread look at `file`.
    pub(super) async fn observe(
        &self,
        file: File,
        admission: Admission,
        deadline: Instant,
    ) -> Result<Observation, AnalysisError> {
        let (reply, result) = oneshot::channel();
        let job = Job {
            file,
            admission,
            submitted: Instant::now(),
            deadline,
            reply,
        };
        let jobs = self.jobs.as_ref().ok_or(AnalysisError::Closed)?;
        jobs.try_send(job).map_err(|_| AnalysisError::Busy)?;
        result.await.map_err(|_| AnalysisError::Closed)?
    }
}

impl Drop for DecodePool {
    fn drop(&mut self) {
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            // A thread that panicked has already logged why.
            let _ = thread.join();
        }
    }
}

struct Worker {
    queue: Arc<Mutex<Receiver<Job>>>,
    settings: Arc<AnalysisSettings>,
    detector_dir: PathBuf,
    detector: Detector,
}

impl Worker {
    fn run(mut self) {
        while let Some(job) = self.next_job() {
            self.serve(job);
        }
    }

    fn next_job(&self) -> Option<Job> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.recv().ok()
    }

    fn serve(&mut self, job: Job) {
        let Job {
            file,
            admission,
            submitted,
            deadline,
            reply,
        } = job;
        let wait = submitted.elapsed();
        let abandoned = || reply.is_closed() || Instant::now() >= deadline;
        if abandoned() {
            return;
        }
        let settings = Arc::clone(&self.settings);
        let detector = &mut self.detector;
        let result = catch_unwind(AssertUnwindSafe(|| {
            observe(&file, detector, &settings, &abandoned)
        }));
        let result = result.unwrap_or_else(|_| {
            self.reload_detector();
            Err(AnalysisError::DecodePanicked)
        });
        // Both are given back before the caller learns that the work is done.
        drop(file);
        drop(admission);
        // Nobody waits any more when the client left: the result is simply not needed.
        let _ = reply.send(result.map(|mut observation| {
            observation.timings.wait = wait;
            observation
        }));
    }

    fn reload_detector(&mut self) {
        match Detector::load(&self.detector_dir) {
            Ok(detector) => self.detector = detector,
            Err(error) => tracing::error!(%error, "the detector did not load again after a panic"),
        }
    }
}
