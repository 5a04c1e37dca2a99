//! A headless Chromium for a test, driven over WebDriver; gone when dropped.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for anything on the page: an analysis while every other test runs on two cores.
const PATIENCE: Duration = Duration::from_secs(240);

const WHAT_TO_DO: &str =
    "the browser tests need chromedriver and chromium; `scripts/setup.sh --test` installs both";

/// What the browser shows pages on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Screen {
    Desktop,
    /// A narrow one that is touched.
    Phone,
}

/// A browser with a profile of its own.
pub(crate) struct Browser {
    client: Client,
    // Fields drop in this order: the browser ends before its profile is removed.
    _driver: Driver,
    profile: TempDir,
}

impl Browser {
    /// Starts chromedriver on a free port and a browser behind it, and opens `url`.
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_on(Screen::Desktop, url).await
    }

    /// The same on a screen of one's choice.
    pub(crate) async fn open_on(screen: Screen, url: &str) -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let log = profile.path().join("chromedriver.txt");
        let driver = Driver::start(&log);
        let port = port_of(&log).await;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(screen, profile.path()))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|error| panic!("chromium does not start ({error}): {WHAT_TO_DO}"));
        client.goto(url).await.expect("the page opens");
        Self {
            client,
            _driver: driver,
            profile,
        }
    }

    /// Runs JavaScript, which answers with `return`.
    pub(crate) async fn js(&self, script: &str) -> Value {
        let answer = self.client.execute(script, Vec::new()).await;
        answer.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The text that a person sees in the first element that matches.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = format!(
            "return document.querySelector({}).innerText",
            json!(selector)
        );
        self.js(&script).await.as_str().expect("text").to_owned()
    }

    /// How many elements match.
    pub(crate) async fn count(&self, selector: &str) -> u64 {
        let script = format!(
            "return document.querySelectorAll({}).length",
            json!(selector)
        );
        self.js(&script).await.as_u64().expect("a count")
    }

    /// Waits until an element that matches can be seen.
    pub(crate) async fn wait_for(&self, selector: &str) {
        let visible = format!(
            "return !!document.querySelector({})?.checkVisibility()",
            json!(selector)
        );
        self.wait_until(&visible).await;
    }

    /// Waits until JavaScript returns true.
    pub(crate) async fn wait_until(&self, script: &str) {
        let started = Instant::now();
        while self.js(script).await != Value::Bool(true) {
            let page = self.text("body").await;
            assert!(
                started.elapsed() < PATIENCE,
                "never true: {script}\nThe page says:\n{page}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks the first element that matches.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self
            .client
            .find(Locator::Css(selector))
            .await
            .expect(selector);
        element.click().await.expect(selector);
    }

    /// Gives a file to a file input, or text to a field.
    pub(crate) async fn enter(&self, selector: &str, text: &str) {
        let element = self
            .client
            .find(Locator::Css(selector))
            .await
            .expect(selector);
        element.send_keys(text).await.expect(selector);
    }

    /// Presses and releases a key, wherever the focus is.
    pub(crate) async fn press(&self, key: Key) {
        let value = char::from(key);
        let stroke = KeyActions::new("keyboard".into())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client
            .perform_actions(stroke)
            .await
            .expect("a key stroke");
    }

    /// Presses Tab until the focused element matches.
    pub(crate) async fn tab_to(&self, selector: &str) {
        let reached = format!("return document.activeElement.matches({})", json!(selector));
        for _ in 0..40 {
            self.press(Key::Tab).await;
            if self.js(&reached).await == Value::Bool(true) {
                return;
            }
        }
        panic!("40 Tabs do not reach {selector}");
    }

    /// Waits for the one file that was downloaded, and reads it.
    pub(crate) async fn downloaded(&self) -> Vec<u8> {
        let started = Instant::now();
        loop {
            let found = std::fs::read_dir(downloads(self.profile.path()))
                .into_iter()
                .flatten();
            let mut paths = found.filter_map(|entry| Some(entry.ok()?.path()));
            // The browser gives a file its name when it is whole.
            let whole = paths.find(|path| path.extension().is_some_and(|name| name == "pdf"));
            if let Some(path) = whole {
                return std::fs::read(path).expect("a downloaded file");
            }
            assert!(started.elapsed() < PATIENCE, "nothing was downloaded");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Saves what the screen shows as a picture under `target/`.
    pub(crate) async fn glance(&self, name: &str) {
        let picture = self.client.screenshot().await.expect("a screenshot");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(path, picture).expect("the screenshot is saved");
    }

    /// Ends the browser in good order. A test that fails earlier has it killed instead.
    pub(crate) async fn close(self) {
        self.client.close().await.expect("the browser ends");
    }

    /// Saves the whole page as a picture under `target/`, for a person to look at.
    pub(crate) async fn screenshot(&self, name: &str) {
        let tall = "return document.documentElement.scrollHeight";
        let height_px = self
            .js(tall)
            .await
            .as_u64()
            .expect("a height")
            .clamp(900, 6000);
        let height_px = u32::try_from(height_px).expect("at most 6000");
        self.client
            .set_window_size(1280, height_px + 150)
            .await
            .expect("a window size");
        self.wait_until(
            "return [...document.images].every((i) => i.complete || i.loading === 'lazy')",
        )
        .await;
        let picture = self.client.screenshot().await.expect("a screenshot");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(path, picture).expect("the screenshot is saved");
    }
}

/// The chromedriver process and, in its process group, the browser.
struct Driver(Child);

impl Driver {
    fn start(log: &Path) -> Self {
        // A group of its own, so that no process of the browser outlives a test that fails.
        let child = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(File::create(log).expect("a log file"))
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("no chromedriver ({error}): {WHAT_TO_DO}")))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        // It may have ended already, which is fine.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// chromedriver chooses a free port and prints it.
async fn port_of(log: &Path) -> u16 {
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if let Some((_, rest)) = text.split_once("started successfully on port ") {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if rest.len() > digits.len() {
                return digits.parse().expect("a port");
            }
        }
        assert!(
            started.elapsed() < PATIENCE,
            "chromedriver names no port:\n{text}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn downloads(profile: &Path) -> PathBuf {
    profile.join("downloads")
}

fn capabilities(screen: Screen, profile: &Path) -> fantoccini::wd::Capabilities {
    let arguments = json!([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--window-size=1280,1000",
        format!("--user-data-dir={}", profile.join("profile").display()),
    ]);
    let mut capabilities = fantoccini::wd::Capabilities::new();
    let mut options = json!({
        "args": arguments,
        "prefs": {
            "download.default_directory": downloads(profile),
            "plugins.always_open_pdf_externally": true,
        },
    });
    if screen == Screen::Phone {
        let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 2.0, "touch": true });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    capabilities.insert("goog:chromeOptions".into(), options);
    capabilities
}
