//! A program that serves a whole test run: it outlives the test that started it and ends with the
//! run, however that ends.
//!
//! Destructors of statics never run. So the program is the child of a small shell that waits for
//! the end of its own input, which the system closes when the tests' process is gone; then it ends
//! the program and removes its folder.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Arguments: signal that ends the program, its folder, its log, the program and its arguments.
const KEEPER: &str = r#"
signal=$1 folder=$2 log=$3
shift 3
"$@" >/dev/null 2>"$log" &
echo $!
exec >/dev/null
cat
kill "-$signal" $!
wait $!
rm -rf "$folder"
"#;

/// A running program; keep it in a static.
pub(crate) struct Kept {
    pid: u32,
    folder: PathBuf,
    // The end of its input, which this holds, ends the program.
    _keeper: Child,
}

impl Kept {
    /// Starts `command`, whose files are in `folder` and whose standard error goes to `log.txt` there.
    /// It gets `signal` (such as `TERM`) when the run is over.
    pub(crate) fn start(command: &Command, signal: &str, folder: PathBuf) -> Self {
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh", signal]);
        keeper.arg(&folder).arg(folder.join("log.txt"));
        keeper.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => keeper.env(name, value),
                None => keeper.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            keeper.current_dir(directory);
        }
        // A group of its own: Ctrl-C is for the tests, and the keeper has to clean up after them.
        keeper.process_group(0);
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn().expect("a shell");
        let mut pid = String::new();
        let output = keeper.stdout.take().expect("it was asked for");
        let read = BufReader::new(output).read_line(&mut pid);
        read.expect("the keeper tells the number of the process");
        Self {
            pid: pid.trim().parse().expect("the number of a process"),
            folder,
            _keeper: keeper,
        }
    }

    /// Process number of the program.
    #[allow(dead_code, reason = "not everybody who keeps a program asks")]
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it logged so far.
    #[allow(dead_code, reason = "not everybody who keeps a program asks")]
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default()
    }
}
