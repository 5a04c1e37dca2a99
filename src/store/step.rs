//! The steps from the first byte of an upload to its record, at which tests end the process.
//!
//! A build with debug assertions ends itself at the step that `FWTEST_END_AT` names, on the spot
//! and without cleaning up, as `kill -9` does; any other build has nothing of this.

/// A step, in the order in which a request comes to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The first bytes of an upload are written.
    UploadBegun,
    /// An upload is written whole.
    UploadWhole,
    /// A resumable upload is in the queue and about to be removed.
    UploadHandedOn,
    /// It is noted that pictures will come.
    Announced,
    /// Pictures are written where nobody finds them yet: into their folder's forerunner, on S3
    /// the first of them into the bucket.
    PicturesWritten,
    /// All pictures are in their place.
    PicturesThere,
    /// The record is there.
    Recorded,
}

impl Step {
    /// Tells that the step is reached.
    #[cfg(debug_assertions)]
    pub(super) fn reached(self) {
        let name = match self {
            Self::UploadBegun => "upload-begun",
            Self::UploadWhole => "upload-whole",
            Self::UploadHandedOn => "upload-handed-on",
            Self::Announced => "announced",
            Self::PicturesWritten => "pictures-written",
            Self::PicturesThere => "pictures-there",
            Self::Recorded => "recorded",
        };
        if std::env::var("FWTEST_END_AT").is_ok_and(|wanted| wanted == name) {
            std::process::abort();
        }
    }

    /// Tells that the step is reached.
    #[cfg(not(debug_assertions))]
    pub(super) fn reached(self) {}
}
