//! How many follow events at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::caller::Sender;
use crate::http::error::HttpError;

/// Most streams of everybody together: each asks the database now and then.
const MAX_STREAMS: usize = 1024;

/// The streams under way, of each sender that has any.
#[derive(Debug)]
pub(in crate::http) struct EventStreams {
    max_per_sender: usize,
    under_way: Mutex<HashMap<Sender, usize>>,
}

/// A stream under way; over when dropped.
#[derive(Debug)]
#[must_use = "dropping a stream ends it"]
pub(super) struct EventStream {
    streams: Arc<EventStreams>,
    sender: Sender,
}

impl EventStreams {
    pub(in crate::http) fn new(max_per_sender: usize) -> Arc<Self> {
        Arc::new(Self {
            max_per_sender,
            under_way: Mutex::default(),
        })
    }

    /// Begins a stream of `sender`.
    ///
    /// # Errors
    /// [`HttpError::TooManyStreams`].
    pub(super) fn begin(self: &Arc<Self>, sender: Sender) -> Result<EventStream, HttpError> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let of_sender = under_way.get(&sender).copied().unwrap_or(0);
        let max_streams = self.max_per_sender;
        if of_sender >= max_streams {
            return Err(HttpError::TooManyStreams { max_streams });
        }
        if under_way.values().sum::<usize>() >= MAX_STREAMS {
            let max_streams = MAX_STREAMS;
            return Err(HttpError::TooManyStreams { max_streams });
        }
        under_way.insert(sender, of_sender + 1);
        Ok(EventStream {
            streams: Arc::clone(self),
            sender,
        })
    }
}

impl Drop for EventStream {
    /// Forgets a sender with its last stream, or every address ever seen would stay.
    fn drop(&mut self) {
        let under_way = &self.streams.under_way;
        let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
        match under_way.get_mut(&self.sender) {
            Some(streams) if *streams > 1 => *streams -= 1,
            Some(_) | None => {
                under_way.remove(&self.sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KeyId;

    #[test]
    fn one_sender_follows_so_many_and_no_more_and_is_forgotten_with_the_last() {
        let streams = EventStreams::new(2);
        let (greedy, other) = (Sender::Key(KeyId::new(1)), Sender::Key(KeyId::new(2)));
        let held = [
            streams.begin(greedy).unwrap(),
            streams.begin(greedy).unwrap(),
        ];
        let refused = streams.begin(greedy).unwrap_err();
        assert_eq!(refused.code(), "too-many-streams");
        drop(streams.begin(other).unwrap());
        drop(held);
        assert!(streams.under_way.lock().unwrap().is_empty());
    }
}
