//! A child process that may be lost: how it is started, shut in, spoken to and ended. The only
//! place that names landlock, seccompiler and rustix.
//!
//! Nothing here knows what the child is for. The parent holds a [`Worker`]: a program executed
//! anew (never a fork of a threaded process), with one socket as its standard input, no other
//! descriptor and next to no environment. Which one, [`WorkerProgram`] says. Both ends speak over a [`Channel`]:
//!
//! ```text
//! message = length (u32, little endian) · JSON of that many bytes
//! ```
//!
//! A message to the worker may carry descriptors (`SCM_RIGHTS`); one from it may not, they are
//! closed unread. Bulk goes through a [`Region`], anonymous memory of fixed size that the worker
//! fills and the parent copies out of with `pread`: it is never mapped by the parent, so the worker
//! can neither change what was checked nor make reading fault.
//!
//! Before its first untrusted byte the worker calls [`enter_sandbox`], which cannot be undone.
//!
//! The worker is the enemy once it has read a file. So the parent bounds every length before it
//! allocates, waits for nothing without a way out, and kills what is over its time. A worker ends
//! with its [`Worker`] (killed and reaped by Drop), and by the kernel with the thread that started
//! it.

mod channel;
#[cfg(test)]
mod channel_tests;
mod error;
mod region;
mod sandbox;
#[cfg(test)]
mod sandbox_tests;
mod seccomp;
mod worker;

pub use channel::Channel;
pub use error::IsolationError;
pub use region::{Region, RegionWriter, Span};
pub use sandbox::{SandboxLimits, enter_sandbox};
pub use worker::{Worker, WorkerProgram, prepare_worker, reopen_read_only};
