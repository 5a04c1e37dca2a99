//! What can go wrong with keys, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Errors of keys and signing.
#[derive(Debug, Error)]
pub enum IntegrityError {
    /// The private key file does not hold a usable key.
    #[error(
        "the private key {} is damaged ({reason}); restore it from a backup. Moving it and \
         public.pem away makes framewitness create a new pair, but then signatures made so far \
         can only be checked with the old public.pem", path.display()
    )]
    DamagedKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key is not of a size that is accepted.
    #[error(
        "the private key {} has {bits} bits; RSA keys of 3072 to 4096 bits are accepted",
        path.display()
    )]
    KeySize {
        /// The file.
        path: PathBuf,
        /// Its size.
        bits: usize,
    },
    /// Others may read or change the key.
    #[error(
        "{} can be accessed by other users (mode {mode:03o}); run `chmod {wanted:03o} {}`, and \
         treat the key as leaked if strangers use this machine", path.display(), path.display()
    )]
    TooPermissive {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The permission bits it should have.
        wanted: u32,
    },
    /// There is a public key whose private key is gone.
    #[error(
        "{} exists but the private key {} is missing; restore it from a backup, or move the \
         public key away to have a new pair created", public.display(), private.display()
    )]
    PrivateKeyMissing {
        /// The public key file.
        public: PathBuf,
        /// Where the private key should be.
        private: PathBuf,
    },
    /// The two key files are not a pair.
    #[error(
        "{} does not belong to the private key {}; restore the pair from a backup, or remove the \
         public key file to have it written again from the private key",
        public.display(), private.display()
    )]
    NotAPair {
        /// The public key file.
        public: PathBuf,
        /// The private key file.
        private: PathBuf,
    },
    /// The public half of an earlier key cannot be used.
    #[error(
        "the retired key {} is damaged ({reason}); restore it from a backup. Without the file, \
         signatures made with that key are no longer valid here", path.display()
    )]
    DamagedRetiredKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no key yet that another could replace.
    #[error(
        "there is no key {} to replace; the first start or the first signature makes one",
        private.display()
    )]
    NothingToRotate {
        /// Where the private key would be.
        private: PathBuf,
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
    /// A stream could not be read to its end while hashing it.
    #[error("cannot read the file to hash it: {0}")]
    Read(#[source] io::Error),
    /// A key could not be made or used.
    #[error("the signing key failed: {reason}")]
    Signing {
        /// What the signer says.
        reason: String,
    },
}

impl IntegrityError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DamagedKey { .. } => "key-damaged",
            Self::KeySize { .. } => "key-size",
            Self::TooPermissive { .. } => "key-too-permissive",
            Self::PrivateKeyMissing { .. } => "key-missing",
            Self::NotAPair { .. } => "key-not-a-pair",
            Self::DamagedRetiredKey { .. } => "key-retired-damaged",
            Self::NothingToRotate { .. } => "key-none",
            Self::Io { .. } => "key-storage-failed",
            Self::Read(_) => "hash-read-failed",
            Self::Signing { .. } => "signing-failed",
        }
    }

    /// Wraps a file-system error with what was being done to `path`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
