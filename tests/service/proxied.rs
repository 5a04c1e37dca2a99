//! The service under a path of a site: behind a real nginx with the lines of the README, and with
//! requests of proxies that say less.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::Browser;
use crate::server::{Server, repository};

const CLIP: &str = "videos/genuine.mp4";
/// Debian installs it where only root looks.
const NGINX: &str = "/usr/sbin/nginx";
const START_DEADLINE: Duration = Duration::from_secs(20);
/// Where the README says the service is.
const STATED_ADDRESS: &str = "http://127.0.0.1:8080";

/// An nginx of one test; ended when dropped.
struct Nginx {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Nginx {
    /// Shows `server` under `/fw/` as the README says, and under `/plain` without a word of it.
    async fn before(server: &Server) -> Self {
        let readme = std::fs::read_to_string(repository("README.md")).expect("the README");
        let block = readme.split_once("```nginx\n").expect("lines for nginx").1;
        let lines = block.split_once("```").expect("the end of the lines").0;
        let told = lines.replace(STATED_ADDRESS, &server.url(""));
        let silent = format!("location /plain {{ proxy_pass {}; }}", server.url(""));
        // Another process may take the port between the question and nginx.
        for _ in 0..5 {
            if let Some(nginx) = Self::try_start(&format!("{told}\n{silent}")).await {
                return nginx;
            }
        }
        panic!("nginx finds no port");
    }

    async fn try_start(locations: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a directory");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = free.expect("a free port").port();
        let settings = settings(folder.path(), port, locations);
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, settings).expect("a file");
        let log = folder.path().join("log.txt");
        let child = Command::new(NGINX)
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(&log)
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log file"))
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("no {NGINX} ({error}): `scripts/setup.sh --test` installs it")
        });
        let mut nginx = Self {
            child,
            folder,
            port,
        };
        nginx.is_up().await.then_some(nginx)
    }

    async fn is_up(&mut self) -> bool {
        let started = Instant::now();
        while reqwest::get(self.url("/fw/livez")).await.is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log.txt"));
            if self
                .child
                .try_wait()
                .expect("nginx can be waited for")
                .is_some()
            {
                let log = log().unwrap_or_default();
                assert!(
                    log.contains("Address already in use"),
                    "nginx ended:\n{log}"
                );
                return false;
            }
            assert!(started.elapsed() < START_DEADLINE, "no answer: {:?}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(self.url(path)).await.expect("nginx answers")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One process that keeps everything in `folder`.
fn settings(folder: &Path, port: u16, locations: &str) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}server {{\nlisten 127.0.0.1:{port};\n{locations}\n}}\n}}\n"
    )
}

async fn shown() -> (Server, Nginx) {
    let settings = [("trust_forwarded", "true"), ("public_path", "/plain")];
    let server = Server::start_with(&settings).await;
    let nginx = Nginx::before(&server).await;
    (server, nginx)
}

async fn json_of(response: reqwest::Response) -> Value {
    assert_eq!(response.status(), 200, "{}", response.url());
    response.json().await.expect("JSON")
}

/// Every address anywhere in an answer.
fn links(answer: &Value) -> Vec<String> {
    match answer {
        Value::Object(fields) => (fields.iter())
            .flat_map(|(name, value)| match value {
                Value::String(link) if name.ends_with("url") => vec![link.clone()],
                value @ (Value::Object(_) | Value::Array(_)) => links(value),
                Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Vec::new(),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(links).collect(),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Vec::new(),
    }
}

/// What the page loaded from anywhere but below `path`.
async fn loaded_from_elsewhere(browser: &Browser, path: &str) -> Value {
    let script = format!(
        "return performance.getEntriesByType('resource').map((e) => e.name)
            .filter((name) => !name.startsWith(location.origin + {}) && !name.startsWith('blob:')
                && !name.startsWith('data:'))",
        json!(path)
    );
    browser.js(&script).await
}

#[tokio::test]
async fn the_page_analyses_a_video_under_a_path_and_every_link_on_it_leads_somewhere() {
    let (_server, nginx) = shown().await;
    // The second address lacks the slash at its end, and nginx leaves its path on.
    for (address, path) in [("/fw/", "/fw/"), ("/plain", "/plain/")] {
        let browser = Browser::open(&nginx.url(address)).await;
        let clip = repository(CLIP);
        let clip = clip.to_str().expect("a UTF-8 path");
        browser.enter("#analyse-file", clip).await;
        browser.wait_for("#verdict").await;
        for picture in [".frame-image", ".crop img", ".masthead img"] {
            let drawn = format!("return document.querySelector('{picture}').naturalWidth > 0");
            browser.wait_until(&drawn).await;
        }
        let elsewhere = loaded_from_elsewhere(&browser, path).await;
        assert_eq!(elsewhere, json!([]), "{address}");

        let leads = "return [...document.querySelectorAll('a[href]')].map((a) => a.href)
            .filter((href) => href.startsWith('http') && !href.includes('#'))";
        let leads = browser.js(leads).await;
        let leads = leads.as_array().expect("addresses");
        assert!(leads.len() >= 6, "{leads:?}");
        for lead in leads {
            let lead = lead.as_str().expect("an address");
            assert!(lead.starts_with(&nginx.url(path)), "{lead}");
            let answer = reqwest::get(lead).await.expect("nginx answers");
            assert_eq!(answer.status(), 200, "{lead}");
        }
        browser.close().await;
    }
}

#[tokio::test]
async fn links_in_answers_lead_through_the_proxy_that_was_asked() {
    let (server, nginx) = shown().await;
    for path in ["/fw", "/plain"] {
        let picture = crate::picture::face();
        for (route, field, bytes, links_at_least) in [
            ("/predict", "file", std::fs::read(repository(CLIP)), 8),
            ("/predict", "image", Ok(picture.clone()), 1),
            ("/api/v1/predict", "file", Ok(picture.clone()), 1),
            ("/batch_predict", "files", Ok(picture), 1),
            ("/sample_faces", "file", std::fs::read(repository(CLIP)), 1),
            ("/video/upload", "video", std::fs::read(repository(CLIP)), 1),
        ] {
            let part = reqwest::multipart::Part::bytes(bytes.expect("the clip"));
            let form = reqwest::multipart::Form::new().part(field, part.file_name("clip"));
            let request = server.client().post(nginx.url(&format!("{path}{route}")));
            let answer = json_of(request.multipart(form).send().await.expect("an answer")).await;
            let links = links(&answer);
            assert!(links.len() >= links_at_least, "{path}{route}: {answer}");
            for link in links {
                assert!(
                    link.starts_with(&format!("{path}/")),
                    "{path}{route}: {link}"
                );
                assert_eq!(nginx.get(&link).await.status(), 200, "{link}");
            }
        }
        let recent = nginx
            .get(&format!("{path}/api/v1/predictions/recent"))
            .await;
        let links = links(&json_of(recent).await);
        let here = format!("{path}/static/artifacts/");
        assert!(
            links.iter().all(|link| link.starts_with(&here)),
            "{links:?}"
        );
        assert!(links.len() > 8, "of both paths' analyses: {links:?}");
    }
}

#[tokio::test]
async fn the_document_names_the_path_and_its_explorer_asks_under_it() {
    let (_server, nginx) = shown().await;
    for path in ["/fw", "/plain"] {
        let document = json_of(nginx.get(&format!("{path}/openapi.json")).await).await;
        assert_eq!(document["servers"], json!([{ "url": path }]));
    }
    let browser = Browser::open(&nginx.url("/fw/apidocs")).await;
    browser.wait_for("#operations-service-livez").await;
    let elsewhere = loaded_from_elsewhere(&browser, "/fw/").await;
    assert_eq!(elsewhere, json!([]));
    for step in [
        "#operations-service-livez .opblock-summary-control",
        "#operations-service-livez .try-out__btn",
        "#operations-service-livez .execute",
    ] {
        browser.wait_for(step).await;
        let click = format!("document.querySelector('{step}').click()");
        browser.js(&click).await;
    }
    browser
        .wait_for("#operations-service-livez .request-url pre")
        .await;
    let asked = browser
        .text("#operations-service-livez .request-url pre")
        .await;
    assert_eq!(asked.trim(), nginx.url("/fw/livez"));
    let answered = "#operations-service-livez .live-responses-table tbody .response-col_status";
    browser.wait_for(answered).await;
    assert!(browser.text(answered).await.starts_with("200"));
    browser.close().await;
}

#[tokio::test]
async fn only_a_clean_path_of_a_trusted_proxy_counts() {
    let told = |server: &Server, prefix: &str| {
        let request = server.client().get(server.url("/openapi.json"));
        request.header("x-forwarded-prefix", prefix).send()
    };
    let settings = [("trust_forwarded", "true"), ("public_path", "/plain")];
    let server = Server::start_with(&settings).await;
    let long = format!("/{}", "a".repeat(5000));
    for (prefix, path) in [
        ("/fw/", "/fw"),
        ("/evil, /fw", "/fw"),
        ("//evil.example", "/plain"),
        ("/../x", "/plain"),
        ("/\"><script>", "/plain"),
        ("https://evil.example", "/plain"),
        (&long, "/plain"),
    ] {
        let document = json_of(told(&server, prefix).await.expect("an answer")).await;
        assert_eq!(document["servers"], json!([{ "url": path }]), "{prefix}");
    }
    let document = json_of(told(&server, "/").await.expect("an answer")).await;
    assert_eq!(document["servers"], Value::Null);

    let open = Server::shared().await;
    let document = json_of(told(&open, "/fw").await.expect("an answer")).await;
    assert_eq!(document["servers"], Value::Null, "nobody said to trust it");
}

#[tokio::test]
async fn the_path_leads_past_no_door_and_a_name_is_an_address_to_listen_on() {
    let settings = [
        ("public_path", "/fw/"),
        ("require_keys", "true"),
        ("bind", "localhost:0"),
    ];
    let server = Server::start_with(&settings).await;
    assert!(
        server.url("/").starts_with("http://127.0.0.1:"),
        "{}",
        server.url("/")
    );
    for (path, status) in [
        ("/livez", 200),
        ("/fw/livez", 200),
        ("/fw/livez/", 200),
        ("/fw", 200),
        ("/fw/", 200),
        ("/fw/static/app.js", 200),
        ("/fw/metrics", 401),
        ("/fw//metrics", 401),
        ("//fw/metrics", 401),
        ("/fw/fw/metrics", 401),
        ("/fw/api/v1/predictions/recent?limit=1", 401),
        ("/fw/static/artifacts/x/y.jpg", 401),
        ("/fwx/livez", 401),
    ] {
        assert_eq!(server.get(path).await.status(), status, "{path}");
    }
    let page = server.get("/fw").await.text().await.expect("the page");
    assert!(page.contains("<base href=\"/fw/\">"), "{page}");
}
