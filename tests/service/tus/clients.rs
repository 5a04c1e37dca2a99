//! Real clients of the protocol, tus-js-client and tuspy, on good lines and on bad ones.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::parts::{UPLOADS, clip, partial_files};
use crate::home::{Backend, Home};
use crate::job_client::{ANALYSES, done, records, until_no_file_waits};
use crate::keys::{get_with, make_key};
use crate::server::{Server, cached, repository};

const CLIP: &str = "videos/manipulated.mp4";

/// Where `scripts/setup.sh --test` puts the clients.
fn clients(part: &str) -> PathBuf {
    let folder = cached("tools/tus-clients").join(part);
    assert!(
        folder.exists(),
        "{} is missing: run scripts/setup.sh --test, which fetches the clients",
        folder.display()
    );
    folder
}

/// tus-js-client at work on a file.
fn start_js(endpoint: &str, more: Value) -> Child {
    let mut asked = json!({ "endpoint": endpoint, "file": repository(CLIP) });
    for (name, value) in more.as_object().expect("an object") {
        asked[name] = value.clone();
    }
    Command::new("node")
        .arg(repository("tests/support/tus_upload.cjs"))
        .arg(asked.to_string())
        .env("NODE_PATH", clients("node_modules"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node is needed: run scripts/setup.sh --test")
}

/// What it said, the path of the upload last.
fn ended_js(child: Child) -> (Vec<Value>, String) {
    let output: Output = child.wait_with_output().expect("node ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{output:?}");
    let mut lines: Vec<Value> = (said.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let url = lines.pop().expect("a last line")["url"].clone();
    let url = url.as_str().expect("a URL").to_owned();
    let (_, id) = url.split_once(UPLOADS).expect("one of ours");
    (lines, format!("{UPLOADS}{id}"))
}

/// Waits until more than so many bytes of the one unfinished upload are on disk, and tells how many.
async fn until_kept(server: &Server, more_than: u64) -> u64 {
    let begun = Instant::now();
    loop {
        let kept: u64 = (partial_files(server).iter())
            .filter(|path| path.ends_with("bytes"))
            .filter_map(|path| Some(std::fs::metadata(path).ok()?.len()))
            .sum();
        if kept > more_than {
            return kept;
        }
        let waited = begun.elapsed();
        assert!(
            waited < Duration::from_secs(20),
            "{kept} of {more_than} bytes"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asserts that the upload became one analysis of the clip, and that nothing of it is left.
async fn expect_analysed(server: &Server, path: &str) {
    let response = server.get(&path.replace(UPLOADS, ANALYSES)).await;
    let job: Value = response.json().await.expect("JSON");
    let job = done(server, &job).await;
    assert_eq!(job["filename"], "manipulated.mp4");
    assert_eq!(job["size_bytes"], clip().len());
    assert_eq!(records(server).await.len(), 1);
    until_no_file_waits(server).await;
    assert!(partial_files(server).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_sends_a_file_in_chunks_and_is_told_the_analysis() {
    let server = Server::start_quick().await;
    // A trailing slash, as many write it.
    let endpoint = server.url("/api/v1/uploads/");
    let (answers, path) = ended_js(start_js(&endpoint, json!({ "chunkSize": 50_000 })));
    let told: Vec<(&str, u64)> = (answers.iter())
        .map(|answer| (answer["method"].as_str(), answer["status"].as_u64()))
        .map(|(method, status)| (method.expect("a method"), status.expect("a status")))
        .collect();
    assert_eq!(told[0], ("POST", 201));
    assert_eq!(told[1..], [("PATCH", 204); 4]);
    let analysis = path.replace(UPLOADS, ANALYSES);
    assert_eq!(answers.last().expect("answers")["analysis"], analysis);
    expect_analysed(&server, &path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_sends_all_at_once_and_where_patch_is_not_allowed() {
    for options in [
        json!({ "uploadDataDuringCreation": true }),
        json!({ "overridePatchMethod": true }),
    ] {
        let server = Server::start_quick().await;
        let asked = json!({ "options": options });
        let (_, path) = ended_js(start_js(&server.url(UPLOADS), asked));
        expect_analysed(&server, &path).await;
    }
}

/// A line to a server that breaks: each connection carries so many bytes to it, then no more.
struct Line {
    url: String,
    server: Arc<Mutex<String>>,
    stalled: Arc<Mutex<Vec<TcpStream>>>,
}

impl Line {
    /// A line whose connections carry so many bytes, those after the last as many as it; `None`: all.
    fn to(server: &Server, each: &'static [Option<usize>]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (target, stalled) = (Arc::new(Mutex::new(address(server))), Arc::default());
        let line = Self {
            url,
            server: Arc::clone(&target),
            stalled: Arc::clone(&stalled),
        };
        thread::spawn(move || {
            let mut each = each.iter();
            let mut most = &None;
            for client in listener.incoming() {
                let client = client.expect("a connection");
                let to = target.lock().expect("nobody panicked").clone();
                // The server may be away just now.
                let Ok(server) = TcpStream::connect(to) else {
                    continue;
                };
                most = each.next().unwrap_or(most);
                let (most, stalled) = (*most, Arc::clone(&stalled));
                thread::spawn(move || carry(client, server, most, &stalled));
            }
        });
        line
    }

    /// Waits until a connection has stalled.
    async fn until_stalled(&self) {
        let begun = Instant::now();
        while self.stalled.lock().expect("nobody panicked").is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(20), "nothing stalled");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Breaks the connections that have stalled.
    fn break_stalled(&self) {
        for connection in self.stalled.lock().expect("nobody panicked").drain(..) {
            // The other side may have gone already.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn lead_to(&self, server: &Server) {
        *self.server.lock().expect("nobody panicked") = address(server);
    }
}

fn address(server: &Server) -> String {
    server.url("").replace("http://", "")
}

/// Carries answers back, and up to `most` bytes forth; then it stalls.
fn carry(
    client: TcpStream,
    server: TcpStream,
    most: Option<usize>,
    stalled: &Mutex<Vec<TcpStream>>,
) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a handle");
    let (mut answers, mut to_client) = (clone(&server), clone(&client));
    thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (clone(&client), clone(&server));
    let most = most.map_or(u64::MAX, |bytes| bytes as u64);
    let carried = std::io::copy(&mut (&mut from).take(most), &mut to);
    let _ = to.flush();
    match carried {
        Ok(bytes) if bytes == most => {
            stalled
                .lock()
                .expect("nobody panicked")
                .extend([client, server]);
        }
        Ok(_) | Err(_) => {
            let _ = to.shutdown(Shutdown::Both);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_goes_on_where_its_connection_broke() {
    let server = Server::start_quick().await;
    let line = Line::to(&server, &[Some(60_000), Some(50_000), None]);
    let child = start_js(&format!("{}{UPLOADS}", line.url), json!({}));
    // Who asks how far it is ends what still sends, so the service must have written what came by then.
    for kept in [20_000, 60_000] {
        line.until_stalled().await;
        until_kept(&server, kept).await;
        line.break_stalled();
    }
    let (answers, path) = ended_js(child);
    let asked: Vec<u64> = (answers.iter())
        .filter(|answer| answer["method"] == "HEAD")
        .map(|answer| answer["offset"].as_str().expect("an offset"))
        .map(|offset| offset.parse().expect("a number"))
        .collect();
    assert!(asked.len() >= 2 && asked.is_sorted(), "{answers:?}");
    assert!(asked[0] > 20_000 && asked[1] > asked[0], "{asked:?}");
    expect_analysed(&server, &path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_goes_on_after_the_service_was_killed_and_started_again() {
    let mut server = Server::start_in(Home::on(Backend::SqliteAndDisk).quick(), &[]).await;
    let line = Line::to(&server, &[Some(80_000), None]);
    let child = start_js(&format!("{}{UPLOADS}", line.url), json!({}));
    line.until_stalled().await;
    until_kept(&server, 20_000).await;
    server.signal("KILL");
    server.wait(Duration::from_secs(20)).await;
    let kept = until_kept(&server, 20_000).await;
    let again = Server::start_in(server.give_up_home(), &[]).await;
    line.lead_to(&again);
    line.break_stalled();
    let (answers, path) = ended_js(child);
    let went_on = answers.iter().find(|answer| answer["method"] == "HEAD");
    let went_on = went_on.expect("it asked")["offset"].clone();
    assert_eq!(went_on, kept.to_string(), "{answers:?}");
    expect_analysed(&again, &path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tuspy_goes_on_in_another_process_with_checksums_and_a_key() {
    let server = Server::start_quick().await;
    let key = make_key(&server, &["python"]);
    let output = Command::new("python3")
        .arg(repository("tests/support/tus_upload.py"))
        .arg(server.url(UPLOADS))
        .arg(repository(CLIP))
        .args(["30000", &key])
        .env("PYTHONPATH", clients("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 is needed: run scripts/setup.sh --test");
    assert!(output.status.success(), "{output:?}\n{}", server.log());
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(said["stopped_at"], said["went_on_at"], "{said}");
    let stopped_at = said["stopped_at"].as_u64().expect("a number");
    assert_eq!(stopped_at, clip().len() as u64 / 2);
    let analysis = said["analysis"].as_str().expect("an analysis");
    let url = said["url"].as_str().expect("a URL");
    assert!(
        url.ends_with(&analysis.replace(ANALYSES, UPLOADS)),
        "{said}"
    );
    assert!(Path::new(analysis).starts_with(ANALYSES));
    let job: Value = (get_with(&server, analysis, &key).await.json().await).expect("JSON");
    assert_eq!(job["size_bytes"], clip().len());
    assert!(partial_files(&server).is_empty());
}
