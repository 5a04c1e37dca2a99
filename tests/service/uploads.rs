//! Uploads that are too large, too slow, too many, or left by their client.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::held_upload::{HeldUpload, leftovers, uploads_in_progress};
use crate::isolation::{begun, long_clip};
use crate::picture;
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const PREDICT: (Method, &str) = (Method::POST, "/predict");
const CLIP: &str = "videos/genuine.mp4";

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_or_not_it_says_so_first() {
    let server = Server::start_with(&[("max_body_bytes", "100000")]).await;
    let announced = server
        .post_bytes("/predict", "large.mp4", vec![0; 200_000])
        .await;
    expect_problem(&server, PREDICT, announced, (413, "body-too-large")).await;

    let held = HeldUpload::begin(&server, "/predict", &repository(CLIP)).await;
    let unannounced = held.finish().await.expect("an answer");
    expect_problem(&server, PREDICT, unannounced, (413, "body-too-large")).await;
    assert_eq!(leftovers(&server), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn every_upload_route_takes_file_names_in_the_bytes_of_any_code_page() {
    let server = Server::shared().await;
    let document: Value = (server.get("/openapi.json").await.json().await).expect("JSON");
    let mut routes = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let form = &item["post"]["requestBody"]["content"]["multipart/form-data"]["schema"];
        let Some(schema) = form["$ref"]
            .as_str()
            .and_then(|name| name.rsplit('/').next())
        else {
            continue;
        };
        routes += 1;
        let fields = &document["components"]["schemas"][schema]["properties"];
        let field = ["file", "files", "video"]
            .iter()
            .find(|name| fields[**name].is_object());
        let field = field.expect("a field for a file");
        for name in [
            &b"\xd5\xd5\xc6\xac.jpg"[..],
            b"\x95\x5c\x8e\x86.jpg",
            b"caf\xe9.jpg",
        ] {
            let answer = post_named(&server, path, field, name).await;
            let status = answer.status();
            let text = answer.text().await.expect("an answer");
            assert!(
                !text.contains("malformed-multipart"),
                "{path}: {status} {text}"
            );
        }
    }
    assert!(routes >= 15, "{routes} routes take files");
    let answer = post_named(
        &server,
        "/predict?format=framewitness",
        "file",
        b"caf\xe9.jpg",
    )
    .await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["filename"], "café.jpg");
    let digest = framewitness::integrity::Sha256Digest::of(&picture::face());
    assert_eq!(answer["sha256"], digest.to_hex());
}

/// Posts the picture of a face under a name in any bytes.
async fn post_named(server: &Server, path: &str, field: &str, name: &[u8]) -> reqwest::Response {
    let head = format!("--limit\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"");
    let body = [
        head.as_bytes(),
        name,
        b"\"\r\n\r\n",
        &picture::face(),
        b"\r\n--limit--\r\n",
    ]
    .concat();
    let request = server.client().post(server.url(path)).body(body);
    let request = request.header("content-type", "multipart/form-data; boundary=limit");
    request.send().await.expect("the server answers")
}

#[tokio::test]
async fn a_sender_that_falls_silent_is_given_up() {
    let server = Server::start_with(&[("body_idle_timeout_s", "1")]).await;
    let held = HeldUpload::begin(&server, "/predict", &repository(CLIP)).await;
    let response = held.answer().await.expect("an answer");
    expect_problem(&server, PREDICT, response, (408, "upload-too-slow")).await;
    assert_eq!(leftovers(&server), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn when_every_place_is_taken_the_next_is_told_to_come_back() {
    let settings = [("decode_threads", "1"), ("waiting_places", "0")];
    let server = Server::start_with(&settings).await;
    let clip = long_clip();
    let (answered, ()) = tokio::join!(server.post_file("/predict", &clip), async {
        begun(&server).await;
        let refused = server.post_file("/predict", &repository(CLIP)).await;
        expect_problem(&server, PREDICT, refused, (429, "busy")).await;
    });
    assert_eq!(answered.status(), 200);
    server.predict(CLIP).await;
}

#[tokio::test]
async fn senders_that_take_their_time_hold_no_place_of_others() {
    let settings = [("decode_threads", "1"), ("waiting_places", "0")];
    let server = Server::start_with(&settings).await;
    let held = [
        HeldUpload::begin(&server, "/predict", &repository(CLIP)).await,
        HeldUpload::begin(&server, "/predict", &repository(CLIP)).await,
    ];
    server.predict(CLIP).await;
    for upload in held {
        let answer = upload.finish().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_nothing_behind() {
    let server = Server::start().await;
    let held = HeldUpload::begin(&server, "/predict", &repository(CLIP)).await;
    // The upload is counted a moment before its file is there.
    for _ in 0..100 {
        if leftovers(&server).len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(leftovers(&server).len(), 1);
    held.abandon().await;
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_client_that_leaves_during_the_analysis_leaves_nothing_behind() {
    let server = Server::start().await;
    let held = HeldUpload::begin(&server, "/predict", &repository(CLIP)).await;
    held.abandon_after_the_rest(&server).await;
    nothing_is_left(&server).await;
    let recent = server.get("/api/v1/predictions/recent").await;
    let recent: serde_json::Value = recent.json().await.expect("JSON");
    assert_eq!(recent["predictions"], serde_json::json!([]));
    server.predict(CLIP).await;
}

async fn nothing_is_left(server: &Server) {
    for _ in 0..100 {
        if uploads_in_progress(server).await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(uploads_in_progress(server).await, 0);
    assert_eq!(leftovers(server), Vec::<std::path::PathBuf>::new());
}
