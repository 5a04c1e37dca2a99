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
//!
//! Which commands need it is known in `main` ([`start_over_where_needed`]). By then libtorch has readied itself for half a
//! second, all of which is lost. So commands that surely need it start over before ([`EARLY`]): an entry of `.preinit_array`
//! is called when the libraries are mapped and before any of them readies itself (System V ABI, chapter 5,
//! "Initialization and Termination Functions"). Nothing of them may be used there, but for system calls.
#![allow(unsafe_code)]

use std::env;
use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// `NAME=value`.
const WANTED: [&CStr; 3] = [
    c"OMP_WAIT_POLICY=passive",
    c"MALLOC_MMAP_THRESHOLD_=4294967296",
    c"MALLOC_TRIM_THRESHOLD_=17179869184",
];
/// Commands that run models, whatever else is asked of them.
const RUN_MODELS: [&[u8]; 4] = [b"serve", b"analyze", b"evaluate", b"replay"];
/// Variables beside the wanted ones that an early start has room for; with more of them `main` starts over.
const ROOM: usize = 2048;
/// Longest path of this program that an early start has room for, bytes.
const PATH_BYTES: usize = 4096;

/// Replaces the process by itself with the variables set, unless all are chosen already. Call it
/// first in `main`: arguments, process number and open files stay, everything else is lost.
///
/// # Errors
/// What the operating system says when the program cannot be started over; it may then go on.
pub(crate) fn start_over_where_needed() -> io::Result<()> {
    let wanted = WANTED
        .iter()
        .filter_map(|wanted| wanted.to_str().ok()?.split_once('='));
    let missing: Vec<_> = wanted
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

type Strings = *const *const c_char;

#[used]
#[unsafe(link_section = ".preinit_array")]
static EARLY: unsafe extern "C" fn(c_int, Strings, Strings) = start_over_early;

/// As [`start_over_where_needed`] for the commands of [`RUN_MODELS`]; returns where there is no need or no way.
///
/// # Safety
/// `arguments` and `variables` end with a null pointer, as the loader hands them over. Allocates nothing, as the C
/// library is not ready either.
unsafe extern "C" fn start_over_early(_: c_int, arguments: Strings, variables: Strings) {
    let mut path = [0_u8; PATH_BYTES];
    let mut environment = [std::ptr::null::<c_char>(); ROOM + WANTED.len() + 1];
    // SAFETY: both end with a null pointer.
    let runs_models =
        unsafe { each(arguments) }.any(|argument| RUN_MODELS.contains(&argument.to_bytes()));
    if !runs_models {
        return;
    }
    let mut set = [false; WANTED.len()];
    let mut count = 0;
    // SAFETY: as above.
    for variable in unsafe { each(variables) } {
        if count == ROOM {
            return;
        }
        environment[count] = variable.as_ptr();
        count += 1;
        for (set, wanted) in set.iter_mut().zip(WANTED) {
            *set |= name_of(variable) == name_of(wanted);
        }
    }
    if set == [true; WANTED.len()] {
        return;
    }
    for (_, wanted) in set.iter().zip(WANTED).filter(|(set, _)| !**set) {
        environment[count] = wanted.as_ptr();
        count += 1;
    }
    // SAFETY: system calls with buffers of the stated sizes, which end with a null byte and a null pointer: a byte of
    // the path and a place of the environment are left.
    unsafe {
        let own = c"/proc/self/exe".as_ptr();
        let length = libc::readlink(own, path.as_mut_ptr().cast(), PATH_BYTES - 1);
        if length > 0 {
            libc::execve(path.as_ptr().cast(), arguments, environment.as_ptr());
        }
    }
}

fn name_of(variable: &CStr) -> Option<&[u8]> {
    variable.to_bytes().split(|&byte| byte == b'=').next()
}

/// # Safety
/// `strings` ends with a null pointer, and what it points to lasts as long as the process.
unsafe fn each(strings: Strings) -> impl Iterator<Item = &'static CStr> {
    let mut next = strings;
    std::iter::from_fn(move || {
        // SAFETY: the caller's promise; `next` never passes the null pointer.
        unsafe {
            let string = *next;
            if string.is_null() {
                return None;
            }
            next = next.add(1);
            Some(CStr::from_ptr(string))
        }
    })
}
