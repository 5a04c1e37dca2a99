//! One file from a server to disk: resumed where it broke off, and given its name only after its
//! digest was found to be the expected one.
//!
//! Bytes go into `NAME.part` beside the target. A transfer that breaks off is tried again from
//! where it stopped (`Range`), in this run and in the next; a server that ignores the range starts
//! it over. Bytes that do not add up are removed, so that the next try starts clean.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use framewitness::{integrity, outward};
use http_client::header::{ACCEPT_ENCODING, CONTENT_RANGE, RANGE};
use http_client::{Client, Response, StatusCode};
use sha1::{Digest, Sha1};
use thiserror::Error;
use tokio::runtime;

use super::catalog::Proof;

/// Longest wait for a connection, an answer, or the next bytes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Times a broken transfer is taken up again in one run.
const RESUMPTIONS: u32 = 3;
const BUFFER_BYTES: usize = 256 * 1024;

/// Why a file did not arrive.
#[derive(Debug, Error)]
pub(super) enum DownloadError {
    #[error("{}: {problem}", path.display())]
    Disk { path: PathBuf, problem: io::Error },
    #[error("{}: another download is writing it", .0.display())]
    Taken(PathBuf),
    #[error("no transfer can be begun: {0}")]
    Runtime(#[source] io::Error),
    #[error("{url} cannot be reached: {problem}")]
    Unreachable { url: String, problem: String },
    #[error("{url} answers {status}")]
    Status { url: String, status: StatusCode },
    #[error(
        "the transfer from {url} broke off after {received} bytes: {problem}; run the command again to go on from there"
    )]
    BrokenOff {
        url: String,
        received: u64,
        problem: String,
    },
    #[error("{url} sends more than the {limit} bytes the file may have; nothing was kept")]
    TooLarge { url: String, limit: u64 },
    #[error(
        "what {url} sent is not the expected file ({problem}); nothing was kept, nothing will use it"
    )]
    WrongBytes { url: String, problem: String },
}

/// What to fetch, and what proves it.
pub(super) struct Order<'a> {
    pub(super) url: &'a str,
    pub(super) target: &'a Path,
    /// Exact size where it is known.
    pub(super) size_bytes: Option<u64>,
    pub(super) limit_bytes: u64,
    pub(super) proof: &'a Proof,
}

/// How one request ended.
enum Transfer {
    Complete,
    BrokenOff { received: u64, problem: String },
}

impl Order<'_> {
    /// Fetches the file; `progress` hears the bytes there are and, where known, those there will be.
    ///
    /// # Errors
    /// [`DownloadError`]; the target then does not exist.
    pub(super) fn fetch(&self, progress: &dyn Fn(u64, Option<u64>)) -> Result<(), DownloadError> {
        let part = self.part();
        let mut file = self.open(&part)?;
        let outcome = self.fetch_into(&mut file, progress);
        if outcome.is_err() && self.size_of(&file)? == 0 {
            // Nothing that a next try could go on from.
            fs::remove_file(&part).map_err(|e| disk(&part, e))?;
        }
        outcome?;
        self.check(&part)?;
        fs::rename(&part, self.target).map_err(|e| disk(self.target, e))
    }

    fn fetch_into(
        &self,
        file: &mut File,
        progress: &dyn Fn(u64, Option<u64>),
    ) -> Result<(), DownloadError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(DownloadError::Runtime)?;
        let client = self.client()?;
        let mut resumptions = 0;
        let mut before = self.size_of(file)?;
        loop {
            match runtime.block_on(self.transfer(&client, file, progress))? {
                Transfer::Complete => return file.sync_all().map_err(|e| disk(self.target, e)),
                Transfer::BrokenOff { received, problem } => {
                    resumptions += 1;
                    if received <= before || resumptions > RESUMPTIONS {
                        let url = self.url.to_owned();
                        return Err(DownloadError::BrokenOff {
                            url,
                            received,
                            problem,
                        });
                    }
                    before = received;
                }
            }
        }
    }

    fn part(&self) -> PathBuf {
        let mut name = self.target.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        self.target.with_file_name(name)
    }

    fn open(&self, part: &Path) -> Result<File, DownloadError> {
        let mut options = OpenOptions::new();
        let opened = options.create(true).truncate(false).read(true).write(true);
        let file = opened.open(part).map_err(|e| disk(part, e))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(DownloadError::Taken(part.to_owned())),
            Err(TryLockError::Error(error)) => Err(disk(part, error)),
        }
    }

    fn size_of(&self, file: &File) -> Result<u64, DownloadError> {
        let metadata = file.metadata().map_err(|e| disk(self.target, e))?;
        Ok(metadata.len())
    }

    fn client(&self) -> Result<Client, DownloadError> {
        let client = outward::client_for_the_operator()
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE);
        client.build().map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: http_client::Error) -> DownloadError {
        DownloadError::Unreachable {
            url: self.url.to_owned(),
            problem: outward::in_words(error),
        }
    }

    async fn transfer(
        &self,
        client: &Client,
        file: &mut File,
        progress: &dyn Fn(u64, Option<u64>),
    ) -> Result<Transfer, DownloadError> {
        let here = self.size_of(file)?;
        if self.size_bytes == Some(here) {
            return Ok(Transfer::Complete);
        }
        let mut request = client.get(self.url).header(ACCEPT_ENCODING, "identity");
        if here > 0 {
            request = request.header(RANGE, format!("bytes={here}-"));
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if here > 0 => {
                return Ok(Transfer::BrokenOff {
                    received: here,
                    problem: outward::in_words(error),
                });
            }
            Err(error) => return Err(self.unreachable(error)),
        };
        let start = match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response, here) => here,
            StatusCode::OK => 0,
            // The part is all there is, or no part of this file: its digest will tell.
            StatusCode::RANGE_NOT_SATISFIABLE if here > 0 => return Ok(Transfer::Complete),
            status => {
                let url = self.url.to_owned();
                return Err(DownloadError::Status { url, status });
            }
        };
        let rest = response.content_length();
        let expected = self.size_bytes.or(rest.map(|rest| start + rest));
        let told = |received| progress(received, expected);
        self.receive(response, file, start, &told).await
    }

    /// Writes what arrives behind the first `start` bytes.
    async fn receive(
        &self,
        mut response: Response,
        file: &mut File,
        start: u64,
        progress: &dyn Fn(u64),
    ) -> Result<Transfer, DownloadError> {
        let to_disk = |error| disk(self.target, error);
        file.set_len(start).map_err(to_disk)?;
        file.seek(SeekFrom::Start(start)).map_err(to_disk)?;
        let mut received = start;
        loop {
            let problem = match response.chunk().await {
                Ok(None) if self.size_bytes.is_none_or(|size| received >= size) => {
                    return Ok(Transfer::Complete);
                }
                Ok(None) => "the server closed the connection".to_owned(),
                Ok(Some(piece)) => {
                    received += piece.len() as u64;
                    if received > self.limit_bytes {
                        file.set_len(0).map_err(to_disk)?;
                        let (url, limit) = (self.url.to_owned(), self.limit_bytes);
                        return Err(DownloadError::TooLarge { url, limit });
                    }
                    file.write_all(&piece).map_err(to_disk)?;
                    progress(received);
                    continue;
                }
                Err(error) => outward::in_words(error),
            };
            return Ok(Transfer::BrokenOff { received, problem });
        }
    }

    /// Compares size and digest; what does not add up is removed.
    fn check(&self, part: &Path) -> Result<(), DownloadError> {
        match problem_of(part, self.size_bytes, self.proof).map_err(|e| disk(part, e))? {
            None => Ok(()),
            Some(problem) => {
                fs::remove_file(part).map_err(|e| disk(part, e))?;
                let url = self.url.to_owned();
                Err(DownloadError::WrongBytes { url, problem })
            }
        }
    }
}

/// What shows that the file is not the expected one; `None` when it is.
pub(super) fn problem_of(
    path: &Path,
    size_bytes: Option<u64>,
    proof: &Proof,
) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    if let Some(expected) = size_bytes.filter(|expected| *expected != size) {
        return Ok(Some(format!("{size} bytes, expected {expected}")));
    }
    let (what, actual, expected) = match proof {
        Proof::Sha256(expected) => {
            let digest = integrity::hash_reader(&mut file).map_err(io::Error::other)?;
            ("SHA-256", digest.sha256.to_hex(), expected)
        }
        Proof::GitBlob(expected) => ("git blob id", git_blob_id(&mut file, size)?, expected),
    };
    Ok((actual != *expected).then(|| format!("{what} {actual}, expected {expected}")))
}

/// SHA-1 of git's header and the bytes, as `git hash-object` prints it.
fn git_blob_id(file: &mut impl Read, size: u64) -> io::Result<String> {
    let mut state = Sha1::new();
    state.update(format!("blob {size}\0"));
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(state.finalize())),
            count => state.update(&buffer[..count]),
        }
    }
}

/// Whether a partial answer begins at byte `here` (`Content-Range: bytes HERE-…`).
fn starts_at(response: &Response, here: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE);
    let range = range.and_then(|value| value.to_str().ok());
    range.is_some_and(|text| text.starts_with(&format!("bytes {here}-")))
}

fn disk(path: &Path, problem: io::Error) -> DownloadError {
    DownloadError::Disk {
        path: path.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_file_is_the_one_git_gives_it() {
        // `printf 'hello\n' | git hash-object --stdin`
        let id = git_blob_id(&mut &b"hello\n"[..], 6).unwrap();
        assert_eq!(id, "ce013625030ba8dba906f756967f9e9ca394464a");
    }
}
