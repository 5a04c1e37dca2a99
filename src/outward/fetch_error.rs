//! Why a file is not fetched.

use thiserror::Error;

use super::url::OutwardUrlError;

/// Why a file is not fetched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FetchError {
    /// The URL, or that of a redirection.
    #[error(transparent)]
    Url(#[from] OutwardUrlError),
    /// There is no connection, or it broke before an answer came.
    #[error("the URL could not be fetched: {0}")]
    NotReached(String),
    /// The answer is no file.
    #[error("the URL could not be fetched: it was answered with status {0}")]
    Answered(u16),
    /// It led on and on.
    #[error("the URL could not be fetched: it led through more than {most} redirections")]
    Redirections {
        /// The limit.
        most: usize,
    },
    /// It led from an encrypted connection to one that is not.
    #[error("the URL could not be fetched: it led from https to http")]
    Downgraded,
    /// What came would not have been the file.
    #[error(
        "the URL could not be fetched: the file comes compressed though that was not asked for"
    )]
    Encoded,
    /// No answer in time.
    #[error("the URL was given up: no answer came within {patience_s} s")]
    Silent {
        /// How long it was waited.
        patience_s: u64,
    },
    /// The file came too slowly.
    #[error(
        "the URL was given up: the file came too slowly (body_idle_timeout_s, body_min_bytes_per_s, \
         body_timeout_s)"
    )]
    Slow,
    /// The connection ended inside the file.
    #[error("the URL could not be fetched: the connection ended before the whole file had arrived")]
    Broken,
    /// More bytes than are taken.
    #[error("the file at the URL is larger than {max_bytes} bytes, the limit max_body_bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
}

impl FetchError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url(OutwardUrlError::Private(_)) => "url-not-public",
            Self::Url(_) => "invalid-url",
            Self::NotReached(_)
            | Self::Answered(_)
            | Self::Redirections { .. }
            | Self::Downgraded
            | Self::Encoded
            | Self::Broken => "url-not-fetched",
            Self::Silent { .. } | Self::Slow => "url-too-slow",
            Self::TooLarge { .. } => "body-too-large",
        }
    }
}
