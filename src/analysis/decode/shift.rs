//! How many workers are at work, and what of the machine each may take.
//!
//! A worker that has the cores to itself looks for faces with several threads, one that has company with
//! fewer: more threads than cores only contend.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Most threads that look for faces in one film; the detector's layers are too small for more.
const MOST_FACE_THREADS: u32 = 4;

/// How many workers have a file just now.
#[derive(Debug, Default)]
pub(super) struct AtWork(AtomicU32);

/// One of them; no longer when dropped.
pub(super) struct Shift(Arc<AtWork>);

impl Shift {
    pub(super) fn begin(at_work: &Arc<AtWork>) -> Self {
        at_work.0.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(at_work))
    }

    /// Threads for one of those at work, of a machine with so many cores.
    pub(super) fn threads_of(&self, cores: usize) -> u32 {
        let at_work = self.0.0.load(Ordering::Acquire).max(1);
        let each = u32::try_from(cores).unwrap_or(u32::MAX) / at_work;
        each.clamp(1, MOST_FACE_THREADS)
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_works_alone_has_every_core_and_who_has_company_shares_them() {
        let at_work = Arc::default();
        let alone = Shift::begin(&at_work);
        assert_eq!(alone.threads_of(1), 1);
        assert_eq!(alone.threads_of(2), 2);
        assert_eq!(alone.threads_of(64), MOST_FACE_THREADS);
        let second = Shift::begin(&at_work);
        assert_eq!(second.threads_of(2), 1);
        let third = Shift::begin(&at_work);
        assert_eq!([second.threads_of(2), third.threads_of(7)], [1, 2]);
        drop((second, third));
        assert_eq!(alone.threads_of(2), 2);
    }
}
