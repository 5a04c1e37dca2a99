//! Shutting the current process in, for good.
//!
//! Guards hold the threads that exist when they are put in place and those started later, so this
//! runs while there is one thread, after every library and model is loaded. Each guard stands
//! alone: one that the kernel lacks leaves the others as they are, and is told in the result.

use std::fs;
use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{IsolationError, seccomp};
use crate::domain::Isolation;

/// Descriptors a worker may hold: its standard three and its socket, a file and a region, and
/// second handles on them.
const MAX_DESCRIPTORS: u64 = 32;

/// What a worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxLimits {
    /// Address space beyond what is mapped already, bytes.
    pub memory_bytes: u64,
    /// Processor time of all threads over its whole life, seconds.
    pub cpu_s: u64,
    /// Largest file (or shared memory) it can write, bytes.
    pub file_bytes: u64,
}

/// Takes away what decoding does not need: privileges, memory without bound, paths, sockets,
/// other programs and other processes.
///
/// # Errors
/// [`IsolationError::Threads`] when other threads run already. A guard that the kernel lacks is no
/// error: [`Isolation::missing`] names it.
pub fn enter_sandbox(limits: &SandboxLimits) -> Result<Isolation, IsolationError> {
    let threads = fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    if threads != 1 {
        return Err(IsolationError::Threads(threads));
    }
    let resource_limits = limit_resources(limits).is_ok();
    // Nothing may be said on the service's log any more.
    silence().map_err(|source| IsolationError::Sandbox {
        step: "close its log",
        source,
    })?;
    let no_new_privileges = rustix::thread::set_no_new_privs(true).is_ok();
    let landlock_abi = give_up_rights();
    let seccomp = seccomp::filter_calls().is_ok();
    Ok(Isolation {
        no_new_privileges,
        resource_limits,
        seccomp,
        landlock_abi,
    })
}

fn limit_resources(limits: &SandboxLimits) -> io::Result<()> {
    let address_space = mapped_bytes()?.saturating_add(limits.memory_bytes);
    for (resource, most) in [
        (Resource::As, address_space),
        (Resource::Cpu, limits.cpu_s),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nofile, MAX_DESCRIPTORS),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)?;
    }
    // Where memory runs out, a worker is the one to lose. Never needed for safety.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// Address space in use: libraries take gigabytes of it, whether or not they are ever touched.
fn mapped_bytes() -> io::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').next().and_then(|n| n.parse::<u64>().ok());
    let pages = pages.ok_or(io::ErrorKind::InvalidData)?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

fn silence() -> io::Result<()> {
    let null = fs::OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// Landlock without a single rule. The version in force, or `None`.
fn give_up_rights() -> Option<u32> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V6)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .ok()?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => None,
        (_, LandlockStatus::Available { effective_abi, .. }) => Some(effective_abi as u32),
        (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => None,
    }
}
