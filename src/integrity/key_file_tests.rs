//! Key folders as people and accidents leave them.
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::rngs::OsRng;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::traits::PublicKeyParts;

use super::IntegrityError;
use super::key_file::{PRIVATE_FILE, PUBLIC_FILE, load_or_create};
use super::pem_file::{Placing, place};
use super::signer::Signer;
use super::signer::tests::test_signer;

/// A folder holding the tests' key pair.
fn key_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let pem = test_signer()
        .private_key()
        .to_pkcs8_pem(LineEnding::LF)
        .unwrap();
    place(
        &dir.path().join(PRIVATE_FILE),
        pem.as_bytes(),
        0o600,
        Placing::New,
    )
    .unwrap();
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
    place(
        &dir.path().join(PRIVATE_FILE),
        pem.as_bytes(),
        0o600,
        Placing::New,
    )
    .unwrap();
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
