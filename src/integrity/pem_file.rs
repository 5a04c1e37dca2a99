//! One file of the key folder: written whole or not at all, read up to a bound, and refused where
//! others may touch it.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::IntegrityError;

/// An RSA-4096 key takes 3.3 KB of PEM; nothing larger is read.
const MAX_PEM_BYTES: u64 = 64 * 1024;

/// What happens to a file of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placing {
    /// It stays, and the new one is an error.
    New,
    /// It is gone at the moment the new one is there.
    Replacing,
}

/// Refuses an open file or folder whose mode has any of the `forbidden` bits.
pub(super) fn refuse_access(
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
pub(super) fn exists(path: &Path) -> Result<bool, IntegrityError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(other) => Err(IntegrityError::io("inspect", path)(other)),
    }
}

/// The bytes of a public key file.
pub(super) fn read_pem(path: &Path) -> Result<Vec<u8>, IntegrityError> {
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|mut file| read_at_most(&mut file, &mut pem))
        .map_err(IntegrityError::io("read the public key", path))?;
    Ok(pem)
}

/// Reads a file up to the bound.
pub(super) fn read_at_most(file: &mut File, into: &mut Vec<u8>) -> io::Result<usize> {
    file.take(MAX_PEM_BYTES).read_to_end(into)
}

/// Writes a file whole: another name, synced, renamed, folder synced.
pub(super) fn place(path: &Path, content: &[u8], mode: u32, placing: Placing) -> io::Result<()> {
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
    match placing {
        Placing::New => staged.persist_noclobber(path)?,
        Placing::Replacing => staged.persist(path)?,
    };
    File::open(folder)?.sync_all()
}

/// The error of a key that cannot be written as PEM.
pub(super) fn encoding_failed(error: rsa::pkcs8::Error) -> IntegrityError {
    IntegrityError::Signing {
        reason: format!("the key cannot be encoded: {error}"),
    }
}
