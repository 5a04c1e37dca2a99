//! Who is let in: the one place that knows whether the service is ending and how many uploads are
//! under way.
//!
//! A [`Visit`] is held from before the body is read until the answer is made. At shutdown
//! [`Reception::close`] turns newcomers away and waits for the visits to end, so that "finish what
//! has begun" is one wait and not a guess.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

/// Why a request with a body is turned away before its body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The service is ending.
    #[error("the service is shutting down; try again shortly")]
    Closing,
    /// As many uploads as allowed are under way.
    #[error("{max_uploads} uploads are under way, the limit max_uploads; try again shortly")]
    Full {
        /// The limit.
        max_uploads: usize,
    },
}

impl Refusal {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closing => "shutting-down",
            Self::Full { .. } => "too-many-uploads",
        }
    }
}

/// Lets uploads in, counts them, and closes once.
#[derive(Debug)]
pub(super) struct Reception {
    max_uploads: usize,
    closing: AtomicBool,
    inside: watch::Sender<usize>,
}

/// An upload under way; over when dropped.
#[derive(Debug)]
#[must_use = "dropping a visit ends it"]
pub(super) struct Visit {
    reception: Arc<Reception>,
}

impl Reception {
    pub(super) fn new(max_uploads: usize) -> Arc<Self> {
        Arc::new(Self {
            max_uploads,
            closing: AtomicBool::new(false),
            inside: watch::Sender::new(0),
        })
    }

    /// Lets one upload in, or says at once why not.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Visit, Refusal> {
        let max_uploads = self.max_uploads;
        let entered = self.inside.send_if_modified(|inside| {
            let room = *inside < max_uploads;
            *inside += usize::from(room);
            room
        });
        if !entered {
            return Err(Refusal::Full { max_uploads });
        }
        let visit = Visit {
            reception: Arc::clone(self),
        };
        // Counted before asked: a visit that begins while closing is either seen by the wait in
        // `close` or turned away here, never neither.
        if self.is_closing() {
            return Err(Refusal::Closing);
        }
        Ok(visit)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Uploads under way.
    pub(super) fn inside(&self) -> usize {
        *self.inside.borrow()
    }

    /// Turns newcomers away from now on and waits until the last visit ended, `grace` at most.
    /// Answers how many are left.
    pub(super) async fn close(&self, grace: Duration) -> usize {
        self.closing.store(true, Ordering::SeqCst);
        let mut inside = self.inside.subscribe();
        let emptied = inside.wait_for(|inside| *inside == 0);
        // Either way the count tells; the sender lives as long as `self`, so the wait cannot fail.
        let _in_time = tokio::time::timeout(grace, emptied).await.is_ok();
        self.inside()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.reception.inside.send_modify(|inside| *inside -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_the_limit_is_turned_away_until_somebody_leaves() {
        let reception = Reception::new(1);
        let visit = reception.enter().unwrap();
        let full = Refusal::Full { max_uploads: 1 };
        assert_eq!(reception.enter().unwrap_err(), full);
        drop(visit);
        assert!(reception.enter().is_ok());
        assert_eq!(reception.inside(), 0);
    }

    #[actix_web::test]
    async fn closing_turns_newcomers_away_and_waits_for_those_inside() {
        let reception = Reception::new(8);
        let visit = reception.enter().unwrap();
        let closing = Arc::clone(&reception);
        let closed =
            actix_web::rt::spawn(async move { closing.close(Duration::from_secs(60)).await });
        while !reception.is_closing() {
            actix_web::rt::task::yield_now().await;
        }
        assert_eq!(reception.enter().unwrap_err(), Refusal::Closing);
        assert!(!closed.is_finished());
        drop(visit);
        assert_eq!(closed.await.unwrap(), 0);
    }

    #[actix_web::test]
    async fn closing_gives_up_after_the_grace_and_says_how_many_are_left() {
        let reception = Reception::new(8);
        let _visit = reception.enter().unwrap();
        assert_eq!(reception.close(Duration::from_millis(10)).await, 1);
    }
}
