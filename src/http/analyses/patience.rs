//! A client that would rather wait for its answer than come back for it: its analysis goes through the
//! queue like every other, survives the process that took the file, and is answered on the same
//! connection where it ends in time.

use std::time::{Duration, Instant};

use actix_web::HttpRequest;

use super::looks::Looks;
use super::preference::preferred_wait;
use super::streams::EventStream;
use crate::http::Service;
use crate::http::caller::Sender;
use crate::http::error::HttpError;
use crate::store::{Job, Reader};

/// For how long somebody waits. It counts as one who follows events, who asks as often.
pub(super) struct Patience {
    at_most: Duration,
    #[expect(dead_code, reason = "held for its Drop")]
    place: EventStream,
}

impl Patience {
    /// What the request prefers, where it prefers to wait.
    ///
    /// # Errors
    /// [`HttpError::TooManyStreams`].
    pub(super) fn of(request: &HttpRequest, service: &Service) -> Result<Option<Self>, HttpError> {
        let Some(at_most) = preferred_wait(request) else {
            return Ok(None);
        };
        let place = service.event_streams.begin(Sender::of(request))?;
        Ok(Some(Self { at_most, place }))
    }

    /// The job at its end, or as it stands when the time is over, the service ends or the database is
    /// away: it is kept, and whoever waited comes back for it.
    pub(super) async fn exercise(self, service: &Service, mut job: Job) -> Job {
        let (began, mut looks) = (Instant::now(), Looks::new(service.jobs.news()));
        while !job.state.is_ended() && !service.reception.is_closing() {
            let left = self.at_most.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            looks.next(left).await;
            match service.jobs.get(job.id, Reader::Unrestricted).await {
                Ok(Some(now)) => job = now,
                Ok(None) | Err(_) => break,
            }
        }
        job
    }
}
