//! The database behind the records, whichever it is: runs a [`Statement`] and answers rows.

use std::path::Path;

use super::error::StoreError;
use super::postgres::Postgres;
use super::row::{PlanStep, Row};
use super::sqlite::Sqlite;
use super::statement::Statement;

/// Cloning shares the connections.
#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Database {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(Postgres::open(url).await?));
        }
        let path = url
            .strip_prefix("sqlite://")
            .or_else(|| url.strip_prefix("sqlite:"))
            .filter(|path| !path.is_empty() && !path.contains(['?', '#']) && *path != ":memory:")
            .ok_or_else(|| StoreError::UnsupportedDatabase {
                url: without_password(url),
            })?;
        Ok(Self::Sqlite(Sqlite::open(Path::new(path)).await?))
    }

    /// Rows of a statement that only reads.
    pub(super) async fn read<T: Row>(&self, statement: Statement) -> Result<Vec<T>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(statement).await,
            Self::Postgres(postgres) => postgres.rows(statement).await,
        }
    }

    /// Rows of a statement that writes, in a transaction of its own.
    pub(super) async fn write<T: Row>(&self, statement: Statement) -> Result<Vec<T>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(statement).await,
            Self::Postgres(postgres) => postgres.rows(statement).await,
        }
    }

    /// Rows of the last of several statements that write, all in one transaction. `None`, and nothing
    /// is changed, where one of those before it answers no row.
    pub(super) async fn write_in_turn<T: Row>(
        &self,
        guards: Vec<Statement>,
        last: Statement,
    ) -> Result<Option<Vec<T>>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write_in_turn(guards, last).await,
            Self::Postgres(postgres) => postgres.write_in_turn(guards, last).await,
        }
    }

    /// What makes the choice of a row pass over those that others are just changing.
    pub(super) fn skip_locked(&self) -> &'static str {
        match self {
            // Others wait for their turn to write.
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// How it would carry a statement out.
    pub(super) async fn plan(&self, statement: Statement) -> Result<Vec<String>, StoreError> {
        let explain = match self {
            Self::Sqlite(_) => "EXPLAIN QUERY PLAN ",
            Self::Postgres(_) => "EXPLAIN ",
        };
        let mut explained = Statement::new(explain);
        explained.push(&statement.sql);
        explained.values = statement.values;
        let steps = self.read::<PlanStep>(explained).await?;
        Ok(steps.into_iter().map(|step| step.0).collect())
    }

    /// Whether it can be read and written now.
    pub(super) async fn health(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.health().await,
            Self::Postgres(postgres) => postgres.health().await,
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// `scheme://user:secret@host/…` without the secret, fit for an error message.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((_credentials, place)) => format!("{scheme}://…@{place}"),
        None => url.to_owned(),
    }
}
