//! When somebody who waits for a job looks at it again: at its news in this process, and now and then,
//! ever more rarely, because work in another process brings no news here.

use std::time::Duration;

use crate::store::JobNews;

/// Waits between two looks, from the first after something happened to the longest.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(2);

/// The looks of one who waits.
pub(super) struct Looks {
    news: JobNews,
    wait: Duration,
}

impl Looks {
    pub(super) fn new(news: JobNews) -> Self {
        Self {
            news,
            wait: SHORTEST,
        }
    }

    /// Waits for the time of the next look, `at_most` so long.
    pub(super) async fn next(&mut self, at_most: Duration) {
        self.news.within(self.wait.min(at_most)).await;
        self.wait = (self.wait * 2).min(LONGEST);
    }

    /// Something happened: the next look is soon.
    pub(super) fn begin_again(&mut self) {
        self.wait = SHORTEST;
    }
}
