//! The key pair on disk.
//!
//! `<dir>/private.pem` (PKCS#8, mode 0600) is the key; `<dir>/public.pem` (SubjectPublicKeyInfo)
//! is derived from it for people and openssl. A new private key is written and synced under
//! another name and then renamed into place without replacing anything, so that a crash leaves a
//! whole key or none. The folder is locked meanwhile: two programs starting at once agree on one
//! key.
//!
//! Nothing is ever regenerated over a trace of an earlier key. A damaged private key, a public key
//! alone, or two that do not belong together are errors for a person to decide on; only a public key
//! that a rotation retired gives way to that of the private key (`rotation`).

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rand::rngs::OsRng;
use rsa::pkcs8::der::zeroize::Zeroizing;
use rsa::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding,
};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};

use super::IntegrityError;
use super::pem_file::{
    Placing, encoding_failed, exists, place, read_at_most, read_pem, refuse_access,
};
use super::retired::retired_keys;
use super::signer::{ACCEPTED_KEY_BITS, LocalSigner, Signer};

pub(super) const PRIVATE_FILE: &str = "private.pem";
pub(super) const PUBLIC_FILE: &str = "public.pem";

/// The pair in `dir`, made there when the folder holds none.
pub(super) fn load_or_create(dir: &Path) -> Result<LocalSigner, IntegrityError> {
    create_private_dir(dir)?;
    let _turn = lock_folder(dir)?;
    pair_of_locked(dir)
}

/// As [`load_or_create`], in a folder that is there and locked.
pub(super) fn pair_of_locked(dir: &Path) -> Result<LocalSigner, IntegrityError> {
    let (private, public) = (dir.join(PRIVATE_FILE), dir.join(PUBLIC_FILE));
    let (has_private, has_public) = (exists(&private)?, exists(&public)?);
    let signer = match (has_private, has_public) {
        (true, _) => load(&private)?,
        (false, true) => return Err(IntegrityError::PrivateKeyMissing { public, private }),
        (false, false) => {
            let signer = LocalSigner::generate(&mut OsRng)?;
            write_private(&signer, &private, Placing::New)?;
            signer
        }
    };
    match has_public {
        false => write_public(&signer, &public, Placing::New)?,
        true if was_retired(dir, &public)? => write_public(&signer, &public, Placing::Replacing)?,
        true => check_pair(&signer, &public, private)?,
    }
    Ok(signer)
}

fn create_private_dir(dir: &Path) -> Result<(), IntegrityError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(IntegrityError::io("create the key folder", dir))
}

/// Waits for the folder's lock; refuses one whose content others may replace.
pub(super) fn lock_folder(dir: &Path) -> Result<File, IntegrityError> {
    let folder = File::open(dir).map_err(IntegrityError::io("open the key folder", dir))?;
    refuse_access(&folder, dir, 0o022, 0o700)?;
    folder
        .lock()
        .map_err(IntegrityError::io("lock the key folder", dir))?;
    Ok(folder)
}

fn load(path: &Path) -> Result<LocalSigner, IntegrityError> {
    let mut file = File::open(path).map_err(IntegrityError::io("open the private key", path))?;
    refuse_access(&file, path, 0o077, 0o600)?;
    let mut pem = Zeroizing::new(Vec::with_capacity(8 * 1024));
    read_at_most(&mut file, &mut pem).map_err(IntegrityError::io("read the private key", path))?;
    let damaged = |reason: String| IntegrityError::DamagedKey {
        path: path.to_path_buf(),
        reason,
    };
    let text = std::str::from_utf8(&pem).map_err(|_| damaged("it is not text".into()))?;
    let key = RsaPrivateKey::from_pkcs8_pem(text)
        .map_err(|error| damaged(format!("not a PKCS#8 RSA key in PEM: {error}")))?;
    let bits = key.n().bits();
    if !ACCEPTED_KEY_BITS.contains(&bits) {
        let path = path.to_path_buf();
        return Err(IntegrityError::KeySize { path, bits });
    }
    key.validate()
        .map_err(|error| damaged(format!("its numbers do not fit together: {error}")))?;
    Ok(LocalSigner::new(key))
}

pub(super) fn write_private(
    signer: &LocalSigner,
    path: &Path,
    placing: Placing,
) -> Result<(), IntegrityError> {
    let pem = signer
        .private_key()
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(encoding_failed)?;
    place(path, pem.as_bytes(), 0o600, placing)
        .map_err(IntegrityError::io("write the private key", path))
}

pub(super) fn write_public(
    signer: &LocalSigner,
    path: &Path,
    placing: Placing,
) -> Result<(), IntegrityError> {
    place(path, public_pem(signer)?.as_bytes(), 0o644, placing)
        .map_err(IntegrityError::io("write the public key", path))
}

/// The public half as PEM.
pub(super) fn public_pem(signer: &dyn Signer) -> Result<String, IntegrityError> {
    signer
        .public_key()
        .to_public_key_pem(LineEnding::LF)
        .map_err(|error| encoding_failed(error.into()))
}

fn public_key(path: &Path) -> Result<Option<RsaPublicKey>, IntegrityError> {
    let pem = read_pem(path)?;
    let text = std::str::from_utf8(&pem).ok();
    Ok(text.and_then(|text| RsaPublicKey::from_public_key_pem(text).ok()))
}

/// Whether the public key is one of an earlier pair: a rotation ended between its last two steps.
fn was_retired(dir: &Path, public: &Path) -> Result<bool, IntegrityError> {
    let retired = retired_keys(dir)?;
    Ok(public_key(public)?.is_some_and(|key| retired.contains(&key)))
}

fn check_pair(signer: &LocalSigner, public: &Path, private: PathBuf) -> Result<(), IntegrityError> {
    match public_key(public)? {
        Some(key) if key == *signer.public_key() => Ok(()),
        _ => Err(IntegrityError::NotAPair {
            public: public.to_path_buf(),
            private,
        }),
    }
}
