//! A video read piece by piece, because none fits in memory.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use futures_util::stream::{self, Stream};

use super::blocking::on_disk_thread;
use super::error::StoreError;

/// Bytes read at a time; also the size of a part on S3, which wants at least 5 MiB.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// The bytes of a kept video, piece by piece.
pub type VideoPieces = Pin<Box<dyn Stream<Item = Result<Vec<u8>, StoreError>> + Send>>;

/// A file of which pieces are taken.
struct Source {
    file: File,
    path: PathBuf,
    offset: u64,
}

impl Source {
    /// The next piece, empty at the end.
    fn take(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut filled = 0;
        while filled < PIECE_BYTES {
            let read = self.file.read_at(&mut piece[filled..], self.offset);
            let count = read.map_err(StoreError::io("read the video", &self.path))?;
            if count == 0 {
                break;
            }
            filled += count;
            self.offset += count as u64;
        }
        piece.truncate(filled);
        Ok(piece)
    }
}

/// The bytes of `file`, which `path` names in errors, read on the disk threads.
pub(super) fn pieces(file: File, path: &Path) -> VideoPieces {
    let source = Source {
        file,
        path: path.to_path_buf(),
        offset: 0,
    };
    Box::pin(stream::try_unfold(source, |mut source| async move {
        let (piece, source) = on_disk_thread(move || Ok((source.take()?, source))).await?;
        Ok((!piece.is_empty()).then_some((piece, source)))
    }))
}
