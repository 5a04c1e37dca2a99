//! Rows that every database can give.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};

use super::error::StoreError;

/// A row that every database can give.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{}

/// One number, as counts and `RETURNING` give.
#[derive(Debug, FromRow)]
pub(super) struct Number {
    pub(super) number: i64,
}

/// The number that the database gave to what was written.
pub(super) fn given_number(rows: &[Number]) -> Result<u64, StoreError> {
    let row = rows.first();
    row.map(|row| row.number.unsigned_abs())
        .ok_or(StoreError::Database(sqlx::Error::RowNotFound))
}

/// A step of a plan, in the database's own words.
#[derive(Debug)]
pub(super) struct PlanStep(pub(super) String);

impl FromRow<'_, SqliteRow> for PlanStep {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        row.try_get("detail").map(Self)
    }
}

impl FromRow<'_, PgRow> for PlanStep {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        row.try_get(0).map(Self)
    }
}
