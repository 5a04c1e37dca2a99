//! Artifacts on a local disk.
//!
//! Layout: `<root>/<analysis-id>/<name>.jpg`, and `<root>/.incoming/session-…/` for work in
//! progress. Writing: all files and their folder are synced inside `.incoming`, then one rename
//! makes the whole folder appear. Removing: one rename takes it away, then its files go. A reader
//! therefore sees all artifacts of an analysis or none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::domain::AnalysisId;

use super::artifact_name::ArtifactName;
use super::error::StoreError;
use super::retention::{Holding, RetentionPolicy, SweepReport};
use super::session::{SessionDir, create_private_dir};
use super::step::Step;

const INCOMING: &str = ".incoming";

/// Synchronous; every call may touch the disk.
#[derive(Debug)]
pub(super) struct DiskArtifacts {
    root: PathBuf,
    incoming: SessionDir,
}

impl DiskArtifacts {
    /// Opens or creates the folder and clears what interrupted writes left.
    pub(super) fn open(root: &Path) -> Result<Self, StoreError> {
        create_private_dir(root)?;
        let incoming = SessionDir::open(&root.join(INCOMING))?;
        Ok(Self {
            root: root.to_path_buf(),
            incoming,
        })
    }

    /// Stores all of `artifacts` or none.
    pub(super) fn put_all(
        &self,
        id: AnalysisId,
        artifacts: &[(ArtifactName, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let staged = self.scratch_folder()?;
        for (name, bytes) in artifacts {
            write_synced(&staged.path().join(name.as_str()), bytes)?;
        }
        self.appear(staged.path(), id)
    }

    /// Makes the folder `staged` that of `id`.
    fn appear(&self, staged: &Path, id: AnalysisId) -> Result<(), StoreError> {
        sync_folder(staged)?;
        Step::PicturesWritten.reached();
        let target = self.folder_of(id);
        match fs::rename(staged, &target) {
            Ok(()) => sync_folder(&self.root),
            Err(exists) if is_taken(&exists) => Err(StoreError::DuplicateArtifacts { id }),
            Err(other) => Err(StoreError::io("store the artifacts in", &target)(other)),
        }
    }

    /// Stores the bytes of `source`, from its beginning, as the only artifact of `id`. A source that lies at
    /// `sealed`, on the same disk, is written no more: it is not copied but gets a second name.
    pub(super) fn put_file(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
        source: &File,
        sealed: Option<&Path>,
    ) -> Result<(), StoreError> {
        let staged = self.scratch_folder()?;
        let target = staged.path().join(name.as_str());
        link_or_copy(source, sealed, &target)
            .map_err(StoreError::io("write the artifact", &target))?;
        self.appear(staged.path(), id)
    }

    /// Opens one artifact; `None` when there is none of this name.
    pub(super) fn open_file(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
    ) -> Result<Option<File>, StoreError> {
        let path = self.folder_of(id).join(name.as_str());
        unless_missing(File::open(&path)).map_err(StoreError::io("open the artifact", &path))
    }

    /// The bytes of one artifact; `None` when there is none of this name.
    pub(super) fn read(
        &self,
        id: AnalysisId,
        name: &ArtifactName,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.folder_of(id).join(name.as_str());
        unless_missing(fs::read(&path)).map_err(StoreError::io("read the artifact", &path))
    }

    /// Removes the artifacts of one analysis; `false` when there were none.
    pub(super) fn remove(&self, id: AnalysisId) -> Result<bool, StoreError> {
        let path = self.folder_of(id);
        let scratch = self.scratch_folder()?;
        let taken = unless_missing(fs::rename(&path, scratch.path()))
            .map_err(StoreError::io("remove the artifacts", &path))?;
        if taken.is_none() {
            return Ok(false);
        }
        sync_folder(&self.root)?;
        scratch
            .close()
            .map_err(StoreError::io("remove the artifacts", &path))?;
        Ok(true)
    }

    /// Names of the artifacts of one analysis in order; empty when there are none.
    pub(super) fn list(&self, id: AnalysisId) -> Result<Vec<ArtifactName>, StoreError> {
        let path = self.folder_of(id);
        let failed = || StoreError::io("list the artifacts in", &path);
        let Some(entries) = unless_missing(fs::read_dir(&path)).map_err(failed())? else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for entry in entries {
            let file_name = entry.map_err(failed())?.file_name();
            names.extend(
                file_name
                    .to_str()
                    .and_then(|text| ArtifactName::parse(text).ok()),
            );
        }
        names.sort();
        Ok(names)
    }

    /// Applies `policy` as of `now` and clears what dead processes left.
    pub(super) fn sweep(
        &self,
        policy: &RetentionPolicy,
        now: SystemTime,
    ) -> Result<SweepReport, StoreError> {
        let cleared_leftovers = self.clear_leftovers()?;
        let plan = policy.plan(self.holdings()?, now);
        for holding in plan.for_age.iter().chain(&plan.for_size) {
            self.remove(holding.id)?;
        }
        Ok(SweepReport {
            cleared_leftovers,
            ..plan.report()
        })
    }

    /// Clears what interrupted writes of dead processes left; answers how many folders.
    pub(super) fn clear_leftovers(&self) -> Result<u64, StoreError> {
        self.incoming.clear_others()
    }

    /// What each analysis holds, in the order of storing.
    pub(super) fn holdings_oldest_first(&self) -> Result<Vec<Holding>, StoreError> {
        let mut holdings = self.holdings()?;
        holdings.sort_by_key(|holding| (holding.stored_at, holding.id));
        Ok(holdings)
    }

    /// Bytes of all stored artifacts.
    pub(super) fn usage_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.holdings()?.iter().map(|holding| holding.bytes).sum())
    }

    /// What each analysis holds. Folders not named by an analysis belong to somebody else.
    fn holdings(&self) -> Result<Vec<Holding>, StoreError> {
        let failed = || StoreError::io("list the folder", &self.root);
        let mut holdings = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let named = entry.file_name().to_str().and_then(AnalysisId::parse);
            let Some(id) = named.filter(|id| self.folder_of(*id) == entry.path()) else {
                continue;
            };
            let measured = unless_missing(measure(&entry.path()))
                .map_err(StoreError::io("measure the artifacts in", &entry.path()))?;
            let holding = |(stored_at, bytes, is_video)| Holding {
                id,
                stored_at,
                bytes,
                is_video,
            };
            holdings.extend(measured.map(holding));
        }
        Ok(holdings)
    }

    fn folder_of(&self, id: AnalysisId) -> PathBuf {
        self.root.join(id.to_string())
    }

    /// A folder for work in progress, on the same file system as the root.
    fn scratch_folder(&self) -> Result<tempfile::TempDir, StoreError> {
        tempfile::tempdir_in(self.incoming.path())
            .map_err(StoreError::io("create a folder in", self.incoming.path()))
    }
}

/// When a folder was filled, how many bytes its files hold, and whether one is a video.
fn measure(folder: &Path) -> io::Result<(SystemTime, u64, bool)> {
    let stored_at = fs::symlink_metadata(folder)?.modified()?;
    let (mut bytes, mut is_video) = (0, false);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += entry.metadata()?.len();
        let name = entry.file_name().to_str().map(ArtifactName::parse);
        is_video |= name.is_some_and(|name| name.is_ok_and(|name| !name.is_picture()));
    }
    Ok((stored_at, bytes, is_video))
}

/// Another file at `sealed` than the source, or none, is no reason to fail: then it is a copy.
fn link_or_copy(mut source: &File, sealed: Option<&Path>, target: &Path) -> io::Result<()> {
    let linked = sealed.is_some_and(|path| fs::hard_link(path, target).is_ok());
    if linked && is_same_file(source, target)? {
        return source.sync_all();
    }
    if linked {
        fs::remove_file(target)?;
    }
    source.rewind()?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)?;
    io::copy(&mut source, &mut file)?;
    file.sync_all()
}

fn is_same_file(file: &File, path: &Path) -> io::Result<bool> {
    let (open, named) = (file.metadata()?, fs::symlink_metadata(path)?);
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(StoreError::io("write the artifact", path))
}

/// Has the names in a folder on disk.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(StoreError::io("sync the folder", path))
}

/// `None` for what is not there.
pub(super) fn unless_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(other) => Err(other),
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_on_the_same_disk_gets_a_second_name_and_any_other_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("sent"), b"film").unwrap();
        let sent = File::open(at("sent")).unwrap();

        link_or_copy(&sent, Some(&at("sent")), &at("linked")).unwrap();
        assert!(is_same_file(&sent, &at("linked")).unwrap());

        link_or_copy(&sent, None, &at("may change")).unwrap();
        // Removed, or another's name by now: what is open counts.
        fs::remove_file(at("sent")).unwrap();
        link_or_copy(&sent, Some(&at("sent")), &at("removed")).unwrap();
        fs::write(at("sent"), b"another").unwrap();
        link_or_copy(&sent, Some(&at("sent")), &at("replaced")).unwrap();
        for copy in ["may change", "removed", "replaced"] {
            assert!(!is_same_file(&sent, &at(copy)).unwrap());
            assert_eq!(fs::read(at(copy)).unwrap(), b"film");
        }
    }
}
