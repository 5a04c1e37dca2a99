//! API keys: who may ask for what, and how often a day.
//!
//! A secret is never stored, only its SHA-256. A database's index takes longer the more of what it
//! is asked for is right, so it picks by the beginning of the digest alone; the whole is compared
//! here, in constant time. Keys are looked up for every request, so that a revoked one is refused
//! at once, on every replica.

use std::str::FromStr;

use subtle::ConstantTimeEq as _;
use thiserror::Error;
use time::OffsetDateTime;

use super::database::Database;
use super::error::StoreError;
use super::history::unix_microseconds;
use super::reader::KeyId;
use super::row::Number;
use super::statement::{Statement, Value};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Have files analysed.
    Analyse,
    /// Read the analyses made with the same key.
    History,
    /// Look at models, load and unload them.
    Models,
    /// Sign and verify.
    Integrity,
    /// Everything, on everybody's analyses.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::Analyse,
        Self::History,
        Self::Models,
        Self::Integrity,
        Self::Admin,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Analyse => "analyse",
            Self::History => "history",
            Self::Models => "models",
            Self::Integrity => "integrity",
            Self::Admin => "admin",
        }
    }
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a scope is analyse, history, models, integrity or admin")]
pub struct ScopeError;

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(word: &str) -> Result<Self, ScopeError> {
        let scope = Self::ALL.into_iter().find(|scope| scope.as_str() == word);
        scope.ok_or(ScopeError)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// For people.
    pub name: String,
    /// SHA-256 of the secret, lower-case hex.
    pub secret_sha256: String,
    /// What it is for.
    pub scopes: Vec<Scope>,
    /// Analyses a day (UTC); `None`: as many as the rate limits allow.
    pub quota_per_day: Option<u32>,
}

/// A key, without anything that would let in who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its number.
    pub id: KeyId,
    /// For people.
    pub name: String,
    /// What it is for.
    pub scopes: Vec<Scope>,
    /// Analyses a day (UTC).
    pub quota_per_day: Option<u32>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Since when it is refused.
    pub revoked_at: Option<OffsetDateTime>,
}

impl ApiKey {
    /// Whether it is for this; an administrator's is for everything.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.is_admin()
    }

    /// Whether everybody's analyses are its holder's to read.
    pub fn is_admin(&self) -> bool {
        self.scopes.contains(&Scope::Admin)
    }
}

/// The keys. Clones share one store.
#[derive(Debug, Clone)]
pub struct KeyStore {
    pub(super) database: Database,
}

#[derive(Debug, sqlx::FromRow)]
struct KeyRow {
    number: i64,
    secret_sha256: String,
    name: String,
    scopes: String,
    quota_per_day: Option<i64>,
    created_at_us: i64,
    revoked_at_us: Option<i64>,
}

/// How many hex digits of a digest the database is shown. 64 of its 256 bits pick one key in
/// practice, and what they might betray is no way to a secret.
const PICKING_DIGITS: usize = 16;

const SELECT: &str = "SELECT number, secret_sha256, name, scopes, quota_per_day, created_at_us, \
                      revoked_at_us FROM api_keys";

impl KeyStore {
    /// Keeps a new key and gives it its number.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn create(&self, key: &NewKey, now: OffsetDateTime) -> Result<KeyId, StoreError> {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut statement = Statement::new(
            "INSERT INTO api_keys (name, secret_sha256, scopes, quota_per_day, created_at_us) \
             VALUES (",
        );
        statement.values([
            Value::from(key.name.as_str()),
            key.secret_sha256.as_str().into(),
            scopes.join(",").into(),
            key.quota_per_day.map(i64::from).into(),
            unix_microseconds(now).into(),
        ]);
        statement.push(") RETURNING number");
        let rows = self.database.write::<Number>(statement).await?;
        let row = rows.first();
        row.map(|row| KeyId::new(row.number))
            .ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// Every key, revoked ones included, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        let mut statement = Statement::new(SELECT);
        statement.push(" ORDER BY number");
        let rows = self.database.read::<KeyRow>(statement).await?;
        rows.into_iter().map(KeyRow::read).collect()
    }

    /// The key with this secret; `None` when there is none or it is revoked.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn find(&self, secret_sha256: &str) -> Result<Option<ApiKey>, StoreError> {
        let beginning = secret_sha256.get(..PICKING_DIGITS).unwrap_or(secret_sha256);
        let mut statement = Statement::new(SELECT);
        statement.push(" WHERE revoked_at_us IS NULL AND secret_sha256 >= ");
        // `g` follows every hex digit: the index finds the range, where LIKE might not use it.
        statement.value(beginning).push(" AND secret_sha256 < ");
        statement.value(format!("{beginning}g"));
        let picked = self.database.read::<KeyRow>(statement).await?;
        let same = |key: &KeyRow| {
            let (kept, sent) = (key.secret_sha256.as_bytes(), secret_sha256.as_bytes());
            bool::from(kept.ct_eq(sent))
        };
        picked.into_iter().find(same).map(KeyRow::read).transpose()
    }

    /// Refuses a key from now on; `false` when there is none of this number or it was refused
    /// already.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn revoke(&self, id: KeyId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut statement = Statement::new("UPDATE api_keys SET revoked_at_us = ");
        statement.value(unix_microseconds(now));
        statement.push(" WHERE revoked_at_us IS NULL AND number = ");
        statement.value(id.get()).push(" RETURNING number");
        let rows = self.database.write::<Number>(statement).await?;
        Ok(!rows.is_empty())
    }

    /// Whether there has ever been a key. A service whose last key is revoked stays closed.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn any(&self) -> Result<bool, StoreError> {
        let statement = Statement::new("SELECT number FROM api_keys LIMIT 1");
        Ok(!self.database.read::<Number>(statement).await?.is_empty())
    }

    /// Takes one of `quota` analyses of the day of `now`; answers how many are left, `None` when
    /// none was. Exact also when several replicas count.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn spend(
        &self,
        id: KeyId,
        quota: u32,
        now: OffsetDateTime,
    ) -> Result<Option<u32>, StoreError> {
        let day = now.unix_timestamp().div_euclid(86_400);
        let mut statement = Statement::new("INSERT INTO key_usage (key, day, analyses) VALUES (");
        statement.values([Value::from(id.get()), day.into(), 1.into()]);
        statement.push(
            ") ON CONFLICT (key, day) DO UPDATE SET analyses = key_usage.analyses + 1 \
             WHERE key_usage.analyses < ",
        );
        statement.value(i64::from(quota));
        statement.push(" RETURNING analyses AS number");
        let rows = self.database.write::<Number>(statement).await?;
        let used = rows.first().and_then(|row| u32::try_from(row.number).ok());
        Ok(used.map(|used| quota.saturating_sub(used)))
    }
}

impl KeyRow {
    fn read(self) -> Result<ApiKey, StoreError> {
        let unreadable = |reason: String| StoreError::UnreadableKey {
            id: self.number,
            reason,
        };
        let words = self.scopes.split(',').filter(|word| !word.is_empty());
        let scopes: Result<Vec<Scope>, ScopeError> = words.map(str::parse).collect();
        let moment = |at_us: i64| {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_us) * 1_000)
                .map_err(|error| unreadable(error.to_string()))
        };
        Ok(ApiKey {
            id: KeyId::new(self.number),
            scopes: scopes.map_err(|error| unreadable(error.to_string()))?,
            quota_per_day: self
                .quota_per_day
                .and_then(|quota| u32::try_from(quota).ok()),
            created_at: moment(self.created_at_us)?,
            revoked_at: self.revoked_at_us.map(moment).transpose()?,
            name: self.name,
        })
    }
}
