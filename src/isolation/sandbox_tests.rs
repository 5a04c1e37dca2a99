//! What a process that is shut in can still do. Each trial runs in a process of its own: a fork of the
//! test, which has one thread and tries one thing. (Workers are never made by forking.)
#![allow(unsafe_code)]

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::process::{Command, ExitStatus};

use super::{SandboxLimits, enter_sandbox};

/// Exit code of a trial in which the attempt failed in an orderly way.
const DENIED: i32 = 40;
/// Exit code of a trial in which it succeeded.
const DONE: i32 = 41;
/// Exit code of a trial that went wrong itself.
const BROKEN: i32 = 42;
/// No trial takes longer.
const TRIAL_S: u32 = 30;

/// Runs one trial and tells how its process ended.
fn try_in_sandbox(what: &str) -> ExitStatus {
    // SAFETY: the child has one thread, runs this test's own code and ends without unwinding or
    // running anything registered; the C library keeps its heap usable across a fork.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "the system makes a process");
        if child == 0 {
            libc::alarm(TRIAL_S);
            libc::_exit(catch_unwind(|| trial(what)).unwrap_or(BROKEN));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        ExitStatus::from_raw(status)
    }
}

fn trial(what: &str) -> i32 {
    let held = File::open("/proc/self/exe").unwrap();
    let limits = SandboxLimits {
        memory_bytes: 1 << 29,
        cpu_s: 60,
        file_bytes: 1 << 20,
    };
    let isolation = enter_sandbox(&limits).unwrap();
    assert_eq!(isolation.missing(), Vec::<&str>::new());
    if attempt(what, &held) { DONE } else { DENIED }
}

#[track_caller]
fn assert_denied(what: &str) {
    assert_eq!(try_in_sandbox(what).code(), Some(DENIED), "{what}");
}

#[track_caller]
fn assert_deadly(what: &str) {
    assert_eq!(try_in_sandbox(what).signal(), Some(libc::SIGSYS), "{what}");
}

/// Does `what`, shut in; `true` when it worked.
fn attempt(what: &str, held: &File) -> bool {
    let denied = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    // SAFETY: each is a plain system call on this process or on numbers; none takes memory of ours
    // but string literals.
    unsafe {
        match what {
            "open a file" => File::open("/etc/hostname").map_err(denied).is_ok(),
            "create a file" => File::create("/tmp/framewitness-trial")
                .map_err(denied)
                .is_ok(),
            "ask whether a file exists" => {
                std::fs::metadata("/etc/hostname").map_err(denied).is_ok()
            }
            "run a program" => Command::new("/bin/true").status().is_ok(),
            "become a program" => {
                libc::execl(c"/bin/true".as_ptr(), std::ptr::null::<libc::c_char>()) == 0
            }
            "reach the network" => std::net::UdpSocket::bind("127.0.0.1:0").is_ok(),
            "signal its parent" => libc::kill(libc::getppid(), 0) == 0,
            "signal a thread of its parent" => {
                let parent = libc::c_long::from(libc::getppid());
                libc::syscall(libc::SYS_tgkill, parent, parent, 0) == 0
            }
            "trace its parent" => libc::ptrace(libc::PTRACE_SEIZE, libc::getppid(), 0, 0) == 0,
            "bound its parent" => {
                let none = std::ptr::null_mut();
                let limit = libc::rlimit {
                    rlim_cur: 1,
                    rlim_max: 1,
                };
                libc::prlimit(libc::getppid(), libc::RLIMIT_CPU, &raw const limit, none) == 0
            }
            "make a process" => libc::fork() >= 0,
            "ask for a ring" => libc::syscall(libc::SYS_io_uring_setup, 1, 0) >= 0,
            "make memory executable" => {
                let (rwx, private) = (
                    libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                );
                libc::mmap(std::ptr::null_mut(), 4096, rwx, private, -1, 0) != libc::MAP_FAILED
            }
            "map more memory than it may" => Vec::<u8>::new().try_reserve_exact(1 << 30).is_ok(),
            "map as much memory as it may" => Vec::<u8>::new().try_reserve_exact(1 << 27).is_ok(),
            "read the file it was given" => {
                use std::os::unix::fs::FileExt;
                held.read_at(&mut [0; 4], 0).is_ok_and(|count| count == 4)
            }
            "start a thread" => std::thread::Builder::new()
                .spawn(|| 1)
                .is_ok_and(|thread| thread.join().is_ok()),
            other => panic!("unknown trial {other}"),
        }
    }
}

#[test]
fn what_decoding_needs_still_works() {
    for what in [
        "read the file it was given",
        "start a thread",
        "map as much memory as it may",
    ] {
        assert_eq!(try_in_sandbox(what).code(), Some(DONE), "{what}");
    }
}

#[test]
fn paths_lead_nowhere() {
    assert_denied("open a file");
    assert_denied("create a file");
    assert_denied("ask whether a file exists");
}

#[test]
fn other_programs_machines_and_processes_are_out_of_reach() {
    assert_denied("run a program");
    assert_denied("signal a thread of its parent");
    assert_denied("bound its parent");
    assert_deadly("become a program");
    assert_deadly("reach the network");
    assert_deadly("signal its parent");
    assert_deadly("trace its parent");
    assert_deadly("ask for a ring");
}

/// The C library makes processes by `clone`, which is allowed for threads only.
#[test]
fn a_process_cannot_be_made() {
    assert_denied("make a process");
}

#[test]
fn memory_is_bounded_and_never_becomes_a_program() {
    assert_denied("map more memory than it may");
    assert_denied("make memory executable");
}

#[test]
fn a_process_of_several_threads_is_not_shut_in_halfway() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || stopped.recv());
    let limits = SandboxLimits {
        memory_bytes: 1 << 40,
        cpu_s: 1 << 30,
        file_bytes: 1 << 40,
    };
    assert!(matches!(enter_sandbox(&limits), Err(super::IsolationError::Threads(n)) if n > 1));
    drop(stop);
    assert!(other.join().is_ok());
}
