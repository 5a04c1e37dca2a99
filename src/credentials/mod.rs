//! Content credentials: the C2PA manifest in a file, read and checked. The only place that names c2pa.
//!
//! A manifest is parsed from bytes that anybody may have written, so [`read`] belongs into a process
//! that may be lost. It sees an open descriptor and nothing else: no path, and nothing is fetched, neither
//! manifests that lie elsewhere nor word of revoked certificates.
//!
//! Three things are checked: that the bytes are the signed ones, that the signature is right, and that the
//! certificate was in force. Who signed is known only where a trust list is given. The time of signing
//! is taken from a time stamp in the file; without a trust list nobody looks who made that either, so that
//! files signed with certificates that have run out since do not all look broken.
//!
//! Without the feature `content-credentials` nothing is read ([`ARE_READ`]).

#[cfg(not(feature = "content-credentials"))]
mod absent;
#[cfg(feature = "content-credentials")]
mod claims;
#[cfg(feature = "content-credentials")]
mod reading;
mod trust_list;

#[cfg(not(feature = "content-credentials"))]
pub use absent::read;
#[cfg(feature = "content-credentials")]
pub use reading::read;
pub use trust_list::{TrustListError, open_trust_list};

/// Whether this build reads content credentials.
pub const ARE_READ: bool = cfg!(feature = "content-credentials");
