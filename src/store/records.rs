//! The record store as its callers see it, whatever it rests on.

use crate::domain::{Analysis, AnalysisId};

use super::database::Database;
use super::document::{BatchRow, RecordRow, insert_batch_statement, insert_statement};
use super::error::StoreError;
use super::history::{
    HistoryFilter, PagePosition, RECORD_COLUMNS, Statistics, Totals, page_statement,
    statistics_statement,
};
use super::jobs::JobStore;
use super::keys::KeyStore;
use super::reader::Reader;
use super::request_log::RequestLog;
use super::row::{Number, given_number};
use super::statement::Statement;
use super::submission::{Batch, BatchId, Stored, Submission};
use super::webhooks::WebhookStore;

/// Most records one page holds.
pub const MAX_PAGE: u32 = 500;

/// Records of analyses. Clones share one store.
#[derive(Debug, Clone)]
pub struct RecordStore {
    pub(super) database: Database,
}

impl RecordStore {
    /// Opens what `url` names and brings its tables up to date. SQLite
    /// (`sqlite:///var/lib/framewitness/records.sqlite3`, `sqlite://data/records.sqlite3`) makes
    /// the file where needed; PostgreSQL (`postgres://user:password@host/database`) has it.
    ///
    /// # Errors
    /// [`StoreError::UnsupportedDatabase`], [`StoreError::DatabaseUrl`],
    /// [`StoreError::OpenDatabase`], [`StoreError::Migrate`].
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open(url).await?,
        })
    }

    /// Keeps an analysis and gives it its number. It is on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::DuplicateRecord`]; [`StoreError::UnstorableRecord`] for an analysis that
    /// would not read back; [`StoreError::DatabaseBusy`]; [`StoreError::DatabaseAway`];
    /// [`StoreError::Database`].
    pub async fn insert(
        &self,
        analysis: &Analysis,
        submission: &Submission,
    ) -> Result<u64, StoreError> {
        let statement = insert_statement(analysis, submission)?;
        let written = self.database.write::<Number>(statement).await;
        let written = written.map_err(|error| error.of_record(analysis.id))?;
        given_number(&written)
    }

    /// One analysis; `None` when none has this name or `reader` may not read it.
    ///
    /// # Errors
    /// [`StoreError::UnreadableRecord`]; [`StoreError::Database`].
    pub async fn get(&self, id: AnalysisId, reader: Reader) -> Result<Option<Stored>, StoreError> {
        let mut statement = record_statement(RECORD_COLUMNS, "id", reader);
        statement.value(id.to_string());
        self.one(statement).await
    }

    /// The analysis with this number; `None` as with [`Self::get`].
    ///
    /// # Errors
    /// [`StoreError::UnreadableRecord`]; [`StoreError::Database`].
    pub async fn get_by_number(
        &self,
        number: u64,
        reader: Reader,
    ) -> Result<Option<Stored>, StoreError> {
        let Ok(number) = i64::try_from(number) else {
            return Ok(None);
        };
        let mut statement = record_statement(RECORD_COLUMNS, "number", reader);
        statement.value(number);
        self.one(statement).await
    }

    async fn one(&self, statement: Statement) -> Result<Option<Stored>, StoreError> {
        let mut rows = self.database.read::<RecordRow>(statement).await?;
        rows.pop().map(RecordRow::read).transpose()
    }

    /// Up to `limit` (at most [`MAX_PAGE`]) analyses of `filter`, newest first. The id of the last
    /// one is the cursor of the next page; a cursor that names no record gives an empty page.
    ///
    /// # Errors
    /// [`StoreError::UnreadableRecord`] naming the first record of the page that does not read
    /// back; [`StoreError::Database`].
    pub async fn page(
        &self,
        filter: &HistoryFilter,
        position: PagePosition,
        limit: u32,
    ) -> Result<Vec<Stored>, StoreError> {
        let Some(statement) = self.page_question(filter, position, limit).await? else {
            return Ok(Vec::new());
        };
        let rows = self.database.read::<RecordRow>(statement).await?;
        rows.into_iter().map(RecordRow::read).collect()
    }

    /// The statement of a page; `None` after a record that is not there.
    async fn page_question(
        &self,
        filter: &HistoryFilter,
        position: PagePosition,
        limit: u32,
    ) -> Result<Option<Statement>, StoreError> {
        let (after, offset) = match position {
            PagePosition::Newest => (None, 0),
            PagePosition::Offset(offset) => (None, offset),
            PagePosition::Before(id) => match self.time_of(id).await? {
                Some(analyzed_at_us) => (Some((analyzed_at_us, id)), 0),
                None => return Ok(None),
            },
        };
        let size = (limit.min(MAX_PAGE), offset);
        Ok(Some(page_statement(filter, after, size)))
    }

    /// How the database would read a page, in its own words.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn page_plan(
        &self,
        filter: &HistoryFilter,
        position: PagePosition,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        match self.page_question(filter, position, limit).await? {
            Some(statement) => self.database.plan(statement).await,
            None => Ok(Vec::new()),
        }
    }

    /// How the database would add the statistics up, in its own words.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn statistics_plan(&self, filter: &HistoryFilter) -> Result<Vec<String>, StoreError> {
        self.database.plan(statistics_statement(filter)).await
    }

    /// When the record of a cursor was analysed, in the order that pages have.
    async fn time_of(&self, id: AnalysisId) -> Result<Option<i64>, StoreError> {
        let mut statement =
            Statement::new("SELECT analyzed_at_us AS number FROM analyses WHERE id = ");
        statement.value(id.to_string());
        let rows = self.database.read::<Number>(statement).await?;
        Ok(rows.first().map(|row| row.number))
    }

    /// Number of records of `filter`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count(&self, filter: &HistoryFilter) -> Result<u64, StoreError> {
        Ok(self.statistics(filter).await?.total)
    }

    /// What the records of `filter` amount to, by one query over totals kept by day.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn statistics(&self, filter: &HistoryFilter) -> Result<Statistics, StoreError> {
        let rows = self
            .database
            .read::<Totals>(statistics_statement(filter))
            .await?;
        Ok(Statistics::from_totals(&rows))
    }

    /// Keeps how a batch went, under the number that this answers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_batch(&self, batch: &Batch) -> Result<u64, StoreError> {
        let statement = insert_batch_statement(batch);
        given_number(&self.database.write::<Number>(statement).await?)
    }

    /// How a batch went; `None` when none has this name or `reader` may not read it.
    ///
    /// # Errors
    /// [`StoreError::UnreadableRecord`]; [`StoreError::Database`].
    pub async fn batch(&self, id: BatchId, reader: Reader) -> Result<Option<Batch>, StoreError> {
        let mut statement = Statement::new(
            "SELECT number, id, owner, total, successful, failed FROM batches WHERE id = ",
        );
        statement.value(id.to_string());
        let mut rows = self.database.read::<BatchRow>(statement).await?;
        let batch = rows.pop().map(BatchRow::read).transpose()?;
        Ok(batch.filter(|batch| reader.may_read(batch.owner)))
    }

    /// Whether there is an analysis of this name that `reader` may read.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn contains(&self, id: AnalysisId, reader: Reader) -> Result<bool, StoreError> {
        let mut statement = record_statement("number", "id", reader);
        statement.value(id.to_string());
        Ok(!self.database.read::<Number>(statement).await?.is_empty())
    }

    /// The API keys in the same database.
    pub fn keys(&self) -> KeyStore {
        KeyStore {
            database: self.database.clone(),
        }
    }

    /// The jobs in the same database.
    pub fn jobs(&self) -> JobStore {
        JobStore::on(self.database.clone())
    }

    /// The webhooks in the same database.
    pub fn webhooks(&self) -> WebhookStore {
        WebhookStore {
            database: self.database.clone(),
        }
    }

    /// The request log in the same database.
    pub fn request_log(&self) -> RequestLog {
        RequestLog {
            database: self.database.clone(),
        }
    }

    /// Whether the store can be read and written now; quick enough for a readiness probe.
    ///
    /// # Errors
    /// [`StoreError::DatabaseBusy`]; [`StoreError::Database`].
    pub async fn health(&self) -> Result<(), StoreError> {
        self.database.health().await
    }

    /// Finishes what is under way and closes the connections. Later calls on any clone fail.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

/// Reads one record; the value that `column` must have comes last.
fn record_statement(read: &str, column: &str, reader: Reader) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement.push(read).push(" FROM analyses WHERE ");
    if let Some(key) = reader.key() {
        statement.push("owner = ").value(key.get()).push(" AND ");
    }
    statement.push(column).push(" = ");
    statement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_of_another_database_is_refused_without_showing_its_password() {
        for url in [
            "oracle://me:hunter2@db.example/x",
            "mysql://db/x",
            "sqlite:",
            "records.db",
        ] {
            let error = RecordStore::open(url).await.unwrap_err();
            assert_eq!(error.code(), "unsupported-database", "{url}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(error.to_string().contains("sqlite:///"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_postgres_url_that_does_not_read_is_refused_without_showing_its_password() {
        let url = "postgres://me:hunter2@db.example:port/x";
        let error = RecordStore::open(url).await.unwrap_err();
        assert_eq!(error.code(), "database-url-unreadable");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn both_forms_of_a_sqlite_url_name_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/records.sqlite3");
        for scheme in ["sqlite://", "sqlite:"] {
            let store = RecordStore::open(&format!("{scheme}{}", path.display()))
                .await
                .unwrap();
            store.health().await.unwrap();
            store.close().await;
        }
        assert!(path.is_file());
    }
}
