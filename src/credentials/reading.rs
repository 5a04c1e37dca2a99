//! From an open file to what its manifest says.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use c2pa::{Context, Error, Reader};
use serde_json::json;

use super::claims::{credentials_of, unreadable};
use crate::domain::ContentCredentials;

/// Most that a compressed manifest may become, MB. Real ones are far below.
const MAX_MANIFEST_MB: usize = 16;
/// First boxes of an ISO file that begins without the usual one.
const BARE_BOXES: [&[u8]; 5] = [b"moov", b"mdat", b"wide", b"free", b"skip"];

/// What the manifest in `file` says and whether it holds, within `limit`. With a trust list, certificates
/// in PEM, the signer is looked up on it. What cannot be read is said so: this never fails.
pub fn read(file: &File, trust_list: Option<&str>, limit: Duration) -> ContentCredentials {
    let until = Instant::now() + limit;
    let opened = open(file, trust_list, until);
    // A hash over half a file is no mismatch.
    let credentials = match opened {
        _ if Instant::now() >= until => unreadable("the file took too long"),
        Ok(reader) => credentials_of(&reader, trust_list.is_some()),
        Err(error) => what_is_missing(&error),
    };
    credentials.bounded()
}

/// Why `pem` is no list of certificates; `None` where it is one.
pub(super) fn why_no_trust_list(pem: &str) -> Option<String> {
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Some("there is no certificate in it".into());
    }
    context(Some(pem)).err().map(|error| error.to_string())
}

fn open(file: &File, trust_list: Option<&str>, until: Instant) -> Result<Reader, Error> {
    let mut file = UntilDeadline { file, until };
    let kind = kind_where_not_told(&mut file)?;
    Reader::from_context(context(trust_list)?).with_stream(kind, file)
}

fn context(trust_list: Option<&str>) -> Result<Context, Error> {
    Context::new().with_settings(json!({
        "trust": { "trust_anchors": trust_list },
        "verify": {
            "verify_timestamp_trust": trust_list.is_some(),
            "ocsp_fetch": false,
            "remote_manifest_fetch": false,
        },
        "core": {
            "allowed_network_hosts": [],
            "decode_identity_assertions": false,
            "max_decompressed_manifest_size_in_mb": MAX_MANIFEST_MB,
        },
    }))
}

/// The kind of a file that the reader does not tell by its first bytes; empty where there is none to try.
fn kind_where_not_told(file: &mut UntilDeadline<'_>) -> io::Result<&'static str> {
    let mut head = Vec::new();
    file.rewind()?;
    file.take(8).read_to_end(&mut head)?;
    let is_bare = head
        .get(4..8)
        .is_some_and(|name| BARE_BOXES.contains(&name));
    Ok(if is_bare { "mov" } else { "" })
}

fn what_is_missing(error: &Error) -> ContentCredentials {
    // A container of which it knows no place for a manifest has none.
    if matches!(error, Error::JumbfNotFound | Error::UnsupportedType) {
        return ContentCredentials::None;
    }
    if let Error::RemoteManifestUrl(url) = error {
        return unreadable(&format!("they lie at {url}, and nothing is fetched"));
    }
    unreadable(error.to_string().trim_end_matches('.'))
}

/// A file that can be read until a moment.
struct UntilDeadline<'a> {
    file: &'a File,
    until: Instant,
}

impl Read for UntilDeadline<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.file.read(buffer)
    }
}

impl Seek for UntilDeadline<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
