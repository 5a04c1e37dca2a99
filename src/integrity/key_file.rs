//! The key pair on disk.
//!
//! `<dir>/private.pem` (PKCS#8, mode 0600) is the key; `<dir>/public.pem` (SubjectPublicKeyInfo)
//! is derived from it for people and openssl. A new private key is written and synced under
//! another name and then renamed into place without replacing anything, so that a crash leaves a
//! whole key or none. The folder is locked meanwhile: two programs starting at once agree on one
//! key.
//!
//! Nothing is ever regenerated over a trace of an earlier key. A damaged private key, a public key
//! alone, or two that do not belong together are errors for a person to decide on.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::rngs::OsRng;
use rsa::pkcs8::der::zeroize::Zeroizing;
use rsa::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding,
};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};

use super::IntegrityError;
use super::signer::{LocalSigner, NEW_KEY_BITS, Signer};

const PRIVATE_FILE: &str = "private.pem";
const PUBLIC_FILE: &str = "public.pem";

/// An RSA-4096 key takes 3.3 KB of PEM; nothing larger is read.
const MAX_PEM_BYTES: u64 = 64 * 1024;

/// Largest modulus the `rsa` crate verifies with.
const MAX_KEY_BITS: usize = RsaPublicKey::MAX_SIZE;

/// The pair in `dir`, made there when the folder holds none.
pub(super) fn load_or_create(dir: &Path) -> Result<LocalSigner, IntegrityError> {
    create_private_dir(dir)?;
    let _turn = lock_folder(dir)?;
    let (private, public) = (dir.join(PRIVATE_FILE), dir.join(PUBLIC_FILE));
    let (has_private, has_public) = (exists(&private)?, exists(&public)?);
    let signer = match (has_private, has_public) {
        (true, _) => load(&private)?,
        (false, true) => return Err(IntegrityError::PrivateKeyMissing { public, private }),
        (false, false) => create(&private)?,
    };
    if has_public {
        check_pair(&signer, &public, private)?;
    } else {
        write_public(&signer, &public)?;
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
fn lock_folder(dir: &Path) -> Result<File, IntegrityError> {
    let folder = File::open(dir).map_err(IntegrityError::io("open the key folder", dir))?;
    refuse_access(&folder, dir, 0o022, 0o700)?;
    folder
        .lock()
        .map_err(IntegrityError::io("lock the key folder", dir))?;
    Ok(folder)
}

/// Refuses an open file or folder whose mode has any of the `forbidden` bits.
fn refuse_access(
    file: &File,
    path: &Path,
    forbidden: u32,
    wanted: u32,
) -> Result<(), IntegrityError> {
    let metadata = file
        .metadata()
        .map_err(IntegrityError::io("inspect", path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(IntegrityError::TooPermissive {
        path: path.to_path_buf(),
        mode,
        wanted,
    })
}

/// Whether something of this name is there, a dangling link included.
fn exists(path: &Path) -> Result<bool, IntegrityError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(other) => Err(IntegrityError::io("inspect", path)(other)),
    }
}

fn load(path: &Path) -> Result<LocalSigner, IntegrityError> {
    let mut file = File::open(path).map_err(IntegrityError::io("open the private key", path))?;
    refuse_access(&file, path, 0o077, 0o600)?;
    let mut pem = Zeroizing::new(Vec::with_capacity(8 * 1024));
    Read::by_ref(&mut file)
        .take(MAX_PEM_BYTES)
        .read_to_end(&mut pem)
        .map_err(IntegrityError::io("read the private key", path))?;
    let damaged = |reason: String| IntegrityError::DamagedKey {
        path: path.to_path_buf(),
        reason,
    };
    let text = std::str::from_utf8(&pem).map_err(|_| damaged("it is not text".into()))?;
    let key = RsaPrivateKey::from_pkcs8_pem(text)
        .map_err(|error| damaged(format!("not a PKCS#8 RSA key in PEM: {error}")))?;
    let bits = key.n().bits();
    if !(NEW_KEY_BITS..=MAX_KEY_BITS).contains(&bits) {
        let path = path.to_path_buf();
        return Err(IntegrityError::KeySize { path, bits });
    }
    key.validate()
        .map_err(|error| damaged(format!("its numbers do not fit together: {error}")))?;
    Ok(LocalSigner::new(key))
}

fn create(path: &Path) -> Result<LocalSigner, IntegrityError> {
    let signer = LocalSigner::generate(&mut OsRng)?;
    let pem = signer
        .private_key()
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(encoding_failed)?;
    place(path, pem.as_bytes(), 0o600)
        .map_err(IntegrityError::io("write the private key", path))?;
    Ok(signer)
}

fn write_public(signer: &LocalSigner, path: &Path) -> Result<(), IntegrityError> {
    place(path, public_pem(signer)?.as_bytes(), 0o644)
        .map_err(IntegrityError::io("write the public key", path))
}

/// The public half as PEM.
pub(super) fn public_pem(signer: &dyn Signer) -> Result<String, IntegrityError> {
    signer
        .public_key()
        .to_public_key_pem(LineEnding::LF)
        .map_err(|error| encoding_failed(error.into()))
}

fn check_pair(signer: &LocalSigner, public: &Path, private: PathBuf) -> Result<(), IntegrityError> {
    let pem =
        fs::read_to_string(public).map_err(IntegrityError::io("read the public key", public))?;
    match RsaPublicKey::from_public_key_pem(&pem) {
        Ok(key) if key == *signer.public_key() => Ok(()),
        _ => Err(IntegrityError::NotAPair {
            public: public.to_path_buf(),
            private,
        }),
    }
}

/// Writes a new file whole: another name, synced, renamed without replacing, folder synced.
fn place(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut staged = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    staged.write_all(content)?;
    // The umask may have taken bits off the mode.
    staged
        .as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    staged.as_file().sync_all()?;
    staged.persist_noclobber(path)?;
    File::open(folder)?.sync_all()
}

fn encoding_failed(error: rsa::pkcs8::Error) -> IntegrityError {
    IntegrityError::Signing {
        reason: format!("the key cannot be encoded: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::signer::tests::test_signer;
    use super::*;

    /// A folder holding the tests' key pair.
    fn key_folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let pem = test_signer()
            .private_key()
            .to_pkcs8_pem(LineEnding::LF)
            .unwrap();
        place(&dir.path().join(PRIVATE_FILE), pem.as_bytes(), 0o600).unwrap();
        load_or_create(dir.path()).unwrap();
        dir
    }

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn refusal(dir: &Path) -> IntegrityError {
        let before = snapshot(dir);
        let error = load_or_create(dir).unwrap_err();
        assert_eq!(before, snapshot(dir), "a refusal must change nothing");
        error
    }

    fn snapshot(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(&path).unwrap_or_default()))
            .collect();
        files.sort();
        files
    }

    #[test]
    fn the_first_start_makes_a_private_pair_and_the_second_finds_it() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("data/keys");
        let made = load_or_create(&dir).unwrap();
        assert_eq!(made.public_key().n().bits(), 3072);
        assert_eq!(mode_of(&dir), 0o700);
        assert_eq!(mode_of(&dir.join(PRIVATE_FILE)), 0o600);
        assert_eq!(mode_of(&dir.join(PUBLIC_FILE)), 0o644);
        assert_eq!(snapshot(&dir).len(), 2);
        let found = load_or_create(&dir).unwrap();
        assert_eq!(found.public_key(), made.public_key());
    }

    #[test]
    fn two_programs_starting_at_once_agree_on_one_key() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("keys");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| load_or_create(&dir).unwrap().public_key().clone()))
                .collect();
            starts.into_iter().map(|s| s.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(snapshot(&dir).len(), 2);
    }

    #[test]
    fn a_damaged_key_is_refused_by_name_with_a_way_out_and_left_as_it_was() {
        let whole = fs::read(key_folder().path().join(PRIVATE_FILE)).unwrap();
        let mut one_letter_changed = whole.clone();
        one_letter_changed[900] = if whole[900] == b'A' { b'B' } else { b'A' };
        for content in [
            &b""[..],
            b"\xff\xfe",
            b"hello",
            &whole[..1000],
            &one_letter_changed,
        ] {
            let dir = key_folder();
            fs::write(dir.path().join(PRIVATE_FILE), content).unwrap();
            let error = refusal(dir.path());
            assert_eq!(error.code(), "key-damaged", "{error}");
            assert!(error.to_string().contains("private.pem"), "{error}");
            assert!(
                error.to_string().contains("restore it from a backup"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_key_of_a_size_that_is_too_small_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let small = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
        let pem = small.to_pkcs8_pem(LineEnding::LF).unwrap();
        place(&dir.path().join(PRIVATE_FILE), pem.as_bytes(), 0o600).unwrap();
        let error = refusal(dir.path());
        assert_eq!(error.code(), "key-size");
        assert!(error.to_string().contains("1024 bits"), "{error}");
    }

    #[test]
    fn a_key_others_can_read_is_refused_with_the_command_that_mends_it() {
        let dir = key_folder();
        let path = dir.path().join(PRIVATE_FILE);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let error = refusal(dir.path());
        assert_eq!(error.code(), "key-too-permissive");
        let command = format!("chmod 600 {}", path.display());
        assert!(error.to_string().contains(&command), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        load_or_create(dir.path()).unwrap();
    }

    #[test]
    fn a_folder_others_can_write_to_is_refused() {
        let dir = key_folder();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        let error = refusal(dir.path());
        assert_eq!(error.code(), "key-too-permissive");
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }

    #[test]
    fn a_private_key_that_cannot_be_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        DirBuilder::new()
            .mode(0o700)
            .create(dir.path().join(PRIVATE_FILE))
            .unwrap();
        let error = refusal(dir.path());
        assert_eq!(error.code(), "key-storage-failed");
        assert!(error.to_string().contains("private.pem"), "{error}");
    }

    #[test]
    fn a_public_key_alone_is_a_lost_private_key_and_no_reason_to_make_one() {
        let dir = key_folder();
        fs::remove_file(dir.path().join(PRIVATE_FILE)).unwrap();
        assert_eq!(refusal(dir.path()).code(), "key-missing");
    }

    #[test]
    fn a_public_key_that_is_missing_is_written_again_and_a_strange_one_is_refused() {
        let dir = key_folder();
        let path = dir.path().join(PUBLIC_FILE);
        let pem = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        load_or_create(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), pem);
        fs::write(&path, "not a key").unwrap();
        assert_eq!(refusal(dir.path()).code(), "key-not-a-pair");
    }
}
