//! Webhooks: made on the command line, sent by the server, checked as a receiver would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::home::{Backend, Home};
use crate::job_client::{ANALYSES, accepted, done, ended, name, path, sending, submit};
use crate::keys::make_key;
use crate::server::{Server, program, repository};

const CLIP: &str = "videos/manipulated.mp4";
const PRIVATE: (&str, &str) = ("webhook_private_addresses", "true");
const QUICK: (&str, &str) = ("webhook_retry_s", "1");
/// A process that takes jobs and works on none.
const IDLE: (&str, &str) = ("run_jobs", "false");
const DEADLINE: Duration = Duration::from_secs(60);

/// A message as it came.
struct Message {
    headers: Vec<(String, String)>,
    body: String,
}

impl Message {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Signs it anew with OpenSSL and compares.
    fn assert_signed_with(&self, secret: &str) {
        let key = secret.strip_prefix("whsec_").expect("a secret");
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let script = "openssl dgst -sha256 -binary -mac HMAC \
            -macopt hexkey:$(printf %s \"$1\" | base64 -d | od -An -tx1 | tr -d ' \\n') | base64 -w0";
        let mut child = Command::new("bash")
            .args(["-o", "pipefail", "-c", script, "sign", key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash");
        let mut input = child.stdin.take().expect("a pipe");
        write!(input, "{id}.{at}.{}", self.body).expect("openssl reads");
        drop(input);
        let output = child.wait_with_output().expect("openssl");
        let signed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(self.header("webhook-signature"), format!("v1,{signed}"));
    }
}

/// Takes messages and answers with these, the last of them for ever.
struct Listener {
    url: String,
    messages: Receiver<Message>,
}

impl Listener {
    fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut answers = answers.iter();
            let mut answer = "";
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                answer = answers.next().unwrap_or(&answer);
                let message = read(&stream);
                let head =
                    format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(head.as_bytes());
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self { url, messages }
    }

    fn next(&self, server: &Server) -> Message {
        let message = self.messages.recv_timeout(DEADLINE);
        message.unwrap_or_else(|_| panic!("no message came\n{}", server.log()))
    }
}

fn read(stream: &TcpStream) -> Message {
    let mut reader = BufReader::new(stream);
    let (mut headers, mut line) = (Vec::new(), String::new());
    while reader.read_line(&mut line).expect("a line") > 2 {
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        line.clear();
    }
    let mut message = Message {
        headers,
        body: String::new(),
    };
    let length = message.header("content-length").parse().expect("a length");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    message.body = String::from_utf8(body).expect("UTF-8");
    message
}

/// `framewitness webhooks …` beside a server, where private addresses are allowed.
fn webhooks(server: &Server, arguments: &[&str]) -> Output {
    let mut command = program();
    command.envs(server.home().environment());
    command.env("FRAMEWITNESS_WEBHOOK_PRIVATE_ADDRESSES", "true");
    command.arg("webhooks").args(arguments);
    command.arg("--data-dir").arg(server.data_dir());
    command.output().expect("the program runs")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn a_job_that_is_done_is_told_with_its_verdict_and_a_signature(backend: Backend) {
    let settings = [PRIVATE, QUICK];
    let server = Server::start_in(Home::on(backend), &settings).await;
    let listener = Listener::start(&["503 Busy", "302 Elsewhere\r\nLocation: /other", "204 Taken"]);
    let secret = said(&webhooks(&server, &["create", &listener.url]));
    let job = submit(&server, CLIP).await;
    let message = listener.next(&server);
    let job = done(&server, &job).await;

    let told = message.json();
    assert_eq!(told["type"], "analysis.done");
    assert_eq!(told["data"]["id"], job["id"]);
    assert_eq!(told["data"]["url"], path(&job));
    assert_eq!(told["data"]["analysis_id"], job["analysis_id"]);
    let result = told["data"]["result_url"].as_str().expect("a path");
    let result: Value = server.get(result).await.json().await.expect("JSON");
    for field in ["verdict", "probability_fake"] {
        assert_eq!(told["data"][field], result[field], "{field}");
    }
    message.assert_signed_with(&secret);

    // The first two answers were no: the same message comes again, and the redirection is not followed.
    for _ in 0..2 {
        let again = listener.next(&server);
        assert_eq!(again.header("webhook-id"), message.header("webhook-id"));
        assert_eq!(again.body, message.body);
        again.assert_signed_with(&secret);
    }
    let mut log = String::new();
    for _ in 0..100 {
        log = said(&webhooks(&server, &["log"]));
        if log.contains("delivered") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let expected = format!("job {}\tdelivered\t3 tries\tanswer 204", name(&job));
    assert!(log.contains(&expected), "{log}");
    assert!(
        !server.log().contains(&secret[6..]),
        "the secret is in the log"
    );
}

#[tokio::test]
async fn a_job_that_is_done_is_told_with_its_verdict_and_a_signature_on_disk() {
    a_job_that_is_done_is_told_with_its_verdict_and_a_signature(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn a_job_that_is_done_is_told_with_its_verdict_and_a_signature_on_postgres() {
    a_job_that_is_done_is_told_with_its_verdict_and_a_signature(Backend::PostgresAndS3).await;
}

#[tokio::test]
async fn a_webhook_of_one_key_hears_of_that_keys_jobs_only() {
    let server = Server::start_with(&[PRIVATE, QUICK, IDLE]).await;
    let listener = Listener::start(&["200 OK"]);
    let [mine, other] = ["mine", "other"].map(|name| make_key(&server, &[name]));
    said(&webhooks(&server, &["create", &listener.url, "--key", "1"]));
    let refused = webhooks(&server, &["create", &listener.url, "--key", "9"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no key 9"));

    let mut jobs = Vec::new();
    for secret in [&other, &mine] {
        let request = sending(&server, ANALYSES, &repository(CLIP));
        let job = accepted(request.bearer_auth(secret)).await;
        let cancel = server
            .client()
            .request(Method::DELETE, server.url(&path(&job)));
        let cancelled = cancel.bearer_auth(secret).send().await.expect("an answer");
        assert!(cancelled.status().is_success());
        jobs.push(name(&job).to_owned());
    }
    let told = listener.next(&server).json();
    assert_eq!(told["type"], "analysis.cancelled");
    assert_eq!(told["data"]["id"], *jobs[1]);
    assert_eq!(said(&webhooks(&server, &["log"])).lines().count(), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_a_private_address_unless_the_settings_allow_it() {
    let server = Server::start_with(&[("webhook_retry_s", "3600")]).await;
    let listener = Listener::start(&["200 OK"]);
    let create = |url: &str| server.run_beside(&["webhooks", "create", url]);
    for url in ["https://127.0.0.1/hook", "https://[::1]/", &listener.url] {
        let refused = create(url);
        assert!(!refused.status.success(), "{url}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("webhook_private_addresses"), "{said}");
    }
    // Names are looked up when a message is sent, and what was allowed before is looked at again.
    assert!(create("https://localhost:1/hook").status.success());
    said(&webhooks(&server, &["create", &listener.url]));
    let empty = tempfile::tempdir().expect("a folder");
    let file = empty.path().join("no-video.mp4");
    std::fs::write(&file, b"nothing").expect("a file");
    let job = accepted(sending(&server, ANALYSES, &file)).await;
    assert_eq!(ended(&server, &job).await["state"], "failed");
    let mut log = String::new();
    for _ in 0..200 {
        log = said(&webhooks(&server, &["log"]));
        if log.matches("no answer").count() == 2 && log.matches("1 tries").count() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(log.contains("it has no public address"), "{log}");
    assert!(
        log.contains("only where webhook_private_addresses is on"),
        "{log}"
    );
    assert!(listener.messages.try_recv().is_err(), "it was sent");

    assert!(said(&webhooks(&server, &["remove", "1"])).contains("webhook 1"));
    assert!(!webhooks(&server, &["remove", "1"]).status.success());
    let log = said(&webhooks(&server, &["log", "--state", "given-up"]));
    assert!(log.contains("the webhook was removed"), "{log}");
    assert!(said(&webhooks(&server, &["list"])).contains("removed 2"));
}
