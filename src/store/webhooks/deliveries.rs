//! What is to be delivered, and what became of it.

use std::str::FromStr;
use std::time::Duration;

use time::OffsetDateTime;

use super::super::error::StoreError;
use super::super::history::unix_microseconds;
use super::super::row::Number;
use super::super::statement::Statement;
use super::WebhookStore;
use super::hooks::{WebhookId, moment};

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried, now or later.
    Waiting,
    /// It arrived.
    Delivered,
    /// It was tried too often, or its webhook was removed.
    GivenUp,
}

impl DeliveryState {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given-up",
        }
    }
}

impl FromStr for DeliveryState {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "waiting" => Ok(Self::Waiting),
            "delivered" => Ok(Self::Delivered),
            "given-up" => Ok(Self::GivenUp),
            other => Err(format!("it has a delivery in the state {other:?}")),
        }
    }
}

/// A delivery that somebody makes a try at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub webhook: WebhookId,
    /// Name of the job that ended.
    pub job: String,
    /// Number of the event that ended it.
    pub event: u64,
    /// What that event tells, JSON.
    pub body: String,
    /// When it happened.
    pub at: OffsetDateTime,
    /// Tries, this one included.
    pub tries: u32,
    /// Where it goes.
    pub url: String,
    /// What it is signed with.
    pub secret: String,
}

/// Why a try failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFailure {
    /// Status of the answer, where there was one.
    pub status: Option<u16>,
    /// In words, without secrets.
    pub problem: String,
}

/// A delivery as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryEntry {
    /// To whom.
    pub webhook: WebhookId,
    /// Name of the job that ended.
    pub job: String,
    /// What became of it.
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: u32,
    /// Not tried again before this moment.
    pub not_before: OffsetDateTime,
    /// Status of the last answer.
    pub status: Option<u16>,
    /// Why the last try failed.
    pub problem: Option<String>,
    /// When the job ended.
    pub created_at: OffsetDateTime,
}

#[derive(Debug, sqlx::FromRow)]
struct ClaimRow {
    webhook: i64,
    job: String,
    event: i64,
    body: String,
    tries: i64,
    created_at_us: i64,
}

#[derive(Debug, sqlx::FromRow)]
struct EntryRow {
    webhook: i64,
    job: String,
    state: String,
    tries: i64,
    not_before_us: i64,
    status: Option<i64>,
    problem: Option<String>,
    created_at_us: i64,
}

impl WebhookStore {
    /// Begins a try at the delivery that is due longest, which is nobody else's for `lease`. Of many who
    /// ask at once each gets another. `None` when nothing is due.
    ///
    /// # Errors
    /// [`StoreError::UnreadableWebhook`]; [`StoreError`] of the database.
    pub async fn claim(
        &self,
        lease: Duration,
        now: OffsetDateTime,
    ) -> Result<Option<Delivery>, StoreError> {
        let now_us = unix_microseconds(now);
        let mut update =
            Statement::new("UPDATE webhook_deliveries SET tries = tries + 1, not_before_us = ");
        update.value(unix_microseconds(now + lease));
        update.push(", updated_at_us = ").value(now_us);
        update.push(
            " WHERE (webhook, job, event) = (SELECT webhook, job, event FROM webhook_deliveries \
             WHERE state = 'waiting' AND not_before_us <= ",
        );
        update.value(now_us).push(" ORDER BY not_before_us LIMIT 1");
        update.push(self.database.skip_locked());
        update.push(") RETURNING webhook, job, event, body, tries, created_at_us");
        let Some(row) = self.database.write::<ClaimRow>(update).await?.pop() else {
            return Ok(None);
        };
        // Removed in this very moment: its deliveries are given up by whoever removed it.
        let Some(target) = self.target(row.webhook).await? else {
            return Ok(None);
        };
        Ok(Some(Delivery {
            at: moment(row.webhook, row.created_at_us)?,
            webhook: WebhookId::new(row.webhook),
            job: row.job,
            event: row.event.unsigned_abs(),
            body: row.body,
            tries: tries(row.webhook, row.tries)?,
            url: target.url,
            secret: target.secret,
        }))
    }

    /// Whether a delivery is due, by a look that holds nobody up.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn any_due(&self, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut statement = Statement::new(
            "SELECT webhook AS number FROM webhook_deliveries WHERE state = 'waiting' AND \
             not_before_us <= ",
        );
        statement.value(unix_microseconds(now)).push(" LIMIT 1");
        Ok(!self.database.read::<Number>(statement).await?.is_empty())
    }

    /// The delivery arrived; `false`, and nothing is written, when another try has begun.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn delivered(
        &self,
        delivery: &Delivery,
        status: u16,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut update = Statement::new(
            "UPDATE webhook_deliveries SET state = 'delivered', problem = NULL, status = ",
        );
        update.value(i64::from(status));
        self.settle(update, delivery, now).await
    }

    /// The try failed; the next is made at `again`, or none where it is `None`. `false`, and nothing is
    /// written, when another try has begun.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn not_delivered(
        &self,
        delivery: &Delivery,
        failure: &DeliveryFailure,
        again: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut update = Statement::new("UPDATE webhook_deliveries SET status = ");
        update.value(failure.status.map(i64::from));
        update.push(", problem = ").value(failure.problem.as_str());
        match again {
            Some(at) => update
                .push(", not_before_us = ")
                .value(unix_microseconds(at)),
            None => update.push(", state = 'given-up'"),
        };
        self.settle(update, delivery, now).await
    }

    async fn settle(
        &self,
        mut update: Statement,
        delivery: &Delivery,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        update
            .push(", updated_at_us = ")
            .value(unix_microseconds(now));
        update
            .push(" WHERE state = 'waiting' AND webhook = ")
            .value(delivery.webhook.get());
        update.push(" AND job = ").value(delivery.job.as_str());
        update
            .push(" AND event = ")
            .value(i64::try_from(delivery.event).unwrap_or(i64::MAX));
        update
            .push(" AND tries = ")
            .value(i64::from(delivery.tries));
        update.push(" RETURNING tries AS number");
        Ok(!self.database.write::<Number>(update).await?.is_empty())
    }

    /// Has everything that was given up for this webhook tried again from the beginning; answers how
    /// much.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn retry(&self, id: WebhookId, now: OffsetDateTime) -> Result<u64, StoreError> {
        let now_us = unix_microseconds(now);
        let mut update = Statement::new(
            "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, not_before_us = ",
        );
        update
            .value(now_us)
            .push(", updated_at_us = ")
            .value(now_us);
        update
            .push(" WHERE state = 'given-up' AND webhook = ")
            .value(id.get());
        update.push(
            " AND EXISTS (SELECT 1 FROM webhooks WHERE number = webhook AND removed_at_us IS NULL) \
             RETURNING webhook AS number",
        );
        Ok(self.database.write::<Number>(update).await?.len() as u64)
    }

    /// The latest `limit` deliveries, all or those in one state, newest first.
    ///
    /// # Errors
    /// [`StoreError::UnreadableWebhook`]; [`StoreError`] of the database.
    pub async fn deliveries(
        &self,
        state: Option<DeliveryState>,
        limit: u32,
    ) -> Result<Vec<DeliveryEntry>, StoreError> {
        let mut statement = Statement::new(
            "SELECT webhook, job, state, tries, not_before_us, status, problem, created_at_us \
             FROM webhook_deliveries",
        );
        if let Some(state) = state {
            statement.push(" WHERE state = ").value(state.as_str());
        }
        statement
            .push(" ORDER BY created_at_us DESC, job, webhook LIMIT ")
            .value(i64::from(limit));
        let rows = self.database.read::<EntryRow>(statement).await?;
        rows.into_iter().map(EntryRow::read).collect()
    }

    /// Forgets deliveries of jobs that ended before `limit` and that nothing more is done for; answers
    /// how many.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn forget_before(&self, limit: OffsetDateTime) -> Result<u64, StoreError> {
        let mut statement = Statement::new(
            "DELETE FROM webhook_deliveries WHERE state <> 'waiting' AND created_at_us < ",
        );
        statement
            .value(unix_microseconds(limit))
            .push(" RETURNING webhook AS number");
        Ok(self.database.write::<Number>(statement).await?.len() as u64)
    }
}

impl EntryRow {
    fn read(self) -> Result<DeliveryEntry, StoreError> {
        let unreadable = |reason: String| StoreError::UnreadableWebhook {
            id: self.webhook,
            reason,
        };
        Ok(DeliveryEntry {
            webhook: WebhookId::new(self.webhook),
            state: self.state.parse().map_err(unreadable)?,
            tries: tries(self.webhook, self.tries)?,
            not_before: moment(self.webhook, self.not_before_us)?,
            status: self.status.and_then(|status| u16::try_from(status).ok()),
            problem: self.problem,
            created_at: moment(self.webhook, self.created_at_us)?,
            job: self.job,
        })
    }
}

fn tries(webhook: i64, tries: i64) -> Result<u32, StoreError> {
    u32::try_from(tries).map_err(|error| StoreError::UnreadableWebhook {
        id: webhook,
        reason: error.to_string(),
    })
}
