//! Deep-Fake API: what its documented lines send, and what they get, field by field.

use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::server::{Server, repository};

const CLIP: &str = "videos/genuine.mp4";

/// `curl -X POST -F "file=@video.mp4" http://HOST/PATH`, or `requests.post(url, files={"file": …})`.
async fn post(server: &Server, path: &str, name: &str, bytes: Vec<u8>) -> Response {
    server.post_bytes(path, name, bytes).await
}

async fn answer(server: &Server, path: &str, video: &str) -> Value {
    let bytes = std::fs::read(repository(video)).expect("a demo clip");
    let response = post(server, path, "v.mp4", bytes).await;
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// A name and what its value must be.
type Field<'a> = (&'a str, fn(&Value) -> bool);

/// Every name is there with a value that passes its test.
fn has(object: &Value, fields: &[Field<'_>]) {
    for (name, fits) in fields {
        let value = object.get(*name);
        assert!(value.is_some_and(fits), "{name} is {value:?} in {object}");
    }
}

fn percent(value: &Value) -> bool {
    value.as_f64().is_some_and(|p| (0.0..=100.0).contains(&p))
}

fn label(value: &Value) -> bool {
    matches!(value.as_str(), Some("REAL" | "FAKE"))
}

fn moment(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.ends_with('Z') && text.contains('T'))
}

fn picture(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|url| url.starts_with("/static/") && url.ends_with(".jpg"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[tokio::test]
async fn predict_with_its_slash_has_every_field() {
    let server = Server::shared().await;
    let body = answer(&server, "/predict/", "videos/manipulated.mp4").await;
    has(
        &body,
        &[
            ("frames_for_display", Value::is_array),
            ("cropped_faces", Value::is_array),
            ("frames_csv_indices", Value::is_array),
            ("filename", |v| v == "v.mp4"),
            ("analyzed_at", moment),
            ("processing_time_sec", |v| {
                v.as_f64().is_some_and(|s| s > 0.0)
            }),
            ("metadata", Value::is_object),
            ("confidence", percent),
            ("result", |v| label(v) || v == "INCONCLUSIVE"),
        ],
    );
    assert_eq!(list(&body["frames_for_display"]).len(), 4);
    for frame in list(&body["frames_for_display"]) {
        has(
            frame,
            &[
                ("frame_index", Value::is_u64),
                ("frame_time_sec", Value::is_f64),
                ("url", picture),
                ("confidence", percent),
                ("label", label),
            ],
        );
        assert_eq!(
            server
                .get(frame["url"].as_str().expect("a url"))
                .await
                .status(),
            200
        );
    }
    for face in list(&body["cropped_faces"]) {
        has(face, &[("frame_index", Value::is_u64), ("url", picture)]);
    }
    assert!(list(&body["frames_csv_indices"]).iter().all(Value::is_u64));
    has(
        &body["metadata"],
        &[
            ("width", Value::is_u64),
            ("height", Value::is_u64),
            ("video_codec", Value::is_string),
            ("frame_rate", |v| {
                v.as_str().is_some_and(|r| r.contains('/'))
            }),
            ("nb_frames", Value::is_string),
            ("bit_rate", Value::is_string),
            ("duration", Value::is_string),
            ("file_size", Value::is_string),
            ("format", Value::is_string),
        ],
    );
}

#[tokio::test]
async fn predict_csv_has_thirty_rows_of_four_fields() {
    let server = Server::shared().await;
    let body = answer(&server, "/predict_csv/", CLIP).await;
    assert_eq!(body["filename"], "v.mp4");
    assert_eq!(list(&body["frames_csv"]).len(), 30);
    for row in list(&body["frames_csv"]) {
        has(
            row,
            &[
                ("frame_index", Value::is_u64),
                ("frame_time_sec", Value::is_f64),
                ("confidence", percent),
                ("label", label),
            ],
        );
    }
}

#[tokio::test]
async fn what_is_signed_verifies_and_the_key_is_there() {
    let server = Server::shared().await;
    let signed = answer(&server, "/integrity/sign", CLIP).await;
    has(
        &signed,
        &[
            ("video_filename", |v| v == "v.mp4"),
            ("signature_base64", Value::is_string),
            ("sha256_hex", |v| v.as_str().is_some_and(|s| s.len() == 64)),
            ("signed_at", moment),
        ],
    );
    let verify = async |signature: &str| -> Value {
        let bytes = std::fs::read(repository(CLIP)).expect("a demo clip");
        let form = Form::new()
            .part("file", Part::bytes(bytes).file_name("v.mp4"))
            .text("signature_base64", signature.to_owned());
        let request = server.client().post(server.url("/integrity/verify"));
        let response = request.multipart(form).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        response.json().await.expect("JSON")
    };
    let verified = verify(signed["signature_base64"].as_str().expect("text")).await;
    has(
        &verified,
        &[
            ("video_filename", |v| v == "v.mp4"),
            ("valid", |v| v == true),
            ("sha256_hex", Value::is_string),
            ("verified_at", moment),
        ],
    );
    assert_eq!(verified["sha256_hex"], signed["sha256_hex"]);
    let unreadable = verify("not base64!").await;
    assert_eq!(unreadable["valid"], false);
    assert_eq!(unreadable["error"], "Invalid base64 signature");
    let short = verify("AAAA").await;
    assert_eq!(
        short["error"],
        "Signature size mismatch (got 3, expected 384)."
    );

    let key: Value = (server.get("/integrity/public-key").await.json().await).expect("JSON");
    let names: Vec<_> = key.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["public_key_pem"]);
    let pem = key["public_key_pem"].as_str().expect("text");
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----"), "{pem}");
}

#[tokio::test]
async fn detect_faces_links_the_faces_of_one_frame() {
    let server = Server::start().await;
    let body = answer(&server, "/detect_faces/", "videos/two-people.mp4").await;
    has(
        &body,
        &[
            ("faces", Value::is_array),
            ("message", Value::is_string),
            ("frame_index", Value::is_u64),
        ],
    );
    assert_eq!(list(&body["faces"]).len(), 2, "{body}");
    for face in list(&body["faces"]) {
        has(face, &[("url", picture)]);
        let crop = server.get(face["url"].as_str().expect("a url")).await;
        assert_eq!(crop.headers()["content-type"], "image/jpeg");
    }
    let nobody = answer(&server, "/detect_faces/", "videos/no-face.mp4").await;
    assert_eq!(list(&nobody["faces"]).len(), 0);
    assert!(
        nobody["message"]
            .as_str()
            .is_some_and(|text| text.contains("No face"))
    );
    let recent: Value =
        (server.get("/api/v1/predictions/recent").await.json().await).expect("JSON");
    assert_eq!(list(&recent["predictions"]).len(), 0, "nothing was judged");
}

#[tokio::test]
async fn sample_faces_looks_at_as_many_frames_as_asked() {
    let server = Server::shared().await;
    let body = answer(&server, "/sample_faces/?n=5&face_algo=mediapipe", CLIP).await;
    has(
        &body,
        &[
            ("filename", |v| v == "v.mp4"),
            ("algorithm", Value::is_string),
            ("n_requested", |v| v == 5),
            ("n_returned", |v| v == 5),
            ("nb_frames", Value::is_u64),
            ("fps", |v| v.as_f64().is_some_and(|fps| fps > 1.0)),
            ("sampled_indices", Value::is_array),
            ("metadata", |v| v["video_codec"].is_string()),
            ("processing_time_sec", |v| {
                v.as_f64().is_some_and(|s| s >= 0.0)
            }),
        ],
    );
    let faces = list(&body["faces"]);
    let indices: Vec<_> = faces
        .iter()
        .map(|face| face["frame_index"].clone())
        .collect();
    assert_eq!(Value::from(indices), body["sampled_indices"]);
    for face in faces {
        has(
            face,
            &[
                ("frame_index", Value::is_u64),
                ("frame_time_sec", Value::is_f64),
                ("detected", |v| v == true),
                ("bbox", |v| {
                    list(v).len() == 4 && list(v).iter().all(Value::is_i64)
                }),
                ("url", picture),
            ],
        );
    }
    let bytes = std::fs::read(repository(CLIP)).expect("a demo clip");
    for n in ["0", "101", "many"] {
        let response = post(
            &server,
            &format!("/sample_faces/?n={n}"),
            "v.mp4",
            bytes.clone(),
        )
        .await;
        assert_eq!(response.status(), 400, "{n}");
    }
}

#[tokio::test]
async fn its_errors_have_honest_statuses_on_every_route() {
    let server = Server::shared().await;
    let text = b"This is a text, whatever its name says.".to_vec();
    for path in [
        "/predict/",
        "/predict_csv/",
        "/detect_faces/",
        "/sample_faces/",
    ] {
        let empty = post(&server, path, "v.mp4", Vec::new()).await;
        assert_eq!(empty.status(), 400, "{path}");
        let wrong = post(&server, path, "v.mp4", text.clone()).await;
        assert_eq!(wrong.status(), 415, "{path}");
        let form = Form::new().part("clip", Part::bytes(text.clone()).file_name("v.mp4"));
        let request = server.client().post(server.url(path)).multipart(form);
        let missing = request.send().await.expect("an answer");
        assert_eq!(missing.status(), 400, "{path}");
        let problem: Value = missing.json().await.expect("JSON");
        assert_eq!(problem["code"], "missing-file");
    }
}
