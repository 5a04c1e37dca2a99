//! A new key in place of the old one, whose signatures go on being valid.
//!
//! A rotation
//!
//! 1. writes the public half of the old key among the retired ones (`retired`),
//! 2. renames the new private key over the old one,
//! 3. renames the new public key over the old one,
//!
//! each step whole and synced, so that a crash anywhere leaves a folder that opens: before the second
//! step the old pair, and the current key retired besides, which changes nothing; after it the new
//! private key beside the old public one, which is then known to be retired and replaced.

use std::path::Path;

use rand::rngs::OsRng;

use super::IntegrityError;
use super::jwks::Jwk;
use super::key_file::{self, PRIVATE_FILE, PUBLIC_FILE};
use super::pem_file::{Placing, exists};
use super::retired::retire;
use super::signer::{LocalSigner, Signer};

/// Both halves of a change of keys, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The key that signs from the next start of the service on.
    pub new_key_id: String,
    /// The key that only checks from then on.
    pub retired_key_id: String,
}

/// Replaces the pair in `dir` and keeps the old public half.
pub(super) fn rotate(dir: &Path) -> Result<Rotation, IntegrityError> {
    let private = dir.join(PRIVATE_FILE);
    if !exists(&private)? && !exists(&dir.join(PUBLIC_FILE))? {
        return Err(IntegrityError::NothingToRotate { private });
    }
    let _turn = key_file::lock_folder(dir)?;
    // Whatever is wrong with the folder is said before anything is changed.
    let old = key_file::pair_of_locked(dir)?;
    let new = LocalSigner::generate(&mut OsRng)?;
    let retired_key_id = retire(dir, old.public_key())?;
    key_file::write_private(&new, &private, Placing::Replacing)?;
    key_file::write_public(&new, &dir.join(PUBLIC_FILE), Placing::Replacing)?;
    Ok(Rotation {
        new_key_id: Jwk::of(new.public_key()).kid,
        retired_key_id,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::retired::RETIRED_FOLDER;
    use super::super::{Keyring, Sha256Digest, Verification};
    use super::*;

    const CONTENT: &[u8] = b"signed under an earlier key";

    fn signed_folder() -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::open_or_create(dir.path()).unwrap();
        let signature = keyring
            .sign_file_digest(&Sha256Digest::of(CONTENT))
            .unwrap();
        (dir, signature.to_base64())
    }

    fn found(dir: &Path, signature: &str) -> Verification {
        let keyring = Keyring::open_or_create(dir).unwrap();
        keyring.verify(&Sha256Digest::of(CONTENT), signature)
    }

    #[test]
    fn what_earlier_keys_signed_stays_valid_and_the_new_one_signs() {
        let (dir, signature) = signed_folder();
        let old = Keyring::open_or_create(dir.path()).unwrap();
        let first = rotate(dir.path()).unwrap();
        let second = rotate(dir.path()).unwrap();
        assert_eq!(first.retired_key_id, old.key_id());
        assert_eq!(first.new_key_id, second.retired_key_id);
        assert_eq!(found(dir.path(), &signature), Verification::Valid);

        let keyring = Keyring::open_or_create(dir.path()).unwrap();
        assert_eq!(keyring.key_id(), second.new_key_id);
        let ids: Vec<_> = keyring.jwks().keys.into_iter().map(|key| key.kid).collect();
        assert_eq!(ids[0], second.new_key_id, "the key that signs comes first");
        assert_eq!(ids.len(), 3);
        let new = keyring
            .sign_file_digest(&Sha256Digest::of(CONTENT))
            .unwrap();
        assert!(
            keyring
                .verify(&Sha256Digest::of(CONTENT), &new.to_base64())
                .is_valid()
        );
        let by_old = old.verify(&Sha256Digest::of(CONTENT), &new.to_base64());
        assert_eq!(by_old, Verification::Mismatch);
    }

    #[test]
    fn a_retired_key_that_was_taken_away_is_trusted_no_more() {
        let (dir, signature) = signed_folder();
        let rotation = rotate(dir.path()).unwrap();
        let path = dir
            .path()
            .join(format!("retired/{}.pem", rotation.retired_key_id));
        fs::remove_file(path).unwrap();
        assert_eq!(found(dir.path(), &signature), Verification::Mismatch);
    }

    #[test]
    fn a_crash_between_any_two_steps_leaves_a_folder_that_opens_and_checks() {
        let (dir, signature) = signed_folder();
        let old = Keyring::open_or_create(dir.path()).unwrap();
        // After the first step.
        let old_key = key_file::load_or_create(dir.path()).unwrap();
        retire(dir.path(), old_key.public_key()).unwrap();
        assert_eq!(found(dir.path(), &signature), Verification::Valid);
        let reopened = Keyring::open_or_create(dir.path()).unwrap();
        assert_eq!(reopened.key_id(), old.key_id());
        assert_eq!(reopened.jwks().keys.len(), 1);
        // After the second.
        let new = LocalSigner::generate(&mut OsRng).unwrap();
        let private = dir.path().join(PRIVATE_FILE);
        key_file::write_private(&new, &private, Placing::Replacing).unwrap();
        assert_eq!(found(dir.path(), &signature), Verification::Valid);
        let reopened = Keyring::open_or_create(dir.path()).unwrap();
        assert_eq!(reopened.key_id(), Jwk::of(new.public_key()).kid);
        let public = fs::read_to_string(dir.path().join(PUBLIC_FILE)).unwrap();
        assert_eq!(public, reopened.public_key_pem());
    }

    #[test]
    fn a_damaged_retired_key_is_refused_by_name_and_not_passed_over() {
        let (dir, _) = signed_folder();
        let rotation = rotate(dir.path()).unwrap();
        let folder = dir.path().join(RETIRED_FOLDER);
        let path = folder.join(format!("{}.pem", rotation.retired_key_id));
        let pem = fs::read(&path).unwrap();
        for content in [&b""[..], b"\xff", b"hello", &pem[..200]] {
            fs::write(&path, content).unwrap();
            let error = Keyring::open_or_create(dir.path()).unwrap_err();
            assert_eq!(error.code(), "key-retired-damaged");
            assert!(
                error.to_string().contains(&rotation.retired_key_id),
                "{error}"
            );
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        fs::write(&path, &pem).unwrap();
        Keyring::open_or_create(dir.path()).unwrap();
        fs::rename(&path, folder.join("another.pem")).unwrap();
        let error = Keyring::open_or_create(dir.path()).unwrap_err();
        assert_eq!(error.code(), "key-retired-damaged");
    }

    #[test]
    fn of_rotations_at_once_none_loses_a_key() {
        let (dir, signature) = signed_folder();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| rotate(dir.path()).unwrap());
            }
        });
        let keyring = Keyring::open_or_create(dir.path()).unwrap();
        assert_eq!(keyring.jwks().keys.len(), 3);
        assert_eq!(found(dir.path(), &signature), Verification::Valid);
    }

    #[test]
    fn there_is_nothing_to_rotate_before_the_first_key_nor_over_a_damaged_one() {
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(rotate(empty.path()).unwrap_err().code(), "key-none");
        assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
        let (dir, _) = signed_folder();
        fs::write(dir.path().join(PRIVATE_FILE), "damaged").unwrap();
        assert_eq!(rotate(dir.path()).unwrap_err().code(), "key-damaged");
        let left = fs::read(dir.path().join(PRIVATE_FILE)).unwrap();
        assert_eq!(left, b"damaged");
        assert!(!dir.path().join(RETIRED_FOLDER).exists());
    }
}
