//! `GET /api/v1/analyses/{id}/events`: what happens to a job, as server-sent events.
//!
//! The number of an event is its `id`, so that a browser that lost the connection says with
//! `Last-Event-ID` where to go on. Events are read from the database, in this process or another's; the
//! looks become rarer while nothing happens. A comment now and then keeps the connection from looking
//! dead. The stream ends with the event `end`, or when the service does; a client that comes back to
//! a job of which everything was told is answered 204, which tells a browser not to come again.

use std::time::{Duration, Instant};

use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use utoipa::IntoParams;

use super::looks::Looks;
use super::routes::find;
use super::streams::EventStream;
use crate::http::Service;
use crate::http::caller::{Caller, Sender};
use crate::http::error::HttpError;
use crate::http::problem::Problem;
use crate::store::{JobEvent, JobId, Reader, StoreError};

const LAST_EVENT_ID: &str = "last-event-id";
/// Proxies that gather answers are told to pass these on as they come.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// Longest silence.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events read at a time.
const AT_A_TIME: u32 = 100;
/// How soon a browser comes back that lost the connection.
const RETRY: &str = "retry: 2000\n\n";

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct AfterQuery {
    /// Only events after the one of this number; `Last-Event-ID` counts more.
    #[param(minimum = 0)]
    after: Option<u64>,
}

/// Follows an analysis
///
/// Server-sent events, each with its number as `id` and JSON as `data`: `stage` (`stage`, `progress`,
/// `attempt`), `scores` (`track_id`, `probability_fake`, and of each scored frame `frame_index`,
/// `frame_time_sec` and `probability_fake`; of one person at a time, as soon as the networks have looked
/// at him), and at last `end` (`state`, and with it `analysis_id`, `verdict` and `probability_fake` or
/// `reason`). An analysis that is begun again tells its stages and scores again, under the next `attempt`.
#[utoipa::path(operation_id = "follow_analysis", tag = "analysis",
    params(AfterQuery,
        ("id" = String, Path, description = "Name of the job, a UUID"),
        ("last-event-id" = Option<u64>, Header, description = "Number of the last event that arrived: those after it follow")),
    responses(
        (status = 200, description = "Events as they come, until the end of the job", content_type = "text/event-stream", body = String),
        (status = 204, description = "The job has ended, and nothing is left to tell"),
        (status = 400, description = "`invalid-query`", content_type = "application/problem+json", body = Problem),
        (status = 404, description = "`not-found`", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "`too-many-streams`: as many as allowed are being followed", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "The database failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/api/v1/analyses/{id}/events")]
pub(in crate::http) async fn follow(
    request: HttpRequest,
    service: Data<Service>,
    caller: Caller,
    id: Path<String>,
    query: Query<AfterQuery>,
) -> Result<HttpResponse, HttpError> {
    let after = last_event_id(&request)?.or(query.after).unwrap_or(0);
    let job = find(&service, caller, &id).await?;
    if job.state.is_ended() && after >= job.events {
        return Ok(HttpResponse::NoContent().finish());
    }
    let follower = Follower {
        place: service.event_streams.begin(Sender::of(&request))?,
        looks: Looks::new(service.jobs.news()),
        service,
        job: job.id,
        after,
        spoke_at: Instant::now(),
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header(UNBUFFERED)
        .streaming(told(follower)))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<u64>, HttpError> {
    let Some(value) = request.headers().get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let number = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let problem = || HttpError::Query("Last-Event-ID must be the number of an event".into());
    number.map(Some).ok_or_else(problem)
}

/// Somebody who follows a job.
struct Follower {
    service: Data<Service>,
    job: JobId,
    /// Number of the last event that was told.
    after: u64,
    looks: Looks,
    spoke_at: Instant,
    /// Held for its end.
    #[expect(dead_code, reason = "held for its Drop")]
    place: EventStream,
}

/// What is told next.
enum Next {
    Text(String),
    /// Nothing, for good.
    Silence,
}

fn told(follower: Follower) -> impl Stream<Item = Result<Bytes, StoreError>> {
    let first = stream::once(async { Ok(Bytes::from_static(RETRY.as_bytes())) });
    let rest = stream::try_unfold(Some(follower), |follower| async {
        let Some(mut follower) = follower else {
            return Ok(None);
        };
        match follower.next().await? {
            Next::Text(text) => Ok(Some((Bytes::from(text), Some(follower)))),
            Next::Silence => Ok(None),
        }
    });
    first.chain(rest)
}

impl Follower {
    /// Waits until there is something to tell.
    ///
    /// # Errors
    /// [`StoreError`] of the database: the client comes back.
    async fn next(&mut self) -> Result<Next, StoreError> {
        loop {
            // Asked before the events: what is written in between is in them.
            let job = self
                .service
                .jobs
                .get(self.job, Reader::Unrestricted)
                .await?;
            let events = self
                .service
                .jobs
                .events(self.job, self.after, AT_A_TIME)
                .await?;
            if let Some(last) = events.last() {
                self.after = last.number;
                self.looks.begin_again();
                return Ok(self.say(events.iter().map(text_of).collect()));
            }
            let is_over = job.is_none_or(|job| job.state.is_ended());
            if is_over || self.service.reception.is_closing() {
                return Ok(Next::Silence);
            }
            if self.spoke_at.elapsed() >= KEEP_ALIVE {
                return Ok(self.say(": still here\n\n".into()));
            }
            self.looks.next(KEEP_ALIVE).await;
        }
    }

    fn say(&mut self, text: String) -> Next {
        self.spoke_at = Instant::now();
        Next::Text(text)
    }
}

/// One event; its JSON has no line breaks.
fn text_of(event: &JobEvent) -> String {
    let (number, kind) = (event.number, event.kind.as_str());
    format!("id: {number}\nevent: {kind}\ndata: {}\n\n", event.body)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::store::EventKind;

    #[test]
    fn an_event_is_three_lines_and_an_empty_one() {
        let event = JobEvent {
            number: 7,
            kind: EventKind::Stage,
            body: "{\"stage\":\"faces\"}".into(),
        };
        let expected = "id: 7\nevent: stage\ndata: {\"stage\":\"faces\"}\n\n";
        assert_eq!(text_of(&event), expected);
    }

    #[test]
    fn the_header_of_a_browser_that_comes_back_is_a_number_or_refused() {
        let read = |value: &str| {
            let request = TestRequest::get().insert_header((LAST_EVENT_ID, value));
            last_event_id(&request.to_http_request())
        };
        assert_eq!(read("12").unwrap(), Some(12));
        assert!(read("twelve").is_err());
        assert_eq!(
            last_event_id(&TestRequest::get().to_http_request()).unwrap(),
            None
        );
    }
}
