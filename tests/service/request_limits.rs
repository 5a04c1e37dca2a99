//! Limits on requests: one exactly at each is answered, one past it is refused by name.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::held_upload::{HeldUpload, leftovers, until_analysing};
use crate::isolation::{long_clip, workers};
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const PREDICT: (Method, &str) = (Method::POST, "/predict");
const SIGN: (Method, &str) = (Method::POST, "/integrity/sign");
const CLIP: &str = "videos/genuine.mp4";

async fn limits(server: &Server) -> Value {
    let published = server.get("/api/v1/limits").await;
    published.json().await.expect("JSON")
}

async fn limit(server: &Server, name: &str) -> usize {
    let value = limits(server).await[name].as_u64().expect("a number");
    value.try_into().expect("a small number")
}

/// Sends a head as it stands and answers the status.
async fn status_of(server: &Server, head: &[u8]) -> u16 {
    let address = server.url("").replace("http://", "");
    let mut connection = TcpStream::connect(&address).await.expect("a connection");
    connection.write_all(head).await.expect("room for a head");
    let mut answer = [0; 12];
    let reading = connection.read_exact(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(60), reading).await;
    read.expect("an answer in time").expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer[9..].parse().expect("a status")
}

#[tokio::test]
async fn a_head_of_as_many_lines_as_allowed_is_answered_and_one_more_is_refused() {
    let server = Server::shared().await;
    let lines = limit(&server, "max_headers").await;
    let head = |lines: usize| {
        let more: String = (1..lines).map(|n| format!("x-{n}: 1\r\n")).collect();
        format!("GET /health HTTP/1.1\r\nhost: a\r\n{more}\r\n").into_bytes()
    };
    assert_eq!(status_of(&server, &head(lines)).await, 200);
    assert_eq!(status_of(&server, &head(lines + 1)).await, 431);
    assert_eq!(server.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_head_as_long_as_allowed_is_answered_and_a_longer_one_is_refused_before_it_ends() {
    let server = Server::shared().await;
    let bytes = limit(&server, "max_head_bytes").await;
    let unfinished = |bytes: usize| {
        let start = "GET /health HTTP/1.1\r\nhost: a\r\nx-long: ";
        format!("{start}{}", "a".repeat(bytes - start.len()))
    };
    let whole = format!("{}\r\n\r\n", unfinished(bytes - 4));
    assert_eq!(whole.len(), bytes);
    assert_eq!(status_of(&server, whole.as_bytes()).await, 200);
    let longer = unfinished(bytes + 1);
    assert_eq!(status_of(&server, longer.as_bytes()).await, 431);
    assert_eq!(server.get("/health").await.status(), 200);
}

#[tokio::test]
async fn limits_on_the_head_can_be_lower_and_are_named_where_one_is_passed() {
    let settings = [("max_headers", "8"), ("max_head_bytes", "2000")];
    let server = Server::start_quick_with(&settings).await;
    let plain = server.client().get(server.url("/api/v1/limits"));
    let with = |lines: usize, chars: usize| {
        let plain = plain.try_clone().expect("a request without a body");
        (0..lines).fold(plain, |request, n| {
            request.header(format!("x-{n}"), "a".repeat(chars))
        })
    };
    assert_eq!(with(2, 500).send().await.expect("an answer").status(), 200);
    let route = (Method::GET, "/api/v1/limits");
    for (request, limit) in [
        (with(9, 1), "max_headers"),
        (with(2, 1000), "max_head_bytes"),
    ] {
        let refused = request.send().await.expect("an answer");
        let refused = expect_problem(&server, route.clone(), refused, (431, "head-too-large"));
        let detail = refused.await["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(detail.contains(limit), "{detail}");
    }
}

/// A file among so many parts in all.
fn parts(count: usize) -> Form {
    let file = Part::bytes(b"content".to_vec()).file_name("a.bin");
    let form = Form::new().part("file", file);
    (1..count).fold(form, |form, n| form.text(format!("more-{n}"), ""))
}

async fn sign(server: &Server, form: Form) -> Response {
    let request = server.client().post(server.url("/integrity/sign"));
    request.multipart(form).send().await.expect("an answer")
}

#[tokio::test]
async fn a_body_of_as_many_parts_as_allowed_is_read_and_one_more_is_refused() {
    let server = Server::start_quick_with(&[("max_parts", "7")]).await;
    assert_eq!(limit(&server, "max_parts").await, 7);
    assert_eq!(sign(&server, parts(7)).await.status(), 200);
    let refused = sign(&server, parts(8)).await;
    expect_problem(&server, SIGN, refused, (400, "too-many-parts")).await;
    assert_eq!(leftovers(&server), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_hundred_thousand_empty_parts_are_refused_and_the_worker_is_free_again() {
    let server = Server::shared().await;
    let part = "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n";
    let body = format!("{}--b--\r\n", part.repeat(100_000));
    let request = server.client().post(server.url("/predict"));
    let request = request.header("content-type", "multipart/form-data; boundary=b");
    let refused = request.body(body).send().await.expect("an answer");
    expect_problem(&server, PREDICT, refused, (400, "too-many-parts")).await;
    assert_eq!(server.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_file_name_as_long_as_allowed_is_kept_and_a_longer_one_loses_its_middle() {
    let server = Server::start_quick_with(&[("max_filename_chars", "40")]).await;
    let chars = limit(&server, "max_filename_chars").await;
    assert_eq!(chars, 40);
    let name = |chars: usize| format!("{}.bin", "a".repeat(chars - ".bin".len()));
    for (sent, shown_whole) in [(name(chars), true), (name(chars + 1), false)] {
        let signed = server.post_bytes("/integrity/sign", &sent, vec![1]).await;
        let signed: Value = signed.json().await.expect("JSON");
        let shown = signed["video_filename"]
            .as_str()
            .expect("a name")
            .to_owned();
        assert_eq!(shown == sent, shown_whole, "{shown}");
        assert_eq!(shown.chars().count(), chars);
        assert!(shown.ends_with(".bin"), "{shown}");
    }
}

/// What a sender behind the proxy gets for a small file.
async fn small_file_of(server: &Server, address: &str) -> Response {
    let request = server.client().post(server.url("/integrity/sign"));
    let request = request.header("x-forwarded-for", address);
    let request = request.multipart(parts(1)).send();
    request.await.expect("an answer")
}

#[tokio::test]
async fn one_sender_leaves_places_for_others_and_all_together_take_no_more_than_there_are() {
    let server = Server::start_quick_with(&[
        ("trust_forwarded", "true"),
        ("max_uploads", "2"),
        ("max_uploads_per_sender", "1"),
    ])
    .await;
    let greedy = HeldUpload::begin(&server, "/integrity/sign", &repository(CLIP)).await;
    let refused = small_file_of(&server, "127.0.0.1").await;
    let problem = expect_problem(&server, SIGN, refused, (429, "too-many-uploads")).await;
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("max_uploads_per_sender"), "{detail}");
    assert_eq!(small_file_of(&server, "192.0.2.1").await.status(), 200);

    let other =
        HeldUpload::begin_from(&server, ("/integrity/sign", "192.0.2.1"), &repository(CLIP)).await;
    let refused = small_file_of(&server, "192.0.2.2").await;
    let problem = expect_problem(&server, SIGN, refused, (429, "too-many-uploads")).await;
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("the limit max_uploads;"), "{detail}");
    for upload in [greedy, other] {
        assert_eq!(upload.finish().await.expect("an answer").status(), 200);
    }
    assert_eq!(small_file_of(&server, "127.0.0.1").await.status(), 200);
}

#[tokio::test]
async fn as_many_are_at_work_and_wait_as_the_limits_say_and_one_more_is_told_to_come_back() {
    let settings = [("decode_threads", "2"), ("waiting_places", "1")];
    let server = Server::start_quick_with(&settings).await;
    let clip = long_clip();
    let post = || server.post_file("/predict", &clip);
    let (first, second, third, ()) = tokio::join!(post(), post(), post(), async {
        until_analysing(&server, 3).await;
        assert_eq!(workers(server.pid()).len(), 2, "processes that decode");
        let refused = server.post_file("/predict", &repository(CLIP)).await;
        expect_problem(&server, PREDICT, refused, (429, "busy")).await;
    });
    for answer in [first, second, third] {
        assert_eq!(answer.status(), 200);
    }
}
