//! What happened to a job, one event after another.

use std::str::FromStr;

use time::OffsetDateTime;

use super::super::error::StoreError;
use super::super::history::unix_microseconds;
use super::super::statement::{Statement, Value};
use super::job::JobId;

/// Most events of one job that are kept; of more, the latest. A job that is tried three times over a
/// video of the default length writes about a hundred.
pub(super) const MAX_EVENTS: i64 = 1_000;

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Where the analysis stands.
    Stage,
    /// The scores of one person's faces.
    Scores,
    /// How the job ended.
    End,
}

impl EventKind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Scores => "scores",
            Self::End => "end",
        }
    }
}

impl FromStr for EventKind {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "stage" => Ok(Self::Stage),
            "scores" => Ok(Self::Scores),
            "end" => Ok(Self::End),
            other => Err(format!("it has an event of the kind {other:?}")),
        }
    }
}

/// One event of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEvent {
    /// 1, 2, 3 … within the job.
    pub number: u64,
    /// What it tells.
    pub kind: EventKind,
    /// The telling, JSON of one line.
    pub body: String,
}

/// An event as the database holds it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct EventRow {
    number: i64,
    kind: String,
    body: String,
}

/// Keeps an event under the number that its job's `events` has just been raised to.
pub(super) fn insert_event(
    job: JobId,
    (kind, body): (EventKind, &serde_json::Value),
    now: OffsetDateTime,
) -> Statement {
    let mut statement = Statement::new(
        "INSERT INTO job_events (job, number, attempt, at_us, kind, body) \
         SELECT id, events, attempt, ",
    );
    statement.values([
        Value::from(unix_microseconds(now)),
        kind.as_str().into(),
        body.to_string().into(),
    ]);
    statement.push(" FROM jobs WHERE id = ");
    statement.value(job.to_string()).push(" RETURNING number");
    statement
}

/// Forgets the events of a job before its latest.
pub(super) fn prune_statement(job: JobId) -> Statement {
    let mut statement = Statement::new("DELETE FROM job_events WHERE job = ");
    statement.value(job.to_string());
    statement.push(" AND number <= (SELECT events FROM jobs WHERE id = ");
    statement.value(job.to_string()).push(") - ");
    statement.value(MAX_EVENTS).push(" RETURNING number");
    statement
}

/// Reads up to `limit` events of a job that come after the one of number `after`, in order.
pub(super) fn events_statement(job: JobId, after: u64, limit: u32) -> Statement {
    let mut statement = Statement::new("SELECT number, kind, body FROM job_events WHERE job = ");
    statement.value(job.to_string()).push(" AND number > ");
    statement.value(i64::try_from(after).unwrap_or(i64::MAX));
    statement.push(" ORDER BY number LIMIT ");
    statement.value(i64::from(limit));
    statement
}

impl EventRow {
    pub(super) fn read(self, job: JobId) -> Result<JobEvent, StoreError> {
        let kind = self.kind.parse();
        let kind = kind.map_err(|reason| StoreError::UnreadableJob {
            id: job.to_string(),
            reason,
        })?;
        Ok(JobEvent {
            number: self.number.unsigned_abs(),
            kind,
            body: self.body,
        })
    }
}
