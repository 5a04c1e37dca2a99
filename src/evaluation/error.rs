//! Why an evaluation cannot be made. What is wrong with one video is no error here: it is counted.

use std::path::PathBuf;

use thiserror::Error;

/// Why there is no report.
#[derive(Debug, Error)]
pub enum EvaluationError {
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The list or the folder does not say what is genuine and what manipulated.
    #[error("{} cannot be evaluated:\n  {}", path.display(), problems.join("\n  "))]
    List {
        /// The list or folder.
        path: PathBuf,
        /// Every problem, one sentence each.
        problems: Vec<String>,
    },
    /// The scores an earlier run left do not read.
    #[error("{} line {line} is no score ({reason}); remove the file to score everything again", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A table cannot be written.
    #[error("{}: {source}", path.display())]
    Table {
        /// Which.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// A plot cannot be drawn.
    #[error("{}: {reason}", path.display())]
    Plot {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The service part ended before the work did.
    #[error("the analysis ended early")]
    Ended,
}

impl EvaluationError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "evaluation-io",
            Self::List { .. } => "evaluation-list",
            Self::Journal { .. } => "evaluation-journal",
            Self::Table { .. } => "evaluation-table",
            Self::Plot { .. } => "evaluation-plot",
            Self::Ended => "evaluation-ended",
        }
    }
}

/// An I/O error with the path it is about.
pub(super) fn at(path: &std::path::Path) -> impl Fn(std::io::Error) -> EvaluationError {
    move |source| EvaluationError::Io {
        path: path.to_path_buf(),
        source,
    }
}
