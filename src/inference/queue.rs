//! Clips that wait for the model thread. Bounded, and measured in frames: a clip costs as much as
//! it has.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::clip::{Clip, ClipScores};
use super::{InferenceError, metrics as names};

/// Where the scores of a clip go.
pub(super) type Reply = oneshot::Sender<Result<ClipScores, InferenceError>>;

/// A waiting clip.
pub(super) struct Entry {
    pub(super) clip: Clip,
    pub(super) queued_at: Instant,
    pub(super) deadline: Instant,
    pub(super) reply: Reply,
}

impl Entry {
    /// Nobody waits for it any more.
    fn is_dead(&self, now: Instant) -> bool {
        self.reply.is_closed() || self.deadline <= now
    }
}

/// What [`Queue::take`] found.
pub(super) enum Taken {
    /// At least one clip.
    Batch(Vec<Entry>),
    /// Nothing came within the time given.
    Idle,
    /// The queue is closed.
    Closed,
}

/// The queue. Callers push without waiting; the model thread takes.
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    limit_frames: usize,
}

struct State {
    entries: VecDeque<Entry>,
    waiting_frames: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(limit_frames: usize) -> Self {
        Self {
            state: Mutex::new(State {
                entries: VecDeque::new(),
                waiting_frames: 0,
                closed: false,
            }),
            arrived: Condvar::new(),
            limit_frames,
        }
    }

    /// Adds a clip, if it fits beside those still waited for.
    pub(super) fn push(&self, entry: Entry) -> Result<(), InferenceError> {
        let mut state = self.lock();
        if state.closed {
            return Err(InferenceError::Closed);
        }
        let fits = |state: &State| state.waiting_frames + entry.clip.frames() <= self.limit_frames;
        if !fits(&state) {
            state.drop_dead(entry.queued_at);
        }
        if !fits(&state) {
            metrics::counter!(names::OVERLOADED_TOTAL).increment(1);
            return Err(InferenceError::Overloaded {
                waiting_frames: state.waiting_frames,
                limit_frames: self.limit_frames,
            });
        }
        state.count(|frames| frames + entry.clip.frames());
        state.entries.push_back(entry);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits up to `patience` for a clip, then takes what is there up to `limit_frames`, always
    /// at least one clip, and never waits for more. Clips nobody waits for are dropped.
    pub(super) fn take(&self, limit_frames: usize, patience: Duration) -> Taken {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            state.drop_dead(Instant::now());
            if state.closed {
                return Taken::Closed;
            }
            if !state.entries.is_empty() {
                return Taken::Batch(state.pop_up_to(limit_frames));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Idle;
            }
            let woken = self.arrived.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Refuses new clips, lets go of those that wait and wakes the model thread.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.entries.clear();
        state.count(|_| 0);
        self.arrived.notify_all();
    }

    /// Frames that wait.
    pub(super) fn waiting_frames(&self) -> usize {
        self.lock().waiting_frames
    }

    /// Most frames that may wait.
    pub(super) fn limit_frames(&self) -> usize {
        self.limit_frames
    }

    /// No code panics while it holds the lock, so a poisoned state is still sound.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop_up_to(&mut self, limit_frames: usize) -> Vec<Entry> {
        let mut taken = Vec::new();
        let mut frames = 0;
        while let Some(next) = self.entries.front() {
            if !taken.is_empty() && frames + next.clip.frames() > limit_frames {
                break;
            }
            frames += next.clip.frames();
            taken.extend(self.entries.pop_front());
        }
        self.count(|waiting| waiting - frames);
        taken
    }

    fn drop_dead(&mut self, now: Instant) {
        let before = self.entries.len();
        self.entries.retain(|entry| !entry.is_dead(now));
        let dropped = before - self.entries.len();
        if dropped > 0 {
            metrics::counter!(names::DROPPED_TOTAL).increment(dropped as u64);
            let left = self.entries.iter().map(|e| e.clip.frames()).sum();
            self.count(|_| left);
        }
    }

    /// The only place that changes the count, so that the gauge is always right.
    fn count(&mut self, change: impl FnOnce(usize) -> usize) {
        self.waiting_frames = change(self.waiting_frames);
        metrics::gauge!(names::QUEUE_FRAMES).set(self.waiting_frames as f64);
    }
}
