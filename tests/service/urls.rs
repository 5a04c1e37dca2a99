//! Files that the service fetches from a URL.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::json;

use crate::held_upload::{leftovers, uploads_in_progress};
use crate::home::{Backend, Home};
use crate::job_client::{
    ANALYSES, accepted, done, ended, name, path, records, submit, until_no_file_waits,
    waiting_files,
};
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const CLIP: &str = "videos/manipulated.mp4";
const ROUTE: (Method, &str) = (Method::POST, ANALYSES);
const ANY: (&str, &str) = ("fetch_urls", "any");
/// A process that takes jobs and works on none.
const IDLE: (&str, &str) = ("run_jobs", "false");
/// What nobody but the two ends should read.
const SECRET: &str = "token=5f2c9a";

/// A server of files, and the heads of the requests that came to it.
struct Files {
    url: String,
    heads: Receiver<String>,
}

impl Files {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, heads) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let head = read_head(&stream);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                if sender.send(head).is_err() {
                    break;
                }
                thread::spawn(move || {
                    // Who was refused a part hangs up before the rest.
                    let _ = answer(&stream, path.split('?').next().unwrap_or_default());
                });
            }
        });
        Self { url, heads }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

fn read_head(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).expect("a line") > 2 {}
    head
}

fn answer(mut stream: &TcpStream, path: &str) -> std::io::Result<()> {
    let mut say = |head: &str, body: &[u8]| {
        stream.write_all(format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes())?;
        stream.write_all(body)
    };
    let clip = std::fs::read(repository(CLIP)).expect("a clip");
    let whole = format!("200 OK\r\nContent-Length: {}", clip.len());
    match path {
        "/a/clip%20one.mp4" => say(&whole, &clip),
        "/unsaid.mp4" => say("200 OK", &clip),
        "/away" => say("302 Found\r\nLocation: /a/clip%20one.mp4", b""),
        "/round" => say("301 Moved\r\nLocation: /round", b""),
        "/inside" => say("302 Found\r\nLocation: file:///etc/passwd", b""),
        "/part" => say("206 Partial Content\r\nContent-Length: 4", b"half"),
        "/squeezed" => say(
            "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4",
            b"gzip",
        ),
        "/nothing" => say("200 OK\r\nContent-Length: 0", b""),
        "/huge" => say("200 OK\r\nContent-Length: 900000000000", b"huge"),
        "/endless" => {
            say("200 OK", b"")?;
            loop {
                stream.write_all(&[7; 65_536])?;
            }
        }
        "/broken" => say(&whole, &clip[..clip.len() / 2]),
        "/silent" => {
            say(&whole, &clip[..clip.len() / 2])?;
            thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        _ => say("404 Not Found\r\nContent-Length: 0", b""),
    }
}

fn naming(server: &Server, url: &str) -> RequestBuilder {
    let request = server.client().post(server.url(ANALYSES));
    request.json(&json!({ "url": url }))
}

async fn answered(server: &Server, url: &str) -> Response {
    naming(server, url).send().await.expect("an answer")
}

#[tokio::test]
async fn nothing_is_fetched_unless_the_settings_allow_it() {
    let server = Server::start_quick().await;
    let files = Files::start();
    let refused = answered(&server, &files.at("/a/clip%20one.mp4")).await;
    let problem = expect_problem(&server, ROUTE, refused, (403, "url-fetch-off")).await;
    assert!(
        problem["detail"].to_string().contains("fetch_urls"),
        "{problem}"
    );
    assert!(files.heads.try_recv().is_err(), "it was asked for");
}

#[tokio::test]
async fn only_public_addresses_are_spoken_to_unless_the_settings_allow_others() {
    let server = Server::start_quick_with(&[("fetch_urls", "public")]).await;
    let files = Files::start();
    let port = files.url.rsplit(':').next().expect("a port");
    for url in [
        files.at("/a/clip%20one.mp4"),
        format!("http://0x7f000001:{port}/a/clip%20one.mp4"),
        format!("http://[::ffff:127.0.0.1]:{port}/a/clip%20one.mp4"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let refused = answered(&server, &url).await;
        expect_problem(&server, ROUTE, refused, (422, "url-not-public")).await;
    }
    // A name is looked at when it is looked up.
    let named = format!("http://localhost:{port}/a/clip%20one.mp4");
    let refused = answered(&server, &named).await;
    let problem = expect_problem(&server, ROUTE, refused, (422, "url-not-fetched")).await;
    let detail = problem["detail"].to_string();
    assert!(detail.contains("no public address"), "{detail}");
    assert!(files.heads.try_recv().is_err(), "it was asked for");
    assert!(leftovers(&server).is_empty());
}

async fn a_fetched_file_is_analysed_like_one_that_was_sent(backend: Backend) {
    let server = Server::start_in(Home::on(backend).quick(), &[ANY]).await;
    let files = Files::start();
    let sent = done(&server, &submit(&server, CLIP).await).await;
    let mut analyses = 1;
    for (path, filename) in [
        ("/a/clip%20one.mp4", "clip one.mp4"),
        ("/unsaid.mp4", "unsaid.mp4"),
        ("/away", "clip one.mp4"),
    ] {
        let url = files.at(&format!("{path}?{SECRET}"));
        let job = done(&server, &accepted(naming(&server, &url)).await).await;
        assert_eq!(job["filename"], filename);
        for field in ["sha256", "size_bytes"] {
            assert_eq!(job[field], sent[field], "{field}");
        }
        analyses += 1;
    }
    let head = files.heads.recv_timeout(Duration::from_secs(5));
    let head = head.expect("a request").to_lowercase();
    assert!(head.contains("accept-encoding: identity"), "{head}");
    assert!(head.contains("user-agent: framewitness/"), "{head}");
    assert_eq!(records(&server).await.len(), analyses);
    until_no_file_waits(&server).await;
    assert!(leftovers(&server).is_empty());
    let log = server.log();
    for secret in [SECRET, files.url.as_str()] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_fetched_file_is_analysed_like_one_that_was_sent_on_sqlite_and_disk() {
    a_fetched_file_is_analysed_like_one_that_was_sent(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn a_fetched_file_is_analysed_like_one_that_was_sent_on_postgres_and_s3() {
    a_fetched_file_is_analysed_like_one_that_was_sent(Backend::PostgresAndS3).await;
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_refused_and_nothing_of_it_stays() {
    let settings = [
        ANY,
        IDLE,
        ("max_body_bytes", "1000000"),
        ("body_idle_timeout_s", "1"),
        ("body_min_bytes_per_s", "0"),
    ];
    let server = Server::start_quick_with(&settings).await;
    let files = Files::start();
    for (path, expected) in [
        ("/none.mp4", (422, "url-not-fetched")),
        ("/round", (422, "url-not-fetched")),
        ("/inside", (400, "invalid-url")),
        ("/part", (422, "url-not-fetched")),
        ("/squeezed", (422, "url-not-fetched")),
        ("/broken", (422, "url-not-fetched")),
        ("/nothing", (400, "empty-file")),
        ("/huge", (413, "body-too-large")),
        ("/endless", (413, "body-too-large")),
        ("/silent", (504, "url-too-slow")),
    ] {
        let refused = answered(&server, &files.at(path)).await;
        expect_problem(&server, ROUTE, refused, expected).await;
        assert!(leftovers(&server).is_empty(), "{path}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let refused = answered(&server, &format!("http://{address}/?{SECRET}")).await;
    expect_problem(&server, ROUTE, refused, (422, "url-not-fetched")).await;
    assert!(waiting_files(&server).is_empty());
    assert_eq!(uploads_in_progress(&server).await, 0);
    assert!(!server.log().contains(SECRET), "{}", server.log());
}

#[tokio::test]
async fn what_is_no_url_is_refused_and_never_logged() {
    let server = Server::start_quick_with(&[ANY]).await;
    for url in [
        "file:///etc/passwd",
        "ftp://files.example.org/a.mp4",
        "https://user:5f2c9a@files.example.org/a.mp4",
        "files.example.org/a.mp4?token=5f2c9a",
        "",
    ] {
        let refused = answered(&server, url).await;
        expect_problem(&server, ROUTE, refused, (400, "invalid-url")).await;
    }
    let long = format!("\"{}\"", "a".repeat(20_000));
    for body in [
        "",
        "{}",
        "{\"url\": 5}",
        "{\"url\": \"https://a.org/\", \"more\": 1}",
        "\"https://user:5f2c9a@a.org/\"",
        &long,
    ] {
        let request = server.client().post(server.url(ANALYSES));
        let request = request.header("content-type", "application/json; charset=utf-8");
        let refused = request.body(body.to_owned()).send().await;
        let refused = refused.expect("an answer");
        expect_problem(&server, ROUTE, refused, (400, "invalid-json")).await;
    }
    let log = server.log();
    assert!(
        !log.contains("5f2c9a") && !log.contains("files.example.org"),
        "{log}"
    );
}

#[tokio::test]
async fn a_url_named_again_with_the_same_key_is_the_same_job() {
    let server = Server::start_quick_with(&[ANY]).await;
    let files = Files::start();
    let url = files.at("/a/clip%20one.mp4");
    let again = || naming(&server, &url).header("idempotency-key", "case 17");
    let first = accepted(again()).await;
    let second = accepted(again()).await;
    assert_eq!(name(&first), name(&second));
    assert_eq!(ended(&server, &first).await["state"], "done");
    assert_eq!(server.get(&path(&first)).await.status(), 200);
    assert_eq!(records(&server).await.len(), 1);
}
