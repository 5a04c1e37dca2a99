//! What the system's libraries must be told before `main`, because they read it only once, when
//! they are loaded. It can be set from outside, or by starting over.
//!
//! - `OMP_WAIT_POLICY`: by default libtorch's CPU threads spin while they wait for each other,
//!   which is fastest on idle cores and ruinous on busy ones: with a decoder and a compiler on the
//!   same two cores a clip of 30 frames took 3 to 7 s instead of 1 to 1.7 s.
//! - `MALLOC_MMAP_THRESHOLD_`: by default glibc learns to keep frames and tensors on its heaps, and
//!   they leave holes there: serving the same 720p video four at a time, 650 MB after 10 requests
//!   had become 730 MB after 60. Fixed at 1 MiB, each large buffer goes back to the system when it
//!   is freed: 320 MB throughout, for about 7 % more processor time.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

const WANTED: [(&str, &str); 2] = [
    ("OMP_WAIT_POLICY", "passive"),
    ("MALLOC_MMAP_THRESHOLD_", "1048576"),
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
