//! Why there is no report.

use thiserror::Error;

/// Why there is no report, or no statement in one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportError {
    /// The library that writes PDF refused.
    #[error("the PDF could not be written: {0}")]
    Pdf(String),
    /// A file in which a statement was looked for.
    #[error(
        "it holds no signed statement: neither a report of Framewitness (HTML or PDF as it was \
         written) nor a bare JWS. Of a PDF that another program has saved again, take the attached \
         file statement.jws"
    )]
    NoStatement,
    /// Two different statements in one file.
    #[error("it holds {0} different statements; a report has one")]
    ManyStatements(usize),
}

impl ReportError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pdf(_) => "pdf-failed",
            Self::NoStatement => "no-statement",
            Self::ManyStatements(_) => "many-statements",
        }
    }
}
