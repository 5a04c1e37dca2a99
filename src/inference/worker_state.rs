//! What the model thread and its callers share: the queue between them, and whether the thread is fit
//! to work.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::metrics as names;
use super::queue::Queue;

/// Failed batches in a row before readiness turns off.
const FAILURES_TO_UNREADY: u32 = 3;

/// What the thread and its callers share.
pub(super) struct WorkerState {
    pub(super) queue: Queue,
    failures: AtomicU32,
    ended: AtomicBool,
    /// Until when somebody wants the batch that runs.
    wanted_until: Mutex<Option<Instant>>,
}

impl WorkerState {
    pub(super) fn new(queue_frames: usize) -> Self {
        Self {
            queue: Queue::new(queue_frames),
            failures: AtomicU32::new(0),
            ended: AtomicBool::new(false),
            wanted_until: Mutex::new(None),
        }
    }

    /// The thread lives, gets on, and its last forward passes did not all fail.
    pub(super) fn is_ready(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
            && self.failures.load(Ordering::Acquire) < FAILURES_TO_UNREADY
            && !self.is_stuck(Instant::now())
    }

    fn is_stuck(&self, now: Instant) -> bool {
        self.wanted_until().is_some_and(|until| until < now)
    }

    /// Until when somebody wants the batch that runs; `None` while none runs. No code panics while it
    /// holds the lock, so a poisoned value is still sound.
    pub(super) fn wanted_until(&self) -> MutexGuard<'_, Option<Instant>> {
        let locked = self.wanted_until.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a batch went.
    pub(super) fn note(&self, succeeded: bool) {
        if succeeded {
            self.failures.store(0, Ordering::Release);
        } else {
            self.failures.fetch_add(1, Ordering::AcqRel);
        }
        metrics::gauge!(names::READY).set(f64::from(u8::from(self.is_ready())));
    }

    /// The thread has ended: nobody waits for it any more, and nobody is let in.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.queue.close();
        metrics::gauge!(names::READY).set(0.0);
    }
}
