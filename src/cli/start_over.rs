//! What the system's libraries must be told before `main`, because they read it only once, when
//! they are loaded. It can be set from outside, or by starting over.
//!
//! - `OMP_WAIT_POLICY`: by default libtorch's CPU threads spin while they wait for each other,
//!   which is fastest on idle cores and ruinous on busy ones: with a decoder and a compiler on the
//!   same two cores a clip of 30 frames took 3 to 7 s instead of 1 to 1.7 s.
//! - `MALLOC_MMAP_THRESHOLD_`, `MALLOC_TRIM_THRESHOLD_`: where each large buffer comes from the system
//!   and goes back to it, as glibc has it at first, a network spends its time on page faults: a layer of
//!   the frame model has buffers of 28 MB, and a verdict on 10 s of 360p took 1.56 s of inference
//!   instead of 1.1. So large buffers stay on the heaps. What they keep, and the holes they leave, the
//!   model thread gives back now and then (`inference::worker`).

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

const WANTED: [(&str, &str); 3] = [
    ("OMP_WAIT_POLICY", "passive"),
    ("MALLOC_MMAP_THRESHOLD_", "4294967296"),
    ("MALLOC_TRIM_THRESHOLD_", "17179869184"),
];

/// Replaces the process by itself with the variables set, unless all are chosen already. Call it
/// first in `main`: arguments, process number and open files stay, everything else is lost.
///
/// # Errors
/// What the operating system says when the program cannot be started over; it may then go on.
pub(crate) fn start_over_where_needed() -> io::Result<()> {
    let missing: Vec<_> = (WANTED.into_iter())
        .filter(|(name, _)| env::var_os(name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let mut again = Command::new(env::current_exe()?);
    Err(again.arg0(name).args(arguments).envs(missing).exec())
}
