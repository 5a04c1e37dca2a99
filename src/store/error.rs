//! What can go wrong while keeping things, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::jobs::JobId;
use crate::domain::AnalysisId;

/// Errors of the stores.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database URL names something this build does not speak.
    #[error(
        "the database URL `{url}` is not supported: use `sqlite:///absolute/path/records.sqlite3`, \
         `sqlite://relative/path` or `postgres://user:password@host:5432/database`"
    )]
    UnsupportedDatabase {
        /// The URL, password removed.
        url: String,
    },
    /// The PostgreSQL URL does not read; it is not shown, because it may hold a password.
    #[error(
        "the database URL cannot be read: it has the form \
         `postgres://user:password@host:5432/database`, with characters such as `@`, `/` and `%` \
         in the password written as %40, %2F and %25"
    )]
    DatabaseUrl,
    /// The database cannot be opened, or the file is not a database.
    #[error("cannot open the record database {place}: {source}")]
    OpenDatabase {
        /// The file, or the server and the database's name.
        place: String,
        /// The database's reason.
        source: sqlx::Error,
    },
    /// The tables cannot be brought to this version's shape.
    #[error(
        "cannot migrate the record database {place}: {source}; if a newer framewitness wrote it, \
         run that version or restore a backup"
    )]
    Migrate {
        /// The file, or the server and the database's name.
        place: String,
        /// What sqlx found.
        source: sqlx::migrate::MigrateError,
    },
    /// The database server cannot be reached, ends or starts.
    #[error("the record database does not answer; try again shortly")]
    DatabaseAway,
    /// Another process held the write lock for longer than the busy timeout.
    #[error("the record database is busy: another process kept it locked; try again")]
    DatabaseBusy,
    /// The disk of the record database is full.
    #[error("no space left for the record database: free some")]
    DatabaseFull,
    /// A statement failed.
    #[error("the record database failed: {0}")]
    Database(#[source] sqlx::Error),
    /// A record of this name exists.
    #[error("analysis {id} is already recorded")]
    DuplicateRecord {
        /// Its name.
        id: AnalysisId,
    },
    /// The analysis would not read back as it is (a number that is not finite, for example).
    #[error("analysis {id} cannot be recorded: {reason}")]
    UnstorableRecord {
        /// Its name.
        id: AnalysisId,
        /// What is wrong with it.
        reason: String,
    },
    /// A stored record does not read back.
    #[error("the record of analysis {id} cannot be read back: {reason}")]
    UnreadableRecord {
        /// The row's name, as stored.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A stored key does not read back.
    #[error("API key {id} cannot be read back: {reason}")]
    UnreadableKey {
        /// Its number.
        id: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// A stored webhook, or one of its deliveries, does not read back.
    #[error("webhook {id} cannot be read back: {reason}")]
    UnreadableWebhook {
        /// Its number.
        id: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// A stored job does not read back, or cannot be written so that it would.
    #[error("job {id} cannot be read back: {reason}")]
    UnreadableJob {
        /// Its name.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The job is no longer the writer's: another has claimed it, or it was cancelled or is gone.
    #[error("job {job} is another's or has ended: nothing was written")]
    Stale {
        /// Its name.
        job: JobId,
    },
    /// Artifacts of this analysis exist.
    #[error("artifacts of analysis {id} already exist")]
    DuplicateArtifacts {
        /// Its name.
        id: AnalysisId,
    },
    /// The artifact URL cannot be used.
    #[error(
        "the artifacts URL `{url}` cannot be used: {reason}; write nothing, \
         `file:///absolute/path` or `s3://bucket/prefix`"
    )]
    ArtifactsUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bucket is not there, or not for these keys.
    #[error(
        "the bucket of {url} refuses: {source}; check its name, AWS_ENDPOINT, AWS_ACCESS_KEY_ID \
         and AWS_SECRET_ACCESS_KEY"
    )]
    ArtifactsRefused {
        /// The URL.
        url: String,
        /// What it said.
        source: Box<object_store::Error>,
    },
    /// The bucket does not answer, or not with what was asked for.
    #[error("the store of pictures does not answer; try again shortly")]
    ArtifactsAway(#[source] Box<object_store::Error>),
    /// The disk is full.
    #[error(
        "no space left to {action} {}: free some, or lower the retention limits", path.display()
    )]
    StorageFull {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The program is ending; the work was not started.
    #[error("the store is shutting down")]
    ShuttingDown,
}

impl StoreError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnsupportedDatabase { .. } => "unsupported-database",
            Self::DatabaseUrl => "database-url-unreadable",
            Self::OpenDatabase { .. } => "database-not-opened",
            Self::Migrate { .. } => "database-not-migrated",
            Self::DatabaseAway => "database-away",
            Self::DatabaseBusy => "database-busy",
            Self::Database(_) => "database-failed",
            Self::DuplicateRecord { .. } => "duplicate-record",
            Self::UnstorableRecord { .. } => "unstorable-record",
            Self::UnreadableRecord { .. } => "unreadable-record",
            Self::UnreadableKey { .. } => "unreadable-key",
            Self::UnreadableWebhook { .. } => "unreadable-webhook",
            Self::UnreadableJob { .. } => "unreadable-job",
            Self::Stale { .. } => "job-taken-over",
            Self::DuplicateArtifacts { .. } => "duplicate-artifacts",
            Self::ArtifactsUrl { .. } => "artifacts-url-unusable",
            Self::ArtifactsRefused { .. } => "artifacts-refused",
            Self::ArtifactsAway(_) => "artifacts-away",
            Self::DatabaseFull | Self::StorageFull { .. } => "storage-full",
            Self::Io { .. } => "storage-failed",
            Self::ShuttingDown => "store-shutting-down",
        }
    }

    /// Says which record a refused insert was of.
    pub(super) fn of_record(self, id: AnalysisId) -> Self {
        let Self::Database(sqlx::Error::Database(refused)) = &self else {
            return self;
        };
        if refused.is_unique_violation() {
            Self::DuplicateRecord { id }
        } else if refused.is_check_violation() {
            let reason = refused.to_string();
            Self::UnstorableRecord { id, reason }
        } else {
            self
        }
    }

    /// Wraps a file-system error with what was being done to `path`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| {
            let full = matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            );
            if full {
                Self::StorageFull { action, path }
            } else {
                Self::Io {
                    action,
                    path,
                    source,
                }
            }
        }
    }
}
