//! The queue as those who keep it in order see it.

use time::OffsetDateTime;

use super::super::error::StoreError;
use super::super::history::unix_microseconds;
use super::super::reader::Reader;
use super::super::row::Number;
use super::super::statement::Statement;
use super::event::{EventKind, insert_event};
use super::job::{Job, JobId, JobReason, JobState};
use super::leave::{set_aside_body, set_reason};
use super::queue::{JobStore, stage_body};
use super::row::{HeldRow, JobRow, NameRow, select_jobs};
use crate::domain::Stage;

/// Most jobs that one look takes care of; the next look takes the rest.
const AT_ONCE: i64 = 100;

impl JobStore {
    /// Sets aside the jobs whose lease has run out and that were tried `max_tries` times: whoever had
    /// them died each time. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn set_lapsed_aside(
        &self,
        max_tries: u32,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let mut statement = Statement::new(
            "SELECT id, attempt FROM jobs WHERE state = 'running' AND lease_until_us < ",
        );
        statement
            .value(unix_microseconds(now))
            .push(" AND tries >= ");
        statement
            .value(i64::from(max_tries))
            .push(" LIMIT ")
            .value(AT_ONCE);
        let mut set_aside = 0;
        for lapsed in self.database.read::<HeldRow>(statement).await? {
            set_aside += u64::from(self.set_one_aside(&lapsed, now).await?);
        }
        Ok(set_aside)
    }

    /// `false` when its worker came back, or somebody else saw to it.
    async fn set_one_aside(
        &self,
        lapsed: &HeldRow,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let Some(job) = lapsed.job() else {
            return Ok(false);
        };
        let reason = JobReason {
            code: "worker-lost".into(),
            message: "every worker that had it ended in the middle or fell silent".into(),
        };
        let mut update = Statement::new(
            "UPDATE jobs SET state = 'set-aside', worker = NULL, lease_until_us = NULL",
        );
        set_reason(&mut update, &reason);
        changed(&mut update, now).push(" WHERE state = 'running' AND lease_until_us < ");
        update.value(unix_microseconds(now)).push(" AND attempt = ");
        update.value(lapsed.attempt).push(" AND id = ");
        update
            .value(job.to_string())
            .push(" RETURNING events AS number");
        let told = set_aside_body(&reason.code);
        let event = insert_event(job, (EventKind::End, &told), now);
        let written = self.database.write_in_turn::<Number>(vec![update], event);
        Ok(written.await?.is_some())
    }

    /// The latest `limit` jobs, all or those of one state, newest first.
    ///
    /// # Errors
    /// [`StoreError::UnreadableJob`]; [`StoreError`] of the database.
    pub async fn list(&self, state: Option<JobState>, limit: u32) -> Result<Vec<Job>, StoreError> {
        let mut statement = select_jobs();
        match state {
            Some(state) => statement.push("state = ").value(state.as_str()),
            None => statement.push("1 = 1"),
        };
        statement
            .push(" ORDER BY id DESC LIMIT ")
            .value(i64::from(limit));
        let rows = self.database.read::<JobRow>(statement).await?;
        rows.into_iter().map(JobRow::read).collect()
    }

    /// Puts a job that was set aside back into the queue, with all its tries before it; `false` when
    /// there is none of this name.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn retry(&self, id: JobId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut update = Statement::new(
            "UPDATE jobs SET state = 'queued', tries = 0, stage = 'received', progress = 0.0, \
             reason_code = NULL, reason = NULL, not_before_us = ",
        );
        update.value(unix_microseconds(now));
        changed(&mut update, now).push(" WHERE state = 'set-aside' AND id = ");
        update
            .value(id.to_string())
            .push(" RETURNING events AS number");
        let told = stage_body(Stage::Received, 0.0, 0);
        let event = insert_event(id, (EventKind::Stage, &told), now);
        let written = self.database.write_in_turn::<Number>(vec![update], event);
        let is_queued = written.await?.is_some();
        self.tell();
        Ok(is_queued)
    }

    /// Forgets a job, whatever its state; `false` when there is none of this name. Its upload is the
    /// caller's to remove.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn forget(&self, id: JobId) -> Result<bool, StoreError> {
        let mut statement = Statement::new("DELETE FROM jobs WHERE id = ");
        statement.value(id.to_string()).push(" RETURNING id");
        let forgotten = self.database.write::<NameRow>(statement).await?;
        self.tell();
        Ok(!forgotten.is_empty())
    }

    /// Forgets the jobs that ended before `limit`; answers which. Their uploads are the caller's to
    /// remove.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn expire(&self, limit: OffsetDateTime) -> Result<Vec<JobId>, StoreError> {
        let mut statement = Statement::new(
            "DELETE FROM jobs WHERE state NOT IN ('queued', 'running') AND updated_at_us < ",
        );
        statement
            .value(unix_microseconds(limit))
            .push(" RETURNING id");
        let forgotten = self.database.write::<NameRow>(statement).await?;
        Ok(forgotten.iter().filter_map(NameRow::read).collect())
    }

    /// The state of a job, whoever sent it; `None` when there is none of this name.
    pub(in crate::store) async fn state_of(
        &self,
        id: JobId,
    ) -> Result<Option<JobState>, StoreError> {
        let job = self.get(id, Reader::Unrestricted).await?;
        Ok(job.map(|job| job.state))
    }
}

/// Raises the number of events of a job that changes.
fn changed(update: &mut Statement, now: OffsetDateTime) -> &mut Statement {
    update
        .push(", events = events + 1, updated_at_us = ")
        .value(unix_microseconds(now))
}
