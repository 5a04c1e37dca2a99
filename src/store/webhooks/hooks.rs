//! The webhooks themselves.

use time::OffsetDateTime;

use super::super::error::StoreError;
use super::super::history::unix_microseconds;
use super::super::reader::KeyId;
use super::super::row::Number;
use super::super::statement::{Statement, Value};
use super::WebhookStore;

/// Number of a webhook, given by the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WebhookId(i64);

impl WebhookId {
    /// Wraps a number the database gave.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for WebhookId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A webhook to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Where messages go.
    pub url: String,
    /// What they are signed with.
    pub secret: String,
    /// Only jobs sent with this key; `None`: all jobs.
    pub owner: Option<KeyId>,
}

/// A webhook, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its number.
    pub id: WebhookId,
    /// Where messages go.
    pub url: String,
    /// Only jobs sent with this key; `None`: all jobs.
    pub owner: Option<KeyId>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Since when nothing is sent to it.
    pub removed_at: Option<OffsetDateTime>,
}

#[derive(Debug, sqlx::FromRow)]
struct HookRow {
    number: i64,
    url: String,
    owner: Option<i64>,
    created_at_us: i64,
    removed_at_us: Option<i64>,
}

/// Where a message goes, and what it is signed with.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct TargetRow {
    pub(super) url: String,
    pub(super) secret: String,
}

impl WebhookStore {
    /// Keeps a new webhook and gives it its number. It is told of jobs that end from now on.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn create(
        &self,
        hook: &NewWebhook,
        now: OffsetDateTime,
    ) -> Result<WebhookId, StoreError> {
        let mut statement =
            Statement::new("INSERT INTO webhooks (url, secret, owner, created_at_us) VALUES (");
        statement.values([
            Value::from(hook.url.as_str()),
            hook.secret.as_str().into(),
            hook.owner.map(KeyId::get).into(),
            unix_microseconds(now).into(),
        ]);
        statement.push(") RETURNING number");
        let rows = self.database.write::<Number>(statement).await?;
        let row = rows.first();
        row.map(|row| WebhookId::new(row.number))
            .ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// Every webhook, removed ones included, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn list(&self) -> Result<Vec<Webhook>, StoreError> {
        let statement = Statement::new(
            "SELECT number, url, owner, created_at_us, removed_at_us FROM webhooks ORDER BY number",
        );
        let rows = self.database.read::<HookRow>(statement).await?;
        rows.into_iter().map(HookRow::read).collect()
    }

    /// Sends nothing to a webhook from now on, not even what waits; `false` when there is none of this
    /// number or it was removed already.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn remove(&self, id: WebhookId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let now_us = unix_microseconds(now);
        let mut remove = Statement::new("UPDATE webhooks SET removed_at_us = ");
        remove.value(now_us);
        remove.push(" WHERE removed_at_us IS NULL AND number = ");
        remove.value(id.get()).push(" RETURNING number");
        let mut give_up = Statement::new(
            "UPDATE webhook_deliveries SET state = 'given-up', problem = 'the webhook was removed', \
             updated_at_us = ",
        );
        give_up.value(now_us);
        give_up.push(" WHERE state = 'waiting' AND webhook = ");
        give_up.value(id.get()).push(" RETURNING webhook AS number");
        let written = self
            .database
            .write_in_turn::<Number>(vec![remove], give_up)
            .await?;
        Ok(written.is_some())
    }

    /// Where the messages of a webhook go; `None` once it is removed.
    pub(super) async fn target(&self, id: i64) -> Result<Option<TargetRow>, StoreError> {
        let mut statement = Statement::new(
            "SELECT url, secret FROM webhooks WHERE removed_at_us IS NULL AND number = ",
        );
        statement.value(id);
        Ok(self.database.read::<TargetRow>(statement).await?.pop())
    }
}

impl HookRow {
    fn read(self) -> Result<Webhook, StoreError> {
        Ok(Webhook {
            id: WebhookId::new(self.number),
            url: self.url,
            owner: self.owner.map(KeyId::new),
            created_at: moment(self.number, self.created_at_us)?,
            removed_at: (self.removed_at_us)
                .map(|at_us| moment(self.number, at_us))
                .transpose()?,
        })
    }
}

/// A moment that the row of a webhook states.
pub(super) fn moment(webhook: i64, at_us: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_us) * 1_000).map_err(|error| {
        StoreError::UnreadableWebhook {
            id: webhook,
            reason: error.to_string(),
        }
    })
}
