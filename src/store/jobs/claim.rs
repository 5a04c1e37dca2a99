//! Claiming a job and telling how it gets on. Everything a worker writes is fenced by the attempt of
//! his claim; how he leaves a job is told in `leave`.

use std::time::{Duration, Instant};

use serde_json::Value as Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::error::StoreError;
use super::super::history::unix_microseconds;
use super::super::row::Number;
use super::super::statement::Statement;
use super::event::{EventKind, insert_event, prune_statement};
use super::job::{JobId, JobPayload, JobState, NewJob};
use super::queue::{JobStore, Standing, insert_statement, stage_body};
use super::row::{JOB_COLUMNS, JobRow};
use crate::domain::Stage;

/// How soon whoever keeps a job notices that it was cancelled.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a worker claims.
#[derive(Debug, Clone, Copy)]
pub struct ClaimTerms {
    /// The worker: another each time the process starts, because a name that is given again would
    /// speak for the dead.
    pub worker: Uuid,
    /// How long a job is his without a word of him.
    pub lease: Duration,
    /// Tries after which a job is nobody's to claim.
    pub max_tries: u32,
}

/// A job that a worker has.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its name.
    pub job: JobId,
    /// The number that everything written carries.
    pub attempt: u64,
    /// Tries so far, this one included.
    pub tries: u32,
    /// What is to be analysed.
    pub payload: JobPayload,
}

impl Claim {
    pub(super) fn stale(&self) -> StoreError {
        StoreError::Stale { job: self.job }
    }
}

impl JobStore {
    /// Keeps a job that its sender's process works on itself: it is claimed on `terms` from its beginning,
    /// waits in no line and is counted in none. It carries no idempotency key.
    ///
    /// # Errors
    /// [`StoreError::UnreadableJob`]; [`StoreError`] of the database.
    pub async fn enqueue_claimed(
        &self,
        job: NewJob,
        terms: &ClaimTerms,
        now: OffsetDateTime,
    ) -> Result<Claim, StoreError> {
        let standing = Standing {
            state: JobState::Running,
            attempt: 1,
            worker: Some(terms.worker.to_string()),
            lease_until_us: Some(unix_microseconds(now + terms.lease)),
        };
        let job = NewJob {
            idempotency: None,
            ..job
        };
        let told = stage_body(Stage::Received, 0.0, 1);
        let event = insert_event(job.id, (EventKind::Stage, &told), now);
        let mut insert = insert_statement(&job, &standing, now)?;
        insert.push(" RETURNING events AS number");
        let claim = Claim {
            job: job.id,
            attempt: 1,
            tries: 1,
            payload: job.payload,
        };
        let written = self.database.write_in_turn::<Number>(vec![insert], event);
        written.await?.ok_or_else(|| claim.stale())?;
        Ok(claim)
    }

    /// Claims the job that waits longest: one that is queued, or one whose lease has run out. Of many
    /// who ask at once each gets another. `None` when nothing is to be done.
    ///
    /// # Errors
    /// [`StoreError::UnreadableJob`]; [`StoreError`] of the database.
    pub async fn claim(
        &self,
        terms: &ClaimTerms,
        now: OffsetDateTime,
    ) -> Result<Option<Claim>, StoreError> {
        // A statement that writes is a writer in SQLite from its beginning: nobody comes between the
        // choice and the change.
        let mut update = Statement::new(
            "UPDATE jobs SET state = 'running', attempt = attempt + 1, tries = tries + 1, worker = ",
        );
        update.value(terms.worker.to_string());
        update
            .push(", lease_until_us = ")
            .value(unix_microseconds(now + terms.lease));
        update
            .push(", updated_at_us = ")
            .value(unix_microseconds(now));
        update.push(" WHERE id = (SELECT id FROM jobs WHERE ");
        is_claimable(&mut update, terms, now);
        update
            .push(" ORDER BY id LIMIT 1")
            .push(self.database.skip_locked());
        update.push(") RETURNING ").push(JOB_COLUMNS);
        let mut rows = self.database.write::<JobRow>(update).await?;
        let job = rows.pop().map(JobRow::read).transpose()?;
        Ok(job.map(|job| Claim {
            job: job.id,
            attempt: job.attempt,
            tries: job.tries,
            payload: job.payload,
        }))
    }

    /// Whether there is a job to claim, by a look that holds nobody up.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn any_to_claim(
        &self,
        terms: &ClaimTerms,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut statement = Statement::new("SELECT events AS number FROM jobs WHERE ");
        is_claimable(&mut statement, terms, now);
        statement.push(" LIMIT 1");
        Ok(!self.database.read::<Number>(statement).await?.is_empty())
    }

    /// Whether the job is still the claimant's.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn holds(&self, claim: &Claim) -> Result<bool, StoreError> {
        let mut statement = Statement::new("SELECT events AS number FROM jobs WHERE ");
        is_held(&mut statement, claim);
        Ok(!self.database.read::<Number>(statement).await?.is_empty())
    }

    /// Keeps the job for another lease.
    ///
    /// # Errors
    /// [`StoreError::Stale`]; [`StoreError`] of the database.
    pub async fn renew(
        &self,
        claim: &Claim,
        lease: Duration,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let mut update = Statement::new("UPDATE jobs SET lease_until_us = ");
        update.value(unix_microseconds(now + lease)).push(" WHERE ");
        is_held(&mut update, claim);
        update.push(" RETURNING events AS number");
        match self.database.write::<Number>(update).await?.is_empty() {
            true => Err(claim.stale()),
            false => Ok(()),
        }
    }

    /// Keeps the job until it is lost: looks every second whether it still is the claimant's, and renews it
    /// after each third of a lease. A database that is away loses nothing yet.
    pub async fn keep_until_lost(
        &self,
        claim: &Claim,
        lease: Duration,
        clock: fn() -> OffsetDateTime,
    ) -> StoreError {
        let mut renewed_at = Instant::now();
        loop {
            tokio::time::sleep(LOOK_EVERY.min(lease / 3)).await;
            let is_due = renewed_at.elapsed() >= lease / 3;
            let is_held = match is_due {
                true => self.renew(claim, lease, clock()).await.map(|()| true),
                false => self.holds(claim).await,
            };
            match is_held {
                Ok(true) if is_due => renewed_at = Instant::now(),
                Ok(true) => {}
                Ok(false) => return claim.stale(),
                Err(lost @ StoreError::Stale { .. }) => return lost,
                Err(error) => {
                    tracing::debug!(%error, job = %claim.job, "whether a job is still held is not known");
                }
            }
        }
    }

    /// Tells where the analysis stands, and keeps the job for another lease.
    ///
    /// # Errors
    /// [`StoreError::Stale`]; [`StoreError`] of the database.
    pub async fn report_stage(
        &self,
        claim: &Claim,
        (stage, progress): (Stage, f64),
        lease: Duration,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let mut update = Statement::new("UPDATE jobs SET stage = ");
        update.value(stage.as_str());
        update.push(", progress = ").value(progress.clamp(0.0, 1.0));
        update
            .push(", lease_until_us = ")
            .value(unix_microseconds(now + lease));
        finish_update(&mut update, claim, now);
        let told = stage_body(stage, progress, claim.attempt);
        self.report(claim, update, (EventKind::Stage, &told), now)
            .await
    }

    /// Tells the scores of one person's faces.
    ///
    /// # Errors
    /// [`StoreError::Stale`]; [`StoreError`] of the database.
    pub async fn report_scores(
        &self,
        claim: &Claim,
        scores: &Json,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let mut update = Statement::new("UPDATE jobs SET worker = worker");
        finish_update(&mut update, claim, now);
        self.report(claim, update, (EventKind::Scores, scores), now)
            .await
    }

    async fn report(
        &self,
        claim: &Claim,
        update: Statement,
        event: (EventKind, &Json),
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let guards = vec![update, insert_event(claim.job, event, now)];
        let prune = prune_statement(claim.job);
        let written = self.database.write_in_turn::<Number>(guards, prune);
        written.await?.map(drop).ok_or_else(|| claim.stale())
    }
}

fn is_claimable(statement: &mut Statement, terms: &ClaimTerms, now: OffsetDateTime) {
    let now_us = unix_microseconds(now);
    statement
        .push("((state = 'queued' AND not_before_us <= ")
        .value(now_us);
    statement
        .push(") OR (state = 'running' AND lease_until_us < ")
        .value(now_us);
    statement
        .push(" AND tries < ")
        .value(i64::from(terms.max_tries))
        .push("))");
}

/// Raises the number of events and fences the change.
pub(super) fn finish_update(update: &mut Statement, claim: &Claim, now: OffsetDateTime) {
    update
        .push(", events = events + 1, updated_at_us = ")
        .value(unix_microseconds(now));
    update.push(" WHERE ");
    is_held(update, claim);
    update.push(" RETURNING events AS number");
}

fn is_held(statement: &mut Statement, claim: &Claim) {
    statement
        .push("state = 'running' AND id = ")
        .value(claim.job.to_string());
    statement
        .push(" AND attempt = ")
        .value(i64::try_from(claim.attempt).unwrap_or(i64::MAX));
}
