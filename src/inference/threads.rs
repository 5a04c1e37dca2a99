//! How libtorch's CPU threads wait for each other.
//!
//! By default they spin, which is fastest on idle cores and ruinous on busy ones: with a decoder
//! and a compiler on the same two cores a clip of 30 frames took 3 to 7 s instead of 1 to 1.7 s.
//! OpenMP's runtime reads its policy when it is loaded, before `main`; so it can only be set from
//! outside, or by starting over.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable of the OpenMP standard.
const WAIT_POLICY: &str = "OMP_WAIT_POLICY";

/// Replaces the process by itself with passive waiting, unless the policy is already chosen. Call
/// it first in `main`: arguments, process number and open files stay, everything else is lost.
///
/// # Errors
/// What the operating system says when the program cannot be started over; it may then go on.
pub fn restart_with_passive_waiting() -> io::Result<()> {
    if env::var_os(WAIT_POLICY).is_some() {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let mut again = Command::new(env::current_exe()?);
    Err(again
        .arg0(name)
        .args(arguments)
        .env(WAIT_POLICY, "passive")
        .exec())
}
