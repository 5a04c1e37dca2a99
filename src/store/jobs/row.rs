//! A job as the database holds it.

use std::fmt::Display;

use time::OffsetDateTime;

use super::super::error::StoreError;
use super::super::reader::{KeyId, Reader};
use super::super::statement::Statement;
use super::job::{Job, JobId, JobReason};
use crate::domain::{AnalysisId, Stage};

/// What [`JobRow`] reads.
pub(super) const JOB_COLUMNS: &str = "id, owner, state, attempt, tries, payload, stage, progress, \
    reason_code, reason, analysis, fingerprint, events, created_at_us, updated_at_us";

/// A job as the database holds it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct JobRow {
    id: String,
    owner: Option<i64>,
    state: String,
    attempt: i64,
    tries: i64,
    payload: String,
    stage: String,
    progress: f64,
    reason_code: Option<String>,
    reason: Option<String>,
    analysis: Option<String>,
    fingerprint: Option<String>,
    events: i64,
    created_at_us: i64,
    updated_at_us: i64,
}

/// The name of a job, as a deletion answers it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct NameRow {
    id: String,
}

/// A job and the attempt that has it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct HeldRow {
    id: String,
    pub(super) attempt: i64,
}

/// Reads jobs; a condition follows.
pub(super) fn select_jobs() -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement.push(JOB_COLUMNS).push(" FROM jobs WHERE ");
    statement
}

/// Appends that the job is `id` and `reader`'s to read.
pub(super) fn is_readable(statement: &mut Statement, id: JobId, reader: Reader) {
    statement.push("id = ").value(id.to_string());
    if let Some(key) = reader.key() {
        statement.push(" AND owner = ").value(key.get());
    }
}

impl JobRow {
    pub(super) fn read(self) -> Result<Job, StoreError> {
        let id = self.id.clone();
        let unreadable = |what: &dyn Display| StoreError::UnreadableJob {
            id: id.clone(),
            reason: what.to_string(),
        };
        let moment = |at_us: i64| {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_us) * 1_000)
                .map_err(|error| unreadable(&error))
        };
        let analysis = match &self.analysis {
            None => None,
            Some(name) => {
                let named = AnalysisId::parse(name);
                Some(named.ok_or_else(|| unreadable(&"it names no analysis"))?)
            }
        };
        let stage = Stage::of_word(&self.stage);
        Ok(Job {
            id: JobId::parse(&self.id).ok_or_else(|| unreadable(&"it has no name"))?,
            owner: self.owner.map(KeyId::new),
            state: self.state.parse().map_err(|error| unreadable(&error))?,
            stage: stage.ok_or_else(|| unreadable(&"it is at no stage"))?,
            progress: self.progress,
            attempt: self.attempt.unsigned_abs(),
            tries: u32::try_from(self.tries).map_err(|error| unreadable(&error))?,
            payload: serde_json::from_str(&self.payload).map_err(|error| unreadable(&error))?,
            reason: self.reason_code.map(|code| JobReason {
                code,
                message: self.reason.unwrap_or_default(),
            }),
            analysis,
            fingerprint: self.fingerprint,
            events: self.events.unsigned_abs(),
            created_at: moment(self.created_at_us)?,
            updated_at: moment(self.updated_at_us)?,
        })
    }
}

impl NameRow {
    /// `None` for a name that no job of ours has.
    pub(super) fn read(&self) -> Option<JobId> {
        JobId::parse(&self.id)
    }
}

impl HeldRow {
    /// `None` for a name that no job of ours has.
    pub(super) fn job(&self) -> Option<JobId> {
        JobId::parse(&self.id)
    }
}
