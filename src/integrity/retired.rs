//! The public halves of the keys that came before.
//!
//! `<dir>/retired/<key id>.pem` holds one each: it checks, it never signs, its private half is gone.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rsa::RsaPublicKey;
use rsa::pkcs8::{DecodePublicKey, EncodePublicKey, LineEnding};
use rsa::traits::PublicKeyParts;

use super::IntegrityError;
use super::jwks::Jwk;
use super::pem_file::{Placing, encoding_failed, exists, place, read_pem, refuse_access};
use super::signer::ACCEPTED_KEY_BITS;

pub(super) const RETIRED_FOLDER: &str = "retired";

/// Every key that only checks, in the order of their names; none is passed over.
pub(super) fn retired_keys(dir: &Path) -> Result<Vec<RsaPublicKey>, IntegrityError> {
    let folder = dir.join(RETIRED_FOLDER);
    if !exists(&folder)? {
        return Ok(Vec::new());
    }
    let open = File::open(&folder).map_err(IntegrityError::io("open", &folder))?;
    refuse_access(&open, &folder, 0o022, 0o700)?;
    let listed = |error| IntegrityError::io("list", &folder)(error);
    let mut paths: Vec<PathBuf> = (fs::read_dir(&folder).map_err(listed)?)
        .map(|entry| entry.map(|entry| entry.path()).map_err(listed))
        .collect::<Result<_, _>>()?;
    // What a crash left of a file being written.
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "pem"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<RsaPublicKey, IntegrityError> {
    let damaged = |reason: String| IntegrityError::DamagedRetiredKey {
        path: path.to_path_buf(),
        reason,
    };
    let pem = read_pem(path)?;
    let text = std::str::from_utf8(&pem).map_err(|_| damaged("it is not text".into()))?;
    let key = RsaPublicKey::from_public_key_pem(text)
        .map_err(|error| damaged(format!("not an RSA public key in PEM: {error}")))?;
    if !ACCEPTED_KEY_BITS.contains(&key.n().bits()) {
        return Err(damaged(format!("it has {} bits", key.n().bits())));
    }
    let name = path.file_stem().unwrap_or_default();
    let kid = Jwk::of(&key).kid;
    if name != kid.as_str() {
        return Err(damaged(format!(
            "it holds the key {kid}, not that of its name"
        )));
    }
    Ok(key)
}

/// Writes the public half of a key into the folder, and answers its name.
pub(super) fn retire(dir: &Path, key: &RsaPublicKey) -> Result<String, IntegrityError> {
    let folder = dir.join(RETIRED_FOLDER);
    (DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder))
    .map_err(IntegrityError::io("create", &folder))?;
    let kid = Jwk::of(key).kid;
    let path = folder.join(format!("{kid}.pem"));
    let pem = key.to_public_key_pem(LineEnding::LF);
    let pem = pem.map_err(|error| encoding_failed(error.into()))?;
    place(&path, pem.as_bytes(), 0o644, Placing::Replacing)
        .map_err(IntegrityError::io("write the retired key", &path))?;
    Ok(kid)
}
