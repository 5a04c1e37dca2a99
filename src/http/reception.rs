//! Who is let in: the one place that knows whether the service is ending and how many uploads are
//! under way.
//!
//! A [`Visit`] is held from before the body is read until the answer is made. At shutdown
//! [`Reception::close`] turns newcomers away and waits for the visits to end, so that "finish what
//! has begun" is one wait and not a guess.
//!
//! One [`Sender`] cannot take every place: it would keep out all others for as long as a body may
//! take, and need a thousand bytes a second for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

use super::caller::Sender;

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
    /// As many uploads of one sender as allowed are under way.
    #[error(
        "{max_uploads} of your uploads are under way, the limit max_uploads_per_sender; \
         try again when one has ended"
    )]
    FullForSender {
        /// The limit.
        max_uploads: usize,
    },
}

impl Refusal {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closing => "shutting-down",
            Self::Full { .. } | Self::FullForSender { .. } => "too-many-uploads",
        }
    }
}

/// Lets uploads in, counts them, and closes once.
#[derive(Debug)]
pub(super) struct Reception {
    limits: UploadLimits,
    closing: AtomicBool,
    given_up: watch::Sender<bool>,
    inside: watch::Sender<Inside>,
}

/// How many uploads may be under way at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// Of everybody.
    pub max_uploads: usize,
    /// Of one sender: of one key, and without one of one address.
    pub max_per_sender: usize,
}

/// Uploads under way, of each sender that has any.
#[derive(Debug, Default)]
struct Inside {
    total: usize,
    of_sender: HashMap<Sender, usize>,
}

/// An upload under way; over when dropped.
#[derive(Debug)]
#[must_use = "dropping a visit ends it"]
pub(super) struct Visit {
    reception: Arc<Reception>,
    sender: Sender,
}

impl Reception {
    pub(super) fn new(limits: UploadLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            closing: AtomicBool::new(false),
            given_up: watch::Sender::new(false),
            inside: watch::Sender::default(),
        })
    }

    /// Lets one upload of `sender` in, or says at once why not.
    pub(super) fn enter(self: &Arc<Self>, sender: Sender) -> Result<Visit, Refusal> {
        let mut refused = None;
        self.inside.send_if_modified(|inside| {
            refused = inside.add(sender, self.limits).err();
            refused.is_none()
        });
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        let visit = Visit {
            reception: Arc::clone(self),
            sender,
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
        self.inside.borrow().total
    }

    /// Turns newcomers away from now on and waits until the last visit ended, `grace` at most.
    /// Answers how many are left; they are given up, and end soon.
    pub(super) async fn close(&self, grace: Duration) -> usize {
        self.closing.store(true, Ordering::SeqCst);
        let mut inside = self.inside.subscribe();
        let emptied = inside.wait_for(|inside| inside.total == 0);
        // Either way the count tells; the sender lives as long as `self`, so the wait cannot fail.
        let _in_time = tokio::time::timeout(grace, emptied).await.is_ok();
        self.given_up.send_replace(true);
        self.inside()
    }

    /// Waits until whoever is still inside is given up: the last moment to hand on what has begun.
    pub(super) async fn gives_up(&self) {
        // The sender lives as long as `self`.
        let _ = self
            .given_up
            .subscribe()
            .wait_for(|given_up| *given_up)
            .await;
    }
}

impl Inside {
    fn add(&mut self, sender: Sender, limits: UploadLimits) -> Result<(), Refusal> {
        let UploadLimits {
            max_uploads,
            max_per_sender,
        } = limits;
        if self.total >= max_uploads {
            return Err(Refusal::Full { max_uploads });
        }
        let of_sender = self.of_sender.get(&sender).copied().unwrap_or(0);
        if of_sender >= max_per_sender {
            let max_uploads = max_per_sender;
            return Err(Refusal::FullForSender { max_uploads });
        }
        self.of_sender.insert(sender, of_sender + 1);
        self.total += 1;
        Ok(())
    }

    /// Forgets a sender with its last upload, or every address ever seen would stay.
    fn remove(&mut self, sender: Sender) {
        self.total -= 1;
        match self.of_sender.get_mut(&sender) {
            Some(uploads) if *uploads > 1 => *uploads -= 1,
            Some(_) | None => {
                self.of_sender.remove(&sender);
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let inside = &self.reception.inside;
        inside.send_modify(|inside| inside.remove(self.sender));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KeyId;

    const ANYBODY: Sender = Sender::Key(KeyId::new(1));

    fn of(max_uploads: usize, max_per_sender: usize) -> Arc<Reception> {
        Reception::new(UploadLimits {
            max_uploads,
            max_per_sender,
        })
    }

    #[test]
    fn one_more_than_the_limit_is_turned_away_until_somebody_leaves() {
        let reception = of(1, 2);
        let visit = reception.enter(ANYBODY).unwrap();
        let full = Refusal::Full { max_uploads: 1 };
        assert_eq!(reception.enter(ANYBODY).unwrap_err(), full);
        drop(visit);
        assert!(reception.enter(ANYBODY).is_ok());
        assert_eq!(reception.inside(), 0);
    }

    #[test]
    fn one_sender_leaves_room_for_others_and_is_forgotten_with_its_last_upload() {
        let (greedy, other) = (ANYBODY, Sender::Household([192, 0, 2, 1].into()));
        let reception = of(3, 2);
        let first = reception.enter(greedy).unwrap();
        let second = reception.enter(greedy).unwrap();
        let full = Refusal::FullForSender { max_uploads: 2 };
        assert_eq!(reception.enter(greedy).unwrap_err(), full);
        let third = reception.enter(other).unwrap();
        drop(first);
        assert!(reception.enter(greedy).is_ok());
        drop((second, third));
        assert!(reception.inside.borrow().of_sender.is_empty());
    }

    #[actix_web::test]
    async fn closing_turns_newcomers_away_and_waits_for_those_inside() {
        let reception = of(8, 8);
        let visit = reception.enter(ANYBODY).unwrap();
        let closing = Arc::clone(&reception);
        let closed =
            actix_web::rt::spawn(async move { closing.close(Duration::from_secs(60)).await });
        while !reception.is_closing() {
            actix_web::rt::task::yield_now().await;
        }
        assert_eq!(reception.enter(ANYBODY).unwrap_err(), Refusal::Closing);
        assert!(!closed.is_finished());
        drop(visit);
        assert_eq!(closed.await.unwrap(), 0);
    }

    #[actix_web::test]
    async fn closing_gives_up_after_the_grace_and_says_how_many_are_left() {
        let reception = of(8, 8);
        let _visit = reception.enter(ANYBODY).unwrap();
        assert_eq!(reception.close(Duration::from_millis(10)).await, 1);
    }
}
