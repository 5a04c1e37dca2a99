//! Why an upload was not accepted.

use actix_multipart::MultipartError;
use actix_web::error::PayloadError;
use thiserror::Error;

use super::body::BodyCut;
use crate::store::StoreError;

/// Why a body was not accepted.
#[derive(Debug, Error)]
pub enum UploadError {
    /// Not a multipart request at all.
    #[error("the request must be multipart/form-data, for example: curl -F file=@video.mp4")]
    NotMultipart,
    /// The whole body is compressed.
    #[error("the body is encoded ({encoding}); send it as it is, without Content-Encoding")]
    EncodedBody {
        /// What the header says.
        encoding: String,
    },
    /// The content of a part is not the file but a text that stands for it.
    #[error(
        "the field \"{name}\" is encoded ({encoding}); send its bytes as they are, without Content-Transfer-Encoding"
    )]
    EncodedPart {
        /// Name of the field.
        name: String,
        /// What the header says.
        encoding: String,
    },
    /// Multipart that cannot be read.
    #[error("the multipart body cannot be read: {0}")]
    Malformed(String),
    /// No file among the parts.
    #[error("the request has no file; send it as multipart field {}", quoted(.accepted))]
    MissingFile {
        /// Field names accepted.
        accepted: &'static [&'static str],
    },
    /// A text field that the route needs is not there.
    #[error("the request has no field \"{name}\"")]
    MissingText {
        /// Its name.
        name: &'static str,
    },
    /// A field that may come once came twice.
    #[error("the field \"{name}\" came more than once; send one")]
    Repeated {
        /// Its name.
        name: String,
    },
    /// More files than the route takes.
    #[error("at most {max_files} files in one request; send the rest in another")]
    TooManyFiles {
        /// The limit.
        max_files: usize,
    },
    /// More parts than the limit, those that are passed over too.
    #[error("the multipart body has more than {max_parts} parts, the limit max_parts")]
    TooManyParts {
        /// The limit.
        max_parts: usize,
    },
    /// One file is larger than the route takes.
    #[error("the file is larger than {max_file_bytes} bytes")]
    FileTooLarge {
        /// The limit.
        max_file_bytes: u64,
    },
    /// A file of no bytes.
    #[error("the file is empty (0 bytes)")]
    EmptyFile,
    /// A text field beyond its limit.
    #[error("the field \"{name}\" is longer than {max_bytes} bytes")]
    TextTooLong {
        /// Its name.
        name: &'static str,
        /// Its limit.
        max_bytes: usize,
    },
    /// A text field that is not UTF-8.
    #[error("the field \"{name}\" is not UTF-8 text")]
    NotText {
        /// Its name.
        name: &'static str,
    },
    /// The body is larger than the limit.
    #[error("the request is larger than {max_bytes} bytes, the limit max_body_bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The sender stalled or trickled.
    #[error("the upload was given up: {0}")]
    Slow(String),
    /// The connection ended inside the body.
    #[error("the connection ended before the whole body had arrived")]
    Interrupted,
    /// The temporary file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn quoted(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(" or ")
}

impl UploadError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotMultipart => "not-multipart",
            Self::EncodedBody { .. } => "encoded-body",
            Self::EncodedPart { .. } => "encoded-part",
            Self::Malformed(_) => "malformed-multipart",
            Self::MissingFile { .. } => "missing-file",
            Self::MissingText { .. } => "missing-field",
            Self::Repeated { .. } => "repeated-field",
            Self::TooManyFiles { .. } => "too-many-files",
            Self::TooManyParts { .. } => "too-many-parts",
            Self::FileTooLarge { .. } => "file-too-large",
            Self::EmptyFile => "empty-file",
            Self::TextTooLong { .. } => "field-too-long",
            Self::NotText { .. } => "field-not-text",
            Self::TooLarge { .. } => "body-too-large",
            Self::Slow(_) => "upload-too-slow",
            Self::Interrupted => "upload-interrupted",
            Self::Store(error) => error.code(),
        }
    }
}

impl From<MultipartError> for UploadError {
    /// The parser's errors say whose fault it is only through what they wrap.
    fn from(error: MultipartError) -> Self {
        let MultipartError::Payload(payload) = &error else {
            return Self::Malformed(error.to_string());
        };
        // The parser's own limit: it keeps what it has not understood yet in memory.
        if let PayloadError::Overflow = payload {
            let problem = "what stands before a part's content is longer than 64 KiB";
            return Self::Malformed(problem.into());
        }
        Self::of_payload(payload)
    }
}

impl From<PayloadError> for UploadError {
    fn from(error: PayloadError) -> Self {
        Self::of_payload(&error)
    }
}

impl UploadError {
    fn of_payload(error: &PayloadError) -> Self {
        match BodyCut::of(error) {
            Some(BodyCut::TooLarge { max_bytes }) => Self::TooLarge { max_bytes },
            Some(
                cut @ (BodyCut::Silent { .. } | BodyCut::TooSlow { .. } | BodyCut::Trickle { .. }),
            ) => Self::Slow(cut.to_string()),
            None => Self::Interrupted,
        }
    }
}
