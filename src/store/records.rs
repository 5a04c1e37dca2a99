//! The record store as its callers see it, whatever it rests on.

use std::path::Path;

use crate::domain::{Analysis, AnalysisId};

use super::error::StoreError;
use super::sqlite::SqliteRecords;

/// Version of the JSON document a record is kept as. Raise it when [`Analysis`] changes in a way
/// that older documents do not read as, and teach the reader the older one.
pub const DOCUMENT_SCHEMA_VERSION: i64 = 1;

/// Most records one page holds.
pub const MAX_PAGE: u32 = 500;

/// Records of analyses. Clones share one store.
#[derive(Debug, Clone)]
pub struct RecordStore {
    backend: Backend,
}

#[derive(Debug, Clone)]
enum Backend {
    Sqlite(SqliteRecords),
}

impl RecordStore {
    /// Opens or creates what `url` names (`sqlite:///var/lib/framewitness/records.sqlite3`,
    /// `sqlite://data/records.sqlite3`) and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::UnsupportedDatabase`], [`StoreError::OpenDatabase`],
    /// [`StoreError::Migrate`].
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let path = url
            .strip_prefix("sqlite://")
            .or_else(|| url.strip_prefix("sqlite:"))
            .filter(|path| !path.is_empty() && !path.contains(['?', '#']) && *path != ":memory:")
            .ok_or_else(|| StoreError::UnsupportedDatabase {
                url: without_password(url),
            })?;
        Self::open_file(Path::new(path)).await
    }

    /// Opens or creates the SQLite file at `path`; its folder is made (mode 0700) where needed.
    ///
    /// # Errors
    /// [`StoreError::OpenDatabase`], [`StoreError::Migrate`], [`StoreError::Io`].
    pub async fn open_file(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            backend: Backend::Sqlite(SqliteRecords::open(path).await?),
        })
    }

    /// Keeps an analysis. It is on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::DuplicateRecord`]; [`StoreError::UnstorableRecord`] for an analysis that
    /// would not read back; [`StoreError::DatabaseBusy`]; [`StoreError::Database`].
    pub async fn insert(&self, analysis: &Analysis) -> Result<(), StoreError> {
        let Backend::Sqlite(sqlite) = &self.backend;
        sqlite.insert(analysis).await
    }

    /// One analysis; `None` when none has this name.
    ///
    /// # Errors
    /// [`StoreError::UnreadableRecord`]; [`StoreError::Database`].
    pub async fn get(&self, id: AnalysisId) -> Result<Option<Analysis>, StoreError> {
        let Backend::Sqlite(sqlite) = &self.backend;
        sqlite.get(id).await
    }

    /// Up to `limit` (at most [`MAX_PAGE`]) analyses, newest first, older than `before` where
    /// given. The id of the last one is the cursor of the next page.
    ///
    /// # Errors
    /// [`StoreError::UnreadableRecord`] naming the first record of the page that does not read
    /// back; [`StoreError::Database`].
    pub async fn recent(
        &self,
        limit: u32,
        before: Option<AnalysisId>,
    ) -> Result<Vec<Analysis>, StoreError> {
        let Backend::Sqlite(sqlite) = &self.backend;
        sqlite.recent(limit.min(MAX_PAGE), before).await
    }

    /// Number of records.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count(&self) -> Result<u64, StoreError> {
        let Backend::Sqlite(sqlite) = &self.backend;
        sqlite.count().await
    }

    /// Whether the store can be read and written now; quick enough for a readiness probe.
    ///
    /// # Errors
    /// [`StoreError::DatabaseBusy`]; [`StoreError::Database`].
    pub async fn health(&self) -> Result<(), StoreError> {
        let Backend::Sqlite(sqlite) = &self.backend;
        sqlite.health().await
    }

    /// Finishes what is under way and folds the write-ahead log into the database file. Later
    /// calls on any clone fail.
    pub async fn close(&self) {
        let Backend::Sqlite(sqlite) = &self.backend;
        sqlite.close().await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_of_another_database_is_refused_without_showing_its_password() {
        for url in [
            "postgres://me:hunter2@db.example/x",
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
