//! What holds the process that decodes untrusted bytes.

use serde::{Deserialize, Serialize};

/// The guards in force around a decode worker, as the worker itself found them before it was given
/// its first file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// Neither it nor anything it starts can gain privileges.
    pub no_new_privileges: bool,
    /// Address space, processor time, file size, descriptors and core dumps are bounded.
    pub resource_limits: bool,
    /// System calls are filtered: no paths, sockets, programs, tracing or signals to others.
    pub seccomp: bool,
    /// Version of Landlock that takes all rights to files, TCP, signals and abstract sockets away;
    /// `None` where the kernel has none. Seccomp denies the same calls.
    pub landlock_abi: Option<u32>,
}

impl Isolation {
    /// Names of the guards that are required and not in force. Landlock is a second wall where the
    /// kernel has it and not required.
    pub fn missing(&self) -> Vec<&'static str> {
        [
            (self.no_new_privileges, "no new privileges"),
            (self.resource_limits, "resource limits"),
            (self.seccomp, "seccomp"),
        ]
        .into_iter()
        .filter_map(|(in_force, name)| (!in_force).then_some(name))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landlock_is_welcome_and_the_rest_is_required() {
        let mut isolation = Isolation {
            no_new_privileges: true,
            resource_limits: true,
            seccomp: true,
            landlock_abi: None,
        };
        assert_eq!(isolation.missing(), Vec::<&str>::new());
        isolation.seccomp = false;
        isolation.landlock_abi = Some(6);
        assert_eq!(isolation.missing(), ["seccomp"]);
    }
}
