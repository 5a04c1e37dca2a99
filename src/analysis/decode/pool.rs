//! The decode threads. Each owns a worker process and hands it one file at a time.
//!
//! A job carries its [`Admission`], so the place of an abandoned request is free only when its
//! worker is. There are never more jobs than places, which bounds the queue. A job whose caller
//! leaves or whose deadline passes ends at once: its worker is killed.
//!
//! A file that costs its worker is one file. Where no worker can be started for several in a row, the
//! machine is at fault: [`DecodePool::is_ready`] turns false, and the threads try again now and then.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::super::{Admission, AnalysisError, AnalysisSettings, ProgressWatch};
use super::observation::Observation;
use super::remote::{Assignment, RemoteDecoder};
use super::shift::{AtWork, Shift};
use super::wire::Ready;
use crate::domain::{Isolation, ModelIdentity, Stage};
use crate::media::SampleOptions;

type Reply = oneshot::Sender<Result<Observation, AnalysisError>>;

/// Files in a row without a worker before readiness turns off.
const FAULTS_TO_UNREADY: u32 = 3;
/// How long a thread waits for files before it looks after its worker.
const PATIENCE: Duration = Duration::from_secs(5);

/// Files in a row for which no worker could be started.
#[derive(Debug, Default)]
struct Faults(AtomicU32);

impl Faults {
    fn are_many(&self) -> bool {
        self.0.load(Ordering::Acquire) >= FAULTS_TO_UNREADY
    }

    fn note(&self, had_worker: bool) {
        if had_worker {
            self.0.store(0, Ordering::Release);
        } else {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
}

struct Job {
    file: File,
    sample: SampleOptions,
    watch: ProgressWatch,
    admission: Admission,
    submitted: Instant,
    deadline: Instant,
    reply: Reply,
}

/// Fixed threads with a worker each. Dropping it lets the running jobs end, then the threads, and
/// with them the workers.
pub(in crate::analysis) struct DecodePool {
    crew: Crew,
    ready: Ready,
    faults: Arc<Faults>,
}

/// A pool whose workers are being started, which takes half a second and a core each: time in which others can
/// get ready too.
pub(in crate::analysis) struct StartingPool {
    crew: Crew,
    starts: Receiver<Result<Ready, AnalysisError>>,
    faults: Arc<Faults>,
}

/// The threads, and the end of the queue that feeds them.
struct Crew {
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl StartingPool {
    /// Waits for the first worker of each thread.
    pub(in crate::analysis) fn ready(self) -> Result<DecodePool, AnalysisError> {
        let ready = all_ready(&self.starts, self.crew.threads.len())?;
        Ok(DecodePool {
            crew: self.crew,
            ready,
            faults: self.faults,
        })
    }
}

impl DecodePool {
    /// Begins to start a worker a thread.
    pub(in crate::analysis) fn start(
        settings: &Arc<AnalysisSettings>,
        detector_dir: &Path,
    ) -> Result<StartingPool, AnalysisError> {
        // Workers start in the root directory.
        let detector_dir = std::path::absolute(detector_dir).map_err(AnalysisError::Threads)?;
        let (jobs, queue) = sync_channel(settings.places());
        let queue = Arc::new(Mutex::new(queue));
        let (started, starts) = channel();
        let faults = Arc::new(Faults::default());
        let at_work = Arc::new(AtWork::default());
        let mut crew = Crew {
            jobs: Some(jobs),
            threads: Vec::new(),
        };
        for number in 0..settings.decode_threads {
            let post = Post {
                queue: Arc::clone(&queue),
                settings: Arc::clone(settings),
                detector_dir: detector_dir.clone(),
                faults: Arc::clone(&faults),
                at_work: Arc::clone(&at_work),
            };
            let started = started.clone();
            let thread = std::thread::Builder::new()
                .name(format!("decode-{number}"))
                .spawn(move || post.man(&started));
            crew.threads.push(thread.map_err(AnalysisError::Threads)?);
        }
        Ok(StartingPool {
            crew,
            starts,
            faults,
        })
    }

    pub(in crate::analysis) fn detector(&self) -> &ModelIdentity {
        &self.ready.detector
    }

    /// Whether workers could be started lately.
    pub(in crate::analysis) fn is_ready(&self) -> bool {
        !self.faults.are_many()
    }

    /// What holds the workers.
    pub(in crate::analysis) fn isolation(&self) -> Isolation {
        self.ready.isolation
    }

    /// Has a worker look at so many frames of `file`, and tells how it gets on.
    pub(in crate::analysis) async fn observe(
        &self,
        (file, sample, watch): (File, SampleOptions, ProgressWatch),
        admission: Admission,
        deadline: Instant,
    ) -> Result<Observation, AnalysisError> {
        let (reply, result) = oneshot::channel();
        let job = Job {
            file,
            sample,
            watch,
            admission,
            submitted: Instant::now(),
            deadline,
            reply,
        };
        let jobs = self.crew.jobs.as_ref().ok_or(AnalysisError::Closed)?;
        jobs.try_send(job).map_err(|_| AnalysisError::Busy)?;
        result.await.map_err(|_| AnalysisError::Closed)?
    }
}

/// Waits for the first worker of each of `threads`.
fn all_ready(
    starts: &Receiver<Result<Ready, AnalysisError>>,
    threads: usize,
) -> Result<Ready, AnalysisError> {
    let mut all = (starts.iter().take(threads)).collect::<Result<Vec<_>, _>>()?;
    all.pop().ok_or(AnalysisError::Closed)
}

impl Drop for Crew {
    fn drop(&mut self) {
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            // A thread that panicked has already logged why.
            let _ = thread.join();
        }
    }
}

/// What a thread is given.
struct Post {
    queue: Arc<Mutex<Receiver<Job>>>,
    settings: Arc<AnalysisSettings>,
    detector_dir: PathBuf,
    faults: Arc<Faults>,
    at_work: Arc<AtWork>,
}

impl Post {
    /// Starts a worker, tells how that went, and serves until there are no more jobs.
    fn man(self, started: &Sender<Result<Ready, AnalysisError>>) {
        let (decoder, ready) = match RemoteDecoder::start(self.settings, self.detector_dir) {
            Ok(begun) => begun,
            Err(error) => {
                // Whoever waits hears of the first failure and stops listening.
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(Ok(ready));
        let mut attendant = DecodeThread {
            queue: self.queue,
            decoder,
            faults: self.faults,
            at_work: self.at_work,
            cores: std::thread::available_parallelism().map_or(1, Into::into),
        };
        attendant.run();
    }
}

struct DecodeThread {
    queue: Arc<Mutex<Receiver<Job>>>,
    decoder: RemoteDecoder,
    faults: Arc<Faults>,
    at_work: Arc<AtWork>,
    cores: usize,
}

impl DecodeThread {
    fn run(&mut self) {
        loop {
            match self.next_job() {
                Ok(job) => self.serve(job),
                Err(RecvTimeoutError::Timeout) => self.look_after_itself(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn next_job(&self) -> Result<Job, RecvTimeoutError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.recv_timeout(PATIENCE)
    }

    /// While there are no workers and no files, a start tells whether the trouble is over.
    fn look_after_itself(&mut self) {
        if !self.faults.are_many() {
            return;
        }
        match self.decoder.make_ready() {
            Ok(()) => self.faults.note(true),
            Err(error) => tracing::warn!(%error, "no decode worker can be started"),
        }
    }

    fn serve(&mut self, job: Job) {
        let Job {
            file,
            sample,
            watch,
            admission,
            submitted,
            deadline,
            reply,
        } = job;
        let wait = submitted.elapsed();
        let given_up = || reply.is_closed() || Instant::now() >= deadline;
        if given_up() {
            return;
        }
        watch.stage(Stage::Decoding, 0.0);
        let shift = Shift::begin(&self.at_work);
        let decoder = &mut self.decoder;
        let result = catch_unwind(AssertUnwindSafe(|| {
            decoder.look(&Assignment {
                file: &file,
                sample,
                deadline,
                face_threads: shift.threads_of(self.cores),
                given_up: &given_up,
                watch: &watch,
            })
        }));
        let result = result.unwrap_or(Err(AnalysisError::DecodePanicked));
        match &result {
            Err(AnalysisError::Closed) => {}
            Err(error) => self.faults.note(!error.is_no_decoder()),
            Ok(_) => self.faults.note(true),
        }
        drop(shift);
        // Both are given back before the caller learns that the work is done.
        drop(file);
        drop(admission);
        // Nobody waits any more when the client left: the result is simply not needed.
        let _ = reply.send(result.map(|mut observation| {
            observation.timings.wait = wait;
            observation
        }));
    }
}
