//! Starting a worker, and what a worker does first.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Signal, set_parent_process_death_signal};

use super::{Channel, IsolationError};

/// What a worker's environment holds beside the loader's search path. Its own threads would contend
/// with its siblings; large buffers go back to the system when freed; and heaps of many threads
/// would count against its address space.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "1048576"),
    ("OMP_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
];
/// Where the dynamic loader may have been told to look.
const LOADER_PATH: &str = "LD_LIBRARY_PATH";

/// What runs as a worker.
#[derive(Debug)]
pub struct WorkerProgram {
    /// Held open: the files of a program may be replaced while it runs.
    beside: Option<File>,
    argument: &'static str,
}

impl WorkerProgram {
    /// The program `name` in this one's own folder. Where there is none, this program itself does as well; either is
    /// given `argument` alone.
    pub fn find(name: &str, argument: &'static str) -> Self {
        let own = std::env::current_exe().ok();
        let beside = own.and_then(|own| File::open(own.with_file_name(name)).ok());
        Self { beside, argument }
    }

    fn path(&self) -> String {
        self.beside.as_ref().map_or_else(
            || "/proc/self/exe".into(),
            |program| format!("/proc/self/fd/{}", program.as_raw_fd()),
        )
    }
}

/// A running worker process. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    channel: Channel,
}

impl Worker {
    /// Executes `program`. The worker dies with the thread that calls this.
    ///
    /// # Errors
    /// [`IsolationError::Start`].
    pub fn start(program: &WorkerProgram) -> Result<Self, IsolationError> {
        let (ours, theirs) = UnixStream::pair().map_err(IsolationError::Start)?;
        let mut command = Command::new(program.path());
        command
            .arg0("framewitness")
            .arg(program.argument)
            .env_clear()
            .envs(ENVIRONMENT)
            .envs(std::env::var_os(LOADER_PATH).map(|path| (LOADER_PATH, path)))
            .current_dir("/")
            // Ctrl-C in a terminal goes to a whole group, and the work in hand is to be finished.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null());
        let child = command.spawn().map_err(IsolationError::Start)?;
        Ok(Self {
            child,
            channel: Channel::new(ours),
        })
    }

    /// The socket to it.
    pub fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it, and tells how it ended: by itself if it had ended before.
    pub fn end(mut self) -> Option<ExitStatus> {
        self.kill_and_reap()
    }

    fn kill_and_reap(&mut self) -> Option<ExitStatus> {
        // Both fail only when it was reaped already.
        let _ = self.child.kill();
        self.child.wait().ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill_and_reap();
    }
}

/// Another descriptor of `file` that can only be read, for a worker that must not change it.
///
/// # Errors
/// [`IsolationError::Reopen`].
pub fn reopen_read_only(file: &File) -> Result<File, IsolationError> {
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(IsolationError::Reopen)
}

/// The first thing a worker does: it ties its life to its parent's, gives up every descriptor but
/// its standard three, and takes the socket that is its standard input.
///
/// # Errors
/// [`IsolationError::NotAWorker`] when the input is no socket; [`IsolationError::Sandbox`].
pub fn prepare_worker() -> Result<Channel, IsolationError> {
    let stdin = io::stdin();
    if rustix::net::sockopt::socket_type(stdin.as_fd()).is_err() {
        return Err(IsolationError::NotAWorker);
    }
    let failed = |step| move |source| IsolationError::Sandbox { step, source };
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| failed("tie it to its parent")(e.into()))?;
    close_inherited().map_err(failed("close inherited descriptors"))?;
    ignore_termination();
    // Nothing the service relies on, only what `top` shows.
    let _ = rustix::thread::set_name(c"decode-worker");
    let socket = stdin.as_fd().try_clone_to_owned();
    let socket = socket.map_err(failed("take its socket"))?;
    Ok(Channel::new(socket.into()))
}

fn close_inherited() -> io::Result<()> {
    // SAFETY: closes descriptors that nothing in this process owns yet: it runs first in `main`.
    let status = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A service manager may signal the whole service; the parent decides when its workers end.
fn ignore_termination() {
    // SAFETY: sets the disposition of one signal to "ignore"; no handler runs.
    unsafe {
        libc::signal(libc::SIGTERM, libc::SIG_IGN);
    }
}
