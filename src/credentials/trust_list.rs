//! Certificates of those whose signatures are trusted.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error;

#[cfg(not(feature = "content-credentials"))]
use super::absent::why_no_trust_list;
#[cfg(feature = "content-credentials")]
use super::reading::why_no_trust_list;

/// Longest trust list, bytes; C2PA's own has a tenth of it.
const MAX_TRUST_LIST_BYTES: u64 = 1 << 20;

/// Why a trust list cannot be used.
#[derive(Debug, Error)]
pub enum TrustListError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// It is not what it should be.
    #[error("it is no list of certificates in PEM: {0}")]
    Malformed(String),
}

/// The certificates in PEM at `path`, as [`read`](super::read) takes them.
///
/// # Errors
/// [`TrustListError`].
pub fn open_trust_list(path: &Path) -> Result<String, TrustListError> {
    let mut pem = String::new();
    (File::open(path)?.take(MAX_TRUST_LIST_BYTES + 1)).read_to_string(&mut pem)?;
    let refusal = match pem.len() as u64 > MAX_TRUST_LIST_BYTES {
        true => Some("it is too long".into()),
        false => why_no_trust_list(&pem),
    };
    refusal.map_or(Ok(pem), |why| Err(TrustListError::Malformed(why)))
}
