//! A real PostgreSQL: its own data, a private socket, nothing left behind. Most tests get a database of
//! their own on the one server of their run ([`database`]); who stops it starts one ([`Postgres`]).
//!
//! PostgreSQL refuses to run as root, so a test that does gives it to the user `postgres`, whom the
//! package makes. `setpriv` also tells the kernel to end the server with the thread that started
//! it, however that ends.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::kept::Kept;

/// The superuser's password; no answer, error or log line may contain it.
pub(crate) const PASSWORD: &str = "Tr0ub4dor-hunter2";
const USER: &str = "examiner";
/// Names its socket; nobody listens on a network.
const POOLER_PORT: u16 = 6432;
const START_DEADLINE: Duration = Duration::from_secs(60);

/// URL of a new, empty database. It goes with the server, at the end of the run.
pub(crate) fn database() -> String {
    url(&made(), server().folder())
}

/// The same through a real pgbouncer, which gives out the server's few connections for a transaction at
/// a time.
#[allow(dead_code, reason = "not everybody who has a database has it pooled")]
pub(crate) fn pooled_database() -> String {
    static POOLER: OnceLock<Kept> = OnceLock::new();
    let pooler = POOLER.get_or_init(start_pooler);
    url(&made(), pooler.folder()).replace("@localhost/", &format!("@localhost:{POOLER_PORT}/"))
}

/// The server of the run.
fn server() -> &'static Kept {
    static SERVER: OnceLock<Kept> = OnceLock::new();
    SERVER.get_or_init(|| {
        let cluster = Cluster::make();
        let command = cluster.serve();
        let server = Kept::start(&command, "QUIT", cluster.directory.keep());
        wait_until_ready(server.folder(), || server.is_running());
        server
    })
}

/// Name of a new database on it.
fn made() -> String {
    static MADE: AtomicU32 = AtomicU32::new(1);
    let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
    let made = Command::new(binaries().join("createdb"))
        .arg("--host")
        .arg(server().folder())
        .args(["--username", USER, &name])
        .env("PGPASSWORD", PASSWORD)
        .output()
        .expect("createdb runs");
    assert!(made.status.success(), "{}", text(&made.stderr));
    name
}

fn start_pooler() -> Kept {
    let program = Path::new("/usr/sbin/pgbouncer");
    assert!(
        program.is_file(),
        "pgbouncer is missing; run scripts/setup.sh --test"
    );
    let directory = tempfile::tempdir().expect("a temporary directory").keep();
    let settings = directory.join("pgbouncer.ini");
    let (server, own) = (server().folder().display(), directory.display());
    // Two connections a database, so that clients do meet each other's statements.
    let text = format!(
        "[databases]\n* = host={server} user={USER} password={PASSWORD}\n\
         [pgbouncer]\nlisten_addr =\nlisten_port = {POOLER_PORT}\nunix_socket_dir = {own}\n\
         auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 1000\n\
         server_idle_timeout = 2\n"
    );
    fs::write(&settings, text).expect("the pooler's settings");
    give_to_postgres(&directory);
    give_to_postgres(&settings);
    let mut command = command_of(program);
    command.arg(&settings);
    let pooler = Kept::start(&command, "QUIT", directory);
    let socket = pooler.folder().join(format!(".s.PGSQL.{POOLER_PORT}"));
    let started = Instant::now();
    while !socket.exists() {
        let log = fs::read_to_string(pooler.folder().join("log.txt")).unwrap_or_default();
        assert!(pooler.is_running(), "pgbouncer ended at its start:\n{log}");
        assert!(started.elapsed() < START_DEADLINE, "not ready:\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    pooler
}

fn url(database: &str, socket: &Path) -> String {
    let socket = socket.display();
    format!("postgres://{USER}:{PASSWORD}@localhost/{database}?host={socket}")
}

/// A running server of one test; ended when dropped.
pub(crate) struct Postgres {
    server: Option<Child>,
    cluster: Cluster,
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Self {
        let mut postgres = Self {
            server: None,
            cluster: Cluster::make(),
        };
        postgres.start_again();
        postgres
    }

    /// URL of the database that is always there.
    pub(crate) fn url(&self) -> String {
        url("postgres", self.cluster.directory.path())
    }

    /// Starts the server on the data there are and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        let folder = self.cluster.directory.path();
        let log = fs::File::create(folder.join("log.txt")).expect("a log file");
        let mut command = self.cluster.serve();
        let server = command.stdout(Stdio::null()).stderr(log).spawn();
        let server = self.server.insert(server.expect("postgres starts"));
        wait_until_ready(folder, || {
            server.try_wait().expect("it can be waited for").is_none()
        });
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
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits for a server whose folder this is.
fn wait_until_ready(folder: &Path, mut is_running: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_ready(folder) {
        let log = || fs::read_to_string(folder.join("log.txt")).unwrap_or_default();
        assert!(is_running(), "PostgreSQL ended at its start:\n{}", log());
        assert!(started.elapsed() < START_DEADLINE, "not ready:\n{}", log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The eighth line of the server's own file says how it is.
fn is_ready(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    text.lines()
        .nth(7)
        .is_some_and(|line| line.trim() == "ready")
}

/// The files of a server.
struct Cluster {
    directory: TempDir,
}

impl Cluster {
    fn make() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let password_file = directory.path().join("password");
        fs::write(&password_file, PASSWORD).expect("the password's file");
        give_to_postgres(directory.path());
        give_to_postgres(&password_file);
        let made = command("initdb")
            .args(["--no-sync", "--no-locale", "--encoding=UTF8"])
            .args(["--auth=scram-sha-256", "--username", USER, "--pwfile"])
            .arg(&password_file)
            .arg("--pgdata")
            .arg(directory.path().join("data"))
            .output()
            .expect("initdb runs");
        let told = [made.stdout, made.stderr].concat();
        assert!(made.status.success(), "{}", text(&told));
        Self { directory }
    }

    /// The command that serves them.
    fn serve(&self) -> Command {
        let mut command = command("postgres");
        command
            .arg("-D")
            .arg(self.directory.path().join("data"))
            .arg("-k")
            .arg(self.directory.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .args(["-c", "max_connections=200", "-c", "shared_buffers=32MB"]);
        command
    }
}

/// A program of PostgreSQL's under a user it accepts.
fn command(program: &str) -> Command {
    command_of(&binaries().join(program))
}

fn command_of(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=QUIT");
    if let Some((user, group)) = postgres_user() {
        command.arg(format!("--reuid={user}"));
        command.arg(format!("--regid={group}"));
        command.arg("--clear-groups");
    }
    command.arg(program);
    command.current_dir("/");
    command
}

fn give_to_postgres(path: &Path) {
    if let Some((user, group)) = postgres_user() {
        chown(path, Some(user), Some(group)).expect("root may give files away");
    }
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("own permissions");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
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
