//! How a worker leaves a job: with its record, with a reason, or for another try.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::super::document::insert_statement;
use super::super::error::StoreError;
use super::super::history::unix_microseconds;
use super::super::row::{Number, given_number};
use super::super::statement::Statement;
use super::super::submission::Submission;
use super::claim::{Claim, finish_update};
use super::event::{EventKind, insert_event};
use super::job::{JobReason, JobState};
use super::queue::{JobStore, stage_body};
use crate::domain::{Analysis, Stage};

impl JobStore {
    /// Ends the job with its record, which is stored in the same transaction, and answers the record's
    /// number.
    ///
    /// # Errors
    /// [`StoreError::Stale`], and nothing is stored; as
    /// [`RecordStore::insert`](super::super::RecordStore::insert).
    pub(in crate::store) async fn finish(
        &self,
        claim: &Claim,
        (analysis, submission): (&Analysis, &Submission),
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let record = insert_statement(analysis, submission)?;
        let mut update = Statement::new("UPDATE jobs SET state = 'done', progress = 1.0");
        update.push(", analysis = ").value(analysis.id.to_string());
        end_lease(&mut update, claim, now);
        let told = json!({
            "state": "done",
            "analysis_id": analysis.id.to_string(),
            "verdict": analysis.verdict.label.as_str(),
            "probability_fake": (analysis.verdict.probability_fake)
                .map(|p| (f64::from(p.get()) * 1e6).round() / 1e6),
        });
        let guards = vec![
            update,
            insert_event(claim.job, (EventKind::End, &told), now),
        ];
        let written = self.database.write_in_turn::<Number>(guards, record).await;
        let written = written.map_err(|error| error.of_record(analysis.id))?;
        let rows = written.ok_or_else(|| claim.stale())?;
        self.tell();
        given_number(&rows)
    }

    /// Ends the job without a record: the file is at fault.
    ///
    /// # Errors
    /// [`StoreError::Stale`]; [`StoreError`] of the database.
    pub async fn fail(
        &self,
        claim: &Claim,
        reason: &JobReason,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let told = json!({
            "state": "failed",
            "reason": { "code": reason.code, "message": reason.message },
        });
        self.leave(claim, (JobState::Failed, reason), told, now)
            .await
    }

    /// Ends the job without a record: it was tried too often.
    ///
    /// # Errors
    /// [`StoreError::Stale`]; [`StoreError`] of the database.
    pub async fn set_aside(
        &self,
        claim: &Claim,
        reason: &JobReason,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let told = set_aside_body(&reason.code);
        self.leave(claim, (JobState::SetAside, reason), told, now)
            .await
    }

    async fn leave(
        &self,
        claim: &Claim,
        (state, reason): (JobState, &JobReason),
        told: Json,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let mut update = Statement::new("UPDATE jobs SET state = ");
        update.value(state.as_str());
        set_reason(&mut update, reason);
        end_lease(&mut update, claim, now);
        self.change(claim, update, (EventKind::End, &told), now)
            .await
    }

    /// Puts the job back into the queue after a try that failed, not to be claimed before `at`.
    ///
    /// # Errors
    /// [`StoreError::Stale`]; [`StoreError`] of the database.
    pub async fn try_again(
        &self,
        claim: &Claim,
        reason: &JobReason,
        at: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let mut update = Statement::new(
            "UPDATE jobs SET state = 'queued', stage = 'received', progress = 0.0, not_before_us = ",
        );
        update.value(unix_microseconds(at));
        set_reason(&mut update, reason);
        end_lease(&mut update, claim, now);
        let mut told = stage_body(Stage::Received, 0.0, claim.attempt);
        told["reason"] = json!({ "code": reason.code });
        self.change(claim, update, (EventKind::Stage, &told), now)
            .await
    }

    /// Puts the job back into the queue as if this try had never been, for whoever claims it next.
    ///
    /// # Errors
    /// [`StoreError::Stale`]; [`StoreError`] of the database.
    pub async fn give_back(&self, claim: &Claim, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut update = Statement::new(
            "UPDATE jobs SET state = 'queued', stage = 'received', progress = 0.0, tries = tries - 1",
        );
        end_lease(&mut update, claim, now);
        let told = stage_body(Stage::Received, 0.0, claim.attempt);
        self.change(claim, update, (EventKind::Stage, &told), now)
            .await
    }

    async fn change(
        &self,
        claim: &Claim,
        update: Statement,
        event: (EventKind, &Json),
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let event = insert_event(claim.job, event, now);
        let written = self.database.write_in_turn::<Number>(vec![update], event);
        written.await?.ok_or_else(|| claim.stale())?;
        self.tell();
        Ok(())
    }
}

/// What an event says of a job that was tried too often. Why each try failed is for whoever runs the
/// service.
pub(super) fn set_aside_body(code: &str) -> Json {
    json!({ "state": "set-aside", "reason": { "code": code } })
}

/// Appends why a job is not done.
pub(super) fn set_reason(update: &mut Statement, reason: &JobReason) {
    update.push(", reason_code = ").value(reason.code.as_str());
    update.push(", reason = ").value(reason.message.as_str());
}

fn end_lease(update: &mut Statement, claim: &Claim, now: OffsetDateTime) {
    update.push(", worker = NULL, lease_until_us = NULL");
    finish_update(update, claim, now);
}
