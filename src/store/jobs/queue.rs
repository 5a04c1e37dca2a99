//! The queue as those who send jobs and ask after them see it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::super::database::Database;
use super::super::error::StoreError;
use super::super::history::unix_microseconds;
use super::super::reader::{KeyId, Reader};
use super::super::row::Number;
use super::super::statement::{Statement, Value};
use super::event::{EventKind, EventRow, JobEvent, events_statement, insert_event};
use super::job::{Enqueued, Idempotency, Job, JobId, JobState, NewJob};
use super::row::{JobRow, is_readable, select_jobs};
use crate::domain::Stage;

/// The jobs. Clones share one store, and hear of each other's news.
#[derive(Debug, Clone)]
pub struct JobStore {
    pub(in crate::store) database: Database,
    news: Arc<watch::Sender<()>>,
}

/// Tells when something happened to a job. A hint: what other processes do is not heard.
#[derive(Debug)]
pub struct JobNews(watch::Receiver<()>);

impl JobNews {
    /// Waits until something has happened since it was last waited for, for `patience` at most. Either
    /// way the database knows more.
    pub async fn within(&mut self, patience: Duration) {
        let Ok(heard) = tokio::time::timeout(patience, self.0.changed()).await else {
            return;
        };
        if heard.is_err() {
            // The last store is gone, and with it all news.
            tokio::time::sleep(patience).await;
        }
    }
}

/// What became of the wish to have a job cancelled.
#[derive(Debug, Clone, PartialEq)]
pub enum Cancelled {
    /// It is cancelled from now on, or was before.
    Yes,
    /// It had ended in this state.
    TooLate(JobState),
    /// The reader has no such job.
    NoSuchJob,
}

impl JobStore {
    pub(in crate::store) fn on(database: Database) -> Self {
        Self {
            database,
            news: Arc::new(watch::Sender::new(())),
        }
    }

    /// Keeps a job, unless its request came before or `max_queued` jobs wait already. Requests that
    /// come at the same moment may go beyond that number by as many as they are.
    ///
    /// # Errors
    /// [`StoreError::UnreadableJob`]; [`StoreError`] of the database.
    pub async fn enqueue(
        &self,
        job: &NewJob,
        max_queued: u32,
        now: OffsetDateTime,
    ) -> Result<Enqueued, StoreError> {
        let told = stage_body(Stage::Received, 0.0, 0);
        let event = insert_event(job.id, (EventKind::Stage, &told), now);
        let mut insert = insert_statement(job, &Standing::queued(), now)?;
        insert.push(" WHERE (SELECT count(*) FROM jobs WHERE state = 'queued') < ");
        insert.value(i64::from(max_queued));
        insert.push(" ON CONFLICT (idempotency_key) DO NOTHING RETURNING events AS number");
        let written = self.database.write_in_turn::<Number>(vec![insert], event);
        if written.await?.is_some() {
            self.tell();
            return Ok(Enqueued::New);
        }
        match &job.idempotency {
            Some(idempotency) => self.known(idempotency).await,
            None => Ok(Enqueued::QueueFull),
        }
    }

    /// Why a job with an idempotency key was not kept.
    async fn known(&self, idempotency: &Idempotency) -> Result<Enqueued, StoreError> {
        Ok(match self.find_by_key(&idempotency.key).await? {
            Some(job) if job.fingerprint.as_ref() == Some(&idempotency.fingerprint) => {
                Enqueued::Known(Box::new(job))
            }
            Some(_) => Enqueued::OtherRequest,
            None => Enqueued::QueueFull,
        })
    }

    /// The job of the request that came with this idempotency key.
    ///
    /// # Errors
    /// [`StoreError::UnreadableJob`]; [`StoreError`] of the database.
    pub async fn find_by_key(&self, key: &str) -> Result<Option<Job>, StoreError> {
        let mut statement = select_jobs();
        statement.push("idempotency_key = ").value(key);
        self.one(statement).await
    }

    /// A job; `None` when none has this name or `reader` may not read it.
    ///
    /// # Errors
    /// [`StoreError::UnreadableJob`]; [`StoreError`] of the database.
    pub async fn get(&self, id: JobId, reader: Reader) -> Result<Option<Job>, StoreError> {
        let mut statement = select_jobs();
        is_readable(&mut statement, id, reader);
        self.one(statement).await
    }

    async fn one(&self, statement: Statement) -> Result<Option<Job>, StoreError> {
        let mut rows = self.database.read::<JobRow>(statement).await?;
        rows.pop().map(JobRow::read).transpose()
    }

    /// How many jobs wait.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn waiting(&self) -> Result<u64, StoreError> {
        let statement =
            Statement::new("SELECT count(*) AS number FROM jobs WHERE state = 'queued'");
        self.count(statement).await
    }

    /// The place of a job that waits: 1 is next. 0 when it does not wait.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn position(&self, id: JobId) -> Result<u64, StoreError> {
        let mut statement =
            Statement::new("SELECT count(*) AS number FROM jobs WHERE state = 'queued' AND id <= ");
        statement.value(id.to_string());
        statement.push(" AND EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND id = ");
        statement.value(id.to_string()).push(")");
        self.count(statement).await
    }

    async fn count(&self, statement: Statement) -> Result<u64, StoreError> {
        let rows = self.database.read::<Number>(statement).await?;
        Ok(rows.first().map_or(0, |row| row.number.unsigned_abs()))
    }

    /// Up to `limit` events of a job that come after the one of number `after`, in order.
    ///
    /// # Errors
    /// [`StoreError::UnreadableJob`]; [`StoreError`] of the database.
    pub async fn events(
        &self,
        id: JobId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<JobEvent>, StoreError> {
        let statement = events_statement(id, after, limit);
        let rows = self.database.read::<EventRow>(statement).await?;
        rows.into_iter().map(|row| row.read(id)).collect()
    }

    /// Ends a job of `reader` that has not ended yet. Whoever works on it may write nothing more.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn cancel(
        &self,
        id: JobId,
        reader: Reader,
        now: OffsetDateTime,
    ) -> Result<Cancelled, StoreError> {
        let mut update = Statement::new(
            "UPDATE jobs SET state = 'cancelled', worker = NULL, lease_until_us = NULL, \
             events = events + 1, updated_at_us = ",
        );
        update.value(unix_microseconds(now));
        update.push(" WHERE state IN ('queued', 'running') AND ");
        is_readable(&mut update, id, reader);
        update.push(" RETURNING events AS number");
        let told = json!({ "state": "cancelled" });
        let event = insert_event(id, (EventKind::End, &told), now);
        let written = self.database.write_in_turn::<Number>(vec![update], event);
        if written.await?.is_some() {
            self.tell();
            return Ok(Cancelled::Yes);
        }
        Ok(match self.get(id, reader).await? {
            None => Cancelled::NoSuchJob,
            Some(job) if job.state == JobState::Cancelled => Cancelled::Yes,
            Some(job) => Cancelled::TooLate(job.state),
        })
    }

    /// What happens to jobs from now on, as far as it does in this process.
    pub fn news(&self) -> JobNews {
        JobNews(self.news.subscribe())
    }

    /// Wakes whoever waits for news.
    pub(super) fn tell(&self) {
        self.news.send_replace(());
    }
}

/// What an event says of a stage; an estimate needs no more than three digits.
pub(super) fn stage_body(stage: Stage, progress: f64, attempt: u64) -> serde_json::Value {
    let progress = (progress * 1_000.0).round() / 1_000.0;
    json!({ "stage": stage.as_str(), "progress": progress, "attempt": attempt })
}

/// How a job stands at its beginning.
pub(super) struct Standing {
    pub(super) state: JobState,
    pub(super) attempt: i64,
    pub(super) worker: Option<String>,
    pub(super) lease_until_us: Option<i64>,
}

impl Standing {
    fn queued() -> Self {
        Self {
            state: JobState::Queued,
            attempt: 0,
            worker: None,
            lease_until_us: None,
        }
    }
}

/// Inserts a job; conditions follow.
pub(super) fn insert_statement(
    job: &NewJob,
    standing: &Standing,
    now: OffsetDateTime,
) -> Result<Statement, StoreError> {
    let unstorable = |error: serde_json::Error| StoreError::UnreadableJob {
        id: job.id.to_string(),
        reason: error.to_string(),
    };
    let payload = serde_json::to_string(&job.payload).map_err(unstorable)?;
    let now_us = unix_microseconds(now);
    let idempotency = job.idempotency.as_ref();
    let mut statement = Statement::new(
        "INSERT INTO jobs (id, owner, state, attempt, tries, worker, lease_until_us, not_before_us, payload, \
         stage, progress, idempotency_key, fingerprint, events, created_at_us, updated_at_us) SELECT ",
    );
    statement.values([
        Value::from(job.id.to_string()),
        job.payload.submission.owner.map(KeyId::get).into(),
        standing.state.as_str().into(),
        standing.attempt.into(),
        standing.attempt.into(),
        standing.worker.clone().into(),
        standing.lease_until_us.into(),
        now_us.into(),
        payload.into(),
        Stage::Received.as_str().into(),
        0.0.into(),
        idempotency.map(|sent| sent.key.clone()).into(),
        idempotency.map(|sent| sent.fingerprint.clone()).into(),
        1.into(),
        now_us.into(),
        now_us.into(),
    ]);
    Ok(statement)
}
