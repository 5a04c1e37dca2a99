//! Why a request of the protocol is refused.

use thiserror::Error;

/// Why a request of the protocol is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TusError {
    /// Another version, or none.
    #[error("send Tus-Resumable: 1.0.0; this service speaks that version of tus and no other")]
    Version,
    /// A body of another kind.
    #[error("the body must be application/offset+octet-stream: the bytes of the file as they are")]
    NotOffsetStream,
    /// It is not said how long the file is.
    #[error(
        "send Upload-Length, the size of the file in bytes; Upload-Defer-Length is not taken here"
    )]
    LengthMissing,
    /// A header that cannot be read.
    #[error("the header {name} is not valid: {problem}")]
    Header {
        /// Its name.
        name: &'static str,
        /// What would be right.
        problem: &'static str,
    },
    /// The file is larger than the limit.
    #[error("the file has {length_bytes} bytes, more than {max_bytes}, the limit max_body_bytes")]
    TooLarge {
        /// As the client says.
        length_bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// More bytes than the client said there are.
    #[error(
        "more bytes came than Upload-Length said, which is {length_bytes}; what is beyond is not kept"
    )]
    BeyondLength {
        /// As the client said.
        length_bytes: u64,
    },
    /// The bytes begin elsewhere than the file ends.
    #[error("the upload goes on at {offset}, as HEAD tells, and not at {sent}")]
    Offset {
        /// Where the upload goes on.
        offset: u64,
        /// What the client said.
        sent: u64,
    },
    /// Somebody else is at it.
    #[error("another request is at this upload; ask with HEAD how far it is, then go on")]
    Locked,
    /// It took too long.
    #[error("the upload has expired and is removed; begin it again")]
    Expired,
    /// It is an analysis by now.
    #[error(
        "the upload is whole and has become the analysis of the same name; cancel that instead"
    )]
    Finished,
    /// The bytes are others than those that were sent.
    #[error(
        "the bytes do not have the checksum that came with them and are not kept; send them again"
    )]
    Checksum,
    /// As many uploads as allowed are unfinished.
    #[error(
        "{max} resumable uploads are unfinished, the limit max_resumable_uploads; try again later"
    )]
    Full {
        /// The limit.
        max: usize,
    },
    /// As many uploads of one sender as allowed are unfinished.
    #[error(
        "{max} of your resumable uploads are unfinished, the limit max_resumable_uploads_per_sender; \
         finish or delete one"
    )]
    FullForSender {
        /// The limit.
        max: usize,
    },
}

impl TusError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Version => "tus-version",
            Self::NotOffsetStream => "not-offset-stream",
            Self::LengthMissing => "upload-length-missing",
            Self::Header { .. } => "invalid-header",
            Self::TooLarge { .. } => "body-too-large",
            Self::BeyondLength { .. } => "beyond-upload-length",
            Self::Offset { .. } => "upload-offset-conflict",
            Self::Locked => "upload-locked",
            Self::Expired => "upload-expired",
            Self::Finished => "upload-finished",
            Self::Checksum => "checksum-mismatch",
            Self::Full { .. } | Self::FullForSender { .. } => "too-many-resumable-uploads",
        }
    }
}
