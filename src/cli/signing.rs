//! `framewitness sign FILE`, `framewitness verify FILE SIGNATURE` and `framewitness rotate-key`, with the
//! service's keys.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use framewitness::config::Settings;
use framewitness::integrity::{self, FileDigest, FileSignature, Keyring};

use super::output::{FAILED, fail, print};

/// A signature file larger than this is none: raw or base64, ours have under 1 KiB.
const MAX_SIGNATURE_BYTES: u64 = 64 * 1024;

/// Prints the base64 signature of `file`.
pub(crate) fn sign(settings: &Settings, file: &Path) -> ExitCode {
    let signed = open_keys(settings).and_then(|keyring| {
        let digest = hash(file)?.sha256;
        keyring.sign_file_digest(&digest).map_err(io::Error::other)
    });
    match signed {
        Ok(signature) => {
            print(&format!("{}\n", signature.to_base64()));
            ExitCode::SUCCESS
        }
        Err(error) => fail(FAILED, &error),
    }
}

/// Says whether `signature` was made for `file` by these keys.
pub(crate) fn verify(settings: &Settings, file: &Path, signature: &str) -> ExitCode {
    let verified = open_keys(settings).and_then(|keyring| {
        let signature = read_signature(signature)?;
        Ok(keyring.verify(&hash(file)?.sha256, &signature))
    });
    match verified {
        Ok(verification) if verification.is_valid() => {
            print(&format!(
                "valid: {} was signed with this key\n",
                file.display()
            ));
            ExitCode::SUCCESS
        }
        Ok(verification) => {
            let why = verification.error().unwrap_or_else(|| {
                "the file has changed since, or another key signed it".to_owned()
            });
            print(&format!("NOT valid: {why}\n"));
            ExitCode::from(FAILED)
        }
        Err(error) => fail(FAILED, &error),
    }
}

/// Replaces the signing key.
pub(crate) fn rotate(settings: &Settings) -> ExitCode {
    match Keyring::rotate(&settings.data_dir.join("keys")) {
        Ok(rotation) => {
            print(&format!(
                "{}\nsigns once the service has been restarted; {} only checks from then on\n",
                rotation.new_key_id, rotation.retired_key_id
            ));
            ExitCode::SUCCESS
        }
        Err(error) => fail(FAILED, &error),
    }
}

fn open_keys(settings: &Settings) -> io::Result<Keyring> {
    Keyring::open_or_create(&settings.data_dir.join("keys")).map_err(io::Error::other)
}

/// SHA-256 and size of a file.
pub(super) fn hash(file: &Path) -> io::Result<FileDigest> {
    let named = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("{} cannot be read: {error}", file.display()),
        )
    };
    let input = File::open(file).map_err(named)?;
    integrity::hash_reader(input).map_err(io::Error::other)
}

/// The base64 text of a signature given as such, as a base64 file or as a raw file.
fn read_signature(given: &str) -> io::Result<String> {
    let path = Path::new(given);
    let Ok(metadata) = path.metadata() else {
        return Ok(given.trim().to_owned());
    };
    if metadata.len() > MAX_SIGNATURE_BYTES {
        let message = format!("{given} is too large for a signature");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let bytes = std::fs::read(path)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text.split_whitespace().collect(),
        Err(raw) => FileSignature::new(raw.into_bytes()).to_base64(),
    })
}
