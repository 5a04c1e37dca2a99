//! A real PostgreSQL for one test: its own data, a private socket, nothing left behind.
//!
//! PostgreSQL refuses to run as root, so a test that does gives it to the user `postgres`, whom the
//! package makes. `setpriv` also tells the kernel to end the server with the thread that started
//! it, however that ends.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The superuser's password; no answer, error or log line may contain it.
pub(crate) const PASSWORD: &str = "Tr0ub4dor-hunter2";
const USER: &str = "examiner";
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A running server; ended when dropped.
pub(crate) struct Postgres {
    server: Option<Child>,
    binaries: PathBuf,
    directory: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut postgres = Self {
            server: None,
            binaries: binaries(),
            directory,
        };
        postgres.make_cluster();
        postgres.start_again();
        postgres
    }

    /// URL of the database that is always there.
    pub(crate) fn url(&self) -> String {
        let socket = self.directory.path().display();
        format!("postgres://{USER}:{PASSWORD}@localhost/postgres?host={socket}")
    }

    fn make_cluster(&self) {
        let password_file = self.directory.path().join("password");
        fs::write(&password_file, PASSWORD).expect("the password's file");
        self.give_to_postgres(self.directory.path());
        self.give_to_postgres(&password_file);
        let made = self
            .command("initdb")
            .args(["--no-sync", "--no-locale", "--encoding=UTF8"])
            .args(["--auth=scram-sha-256", "--username", USER, "--pwfile"])
            .arg(&password_file)
            .arg("--pgdata")
            .arg(self.data())
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "{}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        );
    }

    /// Starts the server on the data there are and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        let log = fs::File::create(self.directory.path().join("log")).expect("a log file");
        let server = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.directory.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .args(["-c", "max_connections=60", "-c", "shared_buffers=32MB"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.server = Some(server.expect("postgres starts"));
        let started = Instant::now();
        while !self.is_ready() {
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            let server = self.server.as_mut().expect("it was just started");
            let ended = server.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "PostgreSQL ended at its start:\n{log}");
            assert!(started.elapsed() < START_DEADLINE, "not ready yet:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The eighth line of the server's own file says how it is.
    fn is_ready(&self) -> bool {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        text.lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
    }

    /// Ends the server as a crash or a failover would; its data stay.
    pub(crate) fn stop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let pid = server.id().to_string();
        // Immediate shutdown: it takes its children and its shared memory along.
        let sent = Command::new("kill").args(["-QUIT", &pid]).status();
        if !sent.is_ok_and(|status| status.success()) {
            let _ = server.kill();
        }
        let _ = server.wait();
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A program of PostgreSQL's under a user it accepts.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=QUIT");
        if let Some((user, group)) = postgres_user() {
            command.arg(format!("--reuid={user}"));
            command.arg(format!("--regid={group}"));
            command.arg("--clear-groups");
        }
        command.arg(self.binaries.join(program));
        command.current_dir("/");
        command
    }

    fn give_to_postgres(&self, path: &Path) {
        if let Some((user, group)) = postgres_user() {
            chown(path, Some(user), Some(group)).expect("root may give files away");
        }
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("own permissions");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Numbers of the user and group `postgres` where this runs as root; `None` elsewhere.
fn postgres_user() -> Option<(u32, u32)> {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let own = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    if own?.split_whitespace().nth(1) != Some("0") {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("a list of users");
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line
        .expect("a user `postgres`; run scripts/setup.sh --test")
        .split(':')
        .skip(2);
    let mut number = || fields.next().and_then(|text| text.parse().ok());
    Some((number()?, number()?))
}

/// Where Debian keeps the newest PostgreSQL's programs.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("postgres").is_file())
        .max();
    newest.expect("PostgreSQL is missing; run scripts/setup.sh --test")
}
