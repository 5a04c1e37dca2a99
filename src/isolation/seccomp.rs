//! Which system calls a worker may make.
//!
//! Three filters, of which the strictest answer counts:
//!
//! 1. `clone3` does not exist. Its arguments lie in memory, where a filter cannot look; the C
//!    library then falls back to `clone`, whose flags the third filter checks.
//! 2. Calls that no decoder makes and every intruder does end the process on the spot.
//! 3. Of all others only those that decoding was seen to need are allowed. The rest fails with
//!    `EPERM`: libraries probe files and settings, and live well without.
//!
//! No call that takes a path is allowed, and none that makes memory executable.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Allowed with any arguments.
const ALLOWED: &[c_long] = &[
    // The file and the region (positioned), the socket.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_recvmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    // Memory; mapping and protecting are below.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals within the process.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time, chance, and how much memory the machine has.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_sysinfo,
];

/// Deadly with any arguments.
const DEADLY: &[c_long] = &[
    // Other machines and processes.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_fork,
    libc::SYS_vfork,
    // Ways around filters, and large parts of the kernel.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_open_by_handle_at,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// Puts the filters in place.
pub(super) fn filter_calls() -> Result<(), seccompiler::Error> {
    let own_pid = u64::from(std::process::id());
    let no_such_call = SeccompAction::Errno(libc::ENOSYS as u32);
    let not_permitted = SeccompAction::Errno(libc::EPERM as u32);
    let clone3 = Rules::from([(libc::SYS_clone3, vec![])]);
    let (allow, kill) = (SeccompAction::Allow, SeccompAction::KillProcess);
    for filter in [
        compile(clone3, SeccompAction::Allow, no_such_call)?,
        compile(unconditional(DEADLY), SeccompAction::Allow, kill)?,
        // Last: it no longer allows to add one.
        compile(allowed(own_pid)?, not_permitted, allow)?,
    ] {
        seccompiler::apply_filter_all_threads(&filter)?;
    }
    Ok(())
}

fn unconditional(calls: &[c_long]) -> Rules {
    calls.iter().map(|call| (*call, vec![])).collect()
}

fn allowed(own_pid: u64) -> Result<Rules, BackendError> {
    const EXECUTABLE: u64 = libc::PROT_EXEC as u64;
    const THREAD: u64 = libc::CLONE_THREAD as u64;
    let mut rules = unconditional(ALLOWED);
    let never_executable = || argument(2, SeccompCmpOp::MaskedEq(EXECUTABLE), 0);
    rules.insert(libc::SYS_mmap, vec![never_executable()?]);
    rules.insert(libc::SYS_mprotect, vec![never_executable()?]);
    let only_threads = argument(0, SeccompCmpOp::MaskedEq(THREAD), THREAD)?;
    rules.insert(libc::SYS_clone, vec![only_threads]);
    // `abort` signals the thread that calls it.
    rules.insert(
        libc::SYS_tgkill,
        vec![argument(0, SeccompCmpOp::Eq, own_pid)?],
    );
    // A second handle, and whether a handle is valid, which the standard library asks.
    let second_handle = argument(1, SeccompCmpOp::Eq, libc::F_DUPFD_CLOEXEC as u64)?;
    let is_valid = argument(1, SeccompCmpOp::Eq, libc::F_GETFD as u64)?;
    rules.insert(libc::SYS_fcntl, vec![second_handle, is_valid]);
    let name_of_thread = argument(0, SeccompCmpOp::Eq, libc::PR_SET_NAME as u64)?;
    rules.insert(libc::SYS_prctl, vec![name_of_thread]);
    Ok(rules)
}

/// A rule on the low 32 bits of one argument: all of these are C ints or flags within them.
fn argument(index: u8, compare: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    let condition = SeccompCondition::new(index, SeccompCmpArgLen::Dword, compare, value)?;
    SeccompRule::new(vec![condition])
}

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    on_match: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, otherwise, on_match, TargetArch::x86_64)?.try_into()
}
