//! Who has hold of which upload in this process, so that he can be asked to leave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::super::jobs::JobId;

/// Everybody who has hold of an upload.
#[derive(Debug, Default)]
pub(super) struct Writers(Mutex<HashMap<JobId, Arc<Notify>>>);

/// One of them; forgotten when dropped.
#[derive(Debug)]
pub(super) struct WriterPlace {
    id: JobId,
    asked: Arc<Notify>,
    writers: Arc<Writers>,
}

impl Writers {
    /// Remembers whoever has locked the file of `id`: there is no other.
    pub(super) fn enter(self: &Arc<Self>, id: JobId) -> WriterPlace {
        let asked = Arc::new(Notify::new());
        self.with(|writers| writers.insert(id, Arc::clone(&asked)));
        WriterPlace {
            id,
            asked,
            writers: Arc::clone(self),
        }
    }

    /// Asks whoever has hold of `id` to leave.
    pub(super) fn ask_to_leave(&self, id: JobId) {
        let asked = self.with(|writers| writers.get(&id).cloned());
        if let Some(asked) = asked {
            asked.notify_one();
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<JobId, Arc<Notify>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl WriterPlace {
    pub(super) fn id(&self) -> JobId {
        self.id
    }

    /// Ends when somebody else wants it.
    pub(super) async fn asked_to_leave(&self) {
        self.asked.notified().await;
    }
}

impl Drop for WriterPlace {
    fn drop(&mut self) {
        self.writers.with(|writers| {
            // The next may have it already: the file is free before its place is.
            let is_ours = |asked: &Arc<Notify>| Arc::ptr_eq(asked, &self.asked);
            if writers.get(&self.id).is_some_and(is_ours) {
                writers.remove(&self.id);
            }
        });
    }
}
