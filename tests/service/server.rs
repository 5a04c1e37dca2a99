//! Starts the real program for a test and leaves nothing behind.
//!
//! A test that needs no settings, no store and no log of its own asks the server that the run keeps
//! ([`Server::shared`]): others ask it at the same time, and what they left is in its history.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::home::{BACKEND_VARIABLE, Home, Kept, Remote};

/// What a server of one test does less of than by default, where the test asks for nothing else: few
/// frames and one worker are as good for what does not depend on them. The shared server has the defaults.
const FRUGAL: [(&str, &str); 3] = [
    ("sample_frames", "8"),
    ("decode_threads", "1"),
    ("frame_model_frames", "2"),
];

/// Loading libtorch and the models on a busy machine takes seconds, never this long.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// The program under test.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_framewitness"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    // It is the tests' own; the program knows no such setting.
    command.env_remove(BACKEND_VARIABLE);
    command
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file that the scripts keep for every clone.
pub(crate) fn cached(path: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
    cache.unwrap_or_else(home).join("framewitness").join(path)
}

/// A stored analysis without what stands beside it for clients of the D3 Detection API.
pub(crate) fn own_fields(mut stored: Value) -> Value {
    let fields = stored.as_object_mut().expect("an object");
    assert_eq!(fields.remove("success"), Some(Value::Bool(true)));
    let data = fields.remove("data").expect("data");
    assert_eq!(data["prediction_id"], fields["id"]);
    stored
}

/// The server that the run keeps.
static SHARED: OnceCell<SharedServer> = OnceCell::const_new();

struct SharedServer {
    url: String,
    kept: Kept,
    home: Home,
}

impl SharedServer {
    async fn start() -> Self {
        let home = Home::new();
        let command = serve(program(), &home, &[]);
        // The home is never dropped; the keeper removes its folder.
        let kept = Kept::start(&command, "TERM", home.directory.path().into());
        let url = address(|| kept.log(), || kept.is_running()).await;
        Self { url, kept, home }
    }
}

/// A server; one of the test's own is killed when dropped.
pub(crate) struct Server {
    /// `None`: the one that the run keeps.
    child: Option<Child>,
    url: String,
    home: Option<Home>,
    client: reqwest::Client,
}

impl Server {
    /// The server that the run keeps, with the default settings.
    pub(crate) async fn shared() -> Self {
        let shared = SHARED.get_or_init(SharedServer::start).await;
        Self {
            child: None,
            url: shared.url.clone(),
            home: None,
            // Connections belong to the runtime of one test.
            client: reqwest::Client::new(),
        }
    }

    /// Starts a server with the default settings but for [`FRUGAL`].
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with settings given as `("max_body_bytes", "1000")`.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(Home::new(), settings).await
    }

    /// As [`Self::start`] for a test that asks nothing of verdicts: [`Home::quick`].
    pub(crate) async fn start_quick() -> Self {
        Self::start_quick_with(&[]).await
    }

    /// As [`Self::start_with`] for a test that asks nothing of verdicts: [`Home::quick`].
    pub(crate) async fn start_quick_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(Home::new().quick(), settings).await
    }

    /// Starts a server in a home of its own, or in one that another left. A name that begins with
    /// `FWTEST_` is no setting but a variable as it stands.
    pub(crate) async fn start_in(home: impl Into<Home>, settings: &[(&str, &str)]) -> Self {
        Self::start_as(program(), home.into(), settings).await
    }

    /// Starts a server through another command, which is to become the program.
    pub(crate) async fn start_through(
        mut through: Command,
        home: Home,
        settings: &[(&str, &str)],
    ) -> Self {
        let program = program();
        through.arg(program.get_program());
        through.current_dir(env!("CARGO_MANIFEST_DIR"));
        through.env_remove(BACKEND_VARIABLE);
        Self::start_as(through, home, settings).await
    }

    async fn start_as(command: Command, home: Home, settings: &[(&str, &str)]) -> Self {
        let log = home.directory.path().join("log.txt");
        let settings = [&FRUGAL, settings].concat();
        let mut child = serve(command, &home, &settings)
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log file"))
            .spawn()
            .expect("the program starts");
        let read = || std::fs::read_to_string(&log).unwrap_or_default();
        let is_running = || {
            let ended = child.try_wait();
            ended.expect("the program can be waited for").is_none()
        };
        let url = address(read, is_running).await;
        Self {
            child: Some(child),
            url,
            home: Some(home),
            client: reqwest::Client::new(),
        }
    }

    /// `http://127.0.0.1:PORT` followed by `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The client of this server.
    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Process number of the server.
    pub(crate) fn pid(&self) -> u32 {
        match &self.child {
            Some(child) => child.id(),
            None => kept().kept.pid(),
        }
    }

    /// Where the server keeps its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory().join("data")
    }

    fn directory(&self) -> &Path {
        self.home().directory.path()
    }

    /// The process of a server that the test started.
    fn own_child(&mut self) -> &mut Child {
        let child = self.child.as_mut();
        child.expect("a test that ends its server starts one")
    }

    /// Runs the program on the server's data, as somebody at its machine would.
    pub(crate) fn run_beside(&self, arguments: &[&str]) -> Output {
        let mut command = program();
        command.envs(self.home().environment()).args(arguments);
        command.arg("--data-dir").arg(self.data_dir());
        command.output().expect("the program runs")
    }

    /// Where the server's data are.
    pub(crate) fn home(&self) -> &Home {
        match &self.child {
            Some(_) => self.home.as_ref().expect("a server keeps its home"),
            None => &kept().home,
        }
    }

    /// The database and the bucket of a server that has them.
    pub(crate) fn remote(&mut self) -> &mut Remote {
        let home = self.home.as_mut().expect("a server keeps its home");
        home.remote.as_mut().expect("PostgreSQL and S3")
    }

    /// Ends the server and takes its data, for another to start on.
    pub(crate) fn give_up_home(mut self) -> Home {
        self.home.take().expect("a server keeps its home")
    }

    /// Everything logged so far.
    pub(crate) fn log(&self) -> String {
        match &self.child {
            Some(_) => {
                std::fs::read_to_string(self.directory().join("log.txt")).unwrap_or_default()
            }
            None => kept().kept.log(),
        }
    }

    /// Gets `path`.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        (self.client.get(self.url(path)).send().await).expect("the server answers")
    }

    /// Posts a file in the field `file`.
    pub(crate) async fn post_file(&self, path: &str, file: &Path) -> reqwest::Response {
        let bytes = std::fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let name = file
            .file_name()
            .expect("a file name")
            .to_string_lossy()
            .into_owned();
        self.post_bytes(path, &name, bytes).await
    }

    /// Posts bytes in the field `file`.
    pub(crate) async fn post_bytes(
        &self,
        path: &str,
        name: &str,
        bytes: Vec<u8>,
    ) -> reqwest::Response {
        let form = Form::new().part("file", Part::bytes(bytes).file_name(name.to_owned()));
        let request = self.client.post(self.url(path)).multipart(form);
        request.send().await.expect("the server answers")
    }

    /// Posts a file to `/predict` and expects a verdict.
    pub(crate) async fn predict(&self, file: &str) -> Value {
        let response = self.post_file("/predict", &repository(file)).await;
        let status = response.status();
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Posts a file to `/predict`; an error where the connection breaks.
    pub(crate) async fn try_predict(&self, file: &str) -> Result<Value, reqwest::Error> {
        let form = Form::new().file("file", repository(file)).await;
        let form = form.expect("the clip");
        let request = self.client.post(self.url("/predict")).multipart(form);
        request.send().await?.json().await
    }

    /// Sends a signal by its name, such as `TERM` or `INT`.
    pub(crate) fn signal(&self, name: &str) {
        assert!(self.child.is_some(), "others need the server of the run");
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.pid().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Waits for the server to end by itself.
    pub(crate) async fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            let ended = self.own_child().try_wait();
            if let Some(status) = ended.expect("the program can be waited for") {
                return status;
            }
            assert!(
                started.elapsed() < deadline,
                "still running:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already, which is fine.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn kept() -> &'static SharedServer {
    SHARED.get().expect("it was started for this handle")
}

/// Completes a command that becomes the program to one that serves in `home`.
fn serve(mut command: Command, home: &Home, settings: &[(&str, &str)]) -> Command {
    command.envs(home.environment());
    command.env("FRAMEWITNESS_BIND", "127.0.0.1:0");
    for (name, value) in settings {
        if name.starts_with("FWTEST_") {
            command.env(name, value);
        } else {
            command.env(format!("FRAMEWITNESS_{}", name.to_uppercase()), value);
        }
    }
    command.args(["serve", "--data-dir"]);
    command.arg(home.directory.path().join("data"));
    command
}

/// Waits until a server that starts has logged where it serves.
async fn address(log: impl Fn() -> String, mut is_running: impl FnMut() -> bool) -> String {
    let started = Instant::now();
    loop {
        let text = log();
        let told = text.split_once("serving on ");
        // A line that is written just now may still lack its end.
        if let Some((address, _)) = told.and_then(|(_, rest)| rest.split_once(char::is_whitespace))
        {
            return address.to_owned();
        }
        assert!(is_running(), "the server ended at its start:\n{text}");
        assert!(
            started.elapsed() < START_DEADLINE,
            "no address yet:\n{text}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
