//! dfdetect-service: what its documented lines send, and what they get.

use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::picture::{face, face_png, no_face};
use crate::server::Server;

/// `curl -F "file=@NAME" http://HOST/predict`
async fn predict(server: &Server, field: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let form = Form::new().part(field, Part::bytes(bytes).file_name(name.to_owned()));
    let request = server.client().post(server.url("/predict")).multipart(form);
    request.send().await.expect("the server answers")
}

/// Its error shape: `detail`, as JSON.
async fn detail(response: Response, status: u16) -> String {
    assert_eq!(response.status(), status);
    let body: Value = response.json().await.expect("JSON");
    let detail = body["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.len() > 10, "{body}");
    detail
}

#[tokio::test]
async fn an_image_gets_both_labels_with_scores_the_highest_first() {
    let server = Server::shared().await;
    for (name, bytes) in [("face.jpg", face()), ("face.png", face_png())] {
        let response = predict(&server, "file", name, bytes).await;
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body["success"], true);
        assert!(body["processing_time"].as_f64().expect("seconds") < 60.0);
        let predictions = body["predictions"].as_array().expect("a list");
        assert_eq!(predictions.len(), 2, "{body}");
        let score = |at: usize| predictions[at]["score"].as_f64().expect("a score");
        assert!(score(0) >= score(1), "{body}");
        assert!((score(0) + score(1) - 1.0).abs() < 1e-6, "{body}");
        let mut labels: Vec<_> = predictions
            .iter()
            .filter_map(|p| p["label"].as_str())
            .collect();
        labels.sort_unstable();
        assert_eq!(labels, ["deepfake", "real"]);

        // The score is that of the stored analysis, and the verdict is ours.
        let id = body["id"].as_str().expect("an id");
        let stored = server.get(&format!("/api/v1/predictions/{id}")).await;
        let stored: Value = stored.json().await.expect("JSON");
        let deepfake = predictions.iter().find(|p| p["label"] == "deepfake");
        assert_eq!(
            deepfake.expect("deepfake")["score"],
            stored["probability_fake"]
        );
        assert_eq!(body["verdict"], stored["verdict"]);
    }
}

#[tokio::test]
async fn what_is_sent_decides_by_its_bytes_and_field_and_never_by_its_name() {
    let server = Server::shared().await;
    let video = std::fs::read(crate::server::repository("videos/genuine.mp4")).expect("a clip");
    for field in ["file", "video", "image"] {
        let body: Value = (predict(&server, field, "holiday.jpg", video.clone())
            .await
            .json()
            .await)
            .expect("JSON");
        assert_eq!(body["metadata"]["kind"], "video", "{field}");
    }
    let body: Value = (predict(&server, "file", "clip.mp4", face())
        .await
        .json()
        .await)
        .expect("JSON");
    assert!(body["predictions"].is_array(), "{body}");
    let body: Value = (predict(&server, "image", "clip.mp4", face())
        .await
        .json()
        .await)
        .expect("JSON");
    assert!(body["prediction"]["scores"]["fake"].is_number(), "{body}");
    let full = server
        .post_bytes("/predict?format=framewitness", "a.jpg", face())
        .await;
    let full: Value = full.json().await.expect("JSON");
    assert_eq!(full["metadata"]["kind"], "image");
    let typo = server
        .post_bytes("/predict?format=framewitnes", "a.jpg", face())
        .await;
    assert_eq!(typo.status(), 400);
}

#[tokio::test]
async fn what_cannot_be_scored_is_an_error_in_the_shape_of_the_service_and_is_not_kept() {
    let server = Server::start().await;
    let said = detail(predict(&server, "file", "wall.jpg", no_face()).await, 422).await;
    assert!(said.contains("No face"), "{said}");
    let response = predict(&server, "image", "wall.jpg", no_face()).await;
    assert_eq!(response.status(), 422);
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(
        (&body["success"], &body["code"]),
        (&false.into(), &"no-face".into())
    );
    let recent = server.get("/api/v1/predictions/recent").await;
    let recent: Value = recent.json().await.expect("JSON");
    assert_eq!(recent["predictions"].as_array().map(Vec::len), Some(0));
    // In full, no face is no error.
    let full = server
        .post_bytes("/predict?format=framewitness", "wall.jpg", no_face())
        .await;
    assert_eq!(full.status(), 200);
}

#[tokio::test]
async fn a_wrong_field_an_empty_file_and_a_text_are_told_in_detail() {
    let server = Server::shared().await;
    let said = detail(predict(&server, "picture", "a.jpg", face()).await, 400).await;
    assert!(said.contains("\"file\""), "{said}");
    detail(predict(&server, "file", "a.jpg", Vec::new()).await, 400).await;
    let text = b"This is a text, whatever its name says.".to_vec();
    detail(predict(&server, "file", "a.jpg", text.clone()).await, 415).await;
    let mut cut = face();
    cut.truncate(200);
    detail(predict(&server, "file", "a.jpg", cut).await, 422).await;
    let response = predict(&server, "image", "a.jpg", text).await;
    assert_eq!(response.status(), 415);
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["success"], false);
    assert!(body["error"].is_string(), "{body}");
}

#[tokio::test]
async fn both_error_shapes_of_images_are_documented_beside_the_problem() {
    let server = Server::shared().await;
    let document: Value = (server.get("/openapi.json").await.json().await).expect("JSON");
    let responses = &document["paths"]["/predict"]["post"]["responses"];
    let kinds = responses["422"]["content"].as_object().expect("content");
    let mut kinds: Vec<_> = kinds.keys().map(String::as_str).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["application/json", "application/problem+json"]);
    let schemas = &document["components"]["schemas"];
    for name in ["DetailError", "SuccessError", "LabelScores", "ImageAnswer"] {
        assert!(schemas[name]["properties"].is_object(), "{name}");
    }
}

#[tokio::test]
async fn health_has_its_fields() {
    let server = Server::shared().await;
    let health: Value = server.get("/health").await.json().await.expect("JSON");
    assert_eq!(health["status"], "ok");
    assert_eq!(health["model_loaded"], true);
    assert_eq!(health["model_exists"], true);
    let timestamp = health["timestamp"].as_str().expect("a time");
    assert!(
        timestamp.ends_with('Z') && timestamp.contains('T'),
        "{timestamp}"
    );
}

#[tokio::test]
async fn the_same_bytes_are_answered_from_the_cache_and_say_so() {
    let server = Server::start().await;
    let cached = |response: &Response| {
        response.headers()["x-cache"]
            .to_str()
            .map(str::to_owned)
            .expect("ASCII")
    };
    let first = predict(&server, "file", "a.jpg", face()).await;
    assert_eq!(cached(&first), "miss");
    let first: Value = first.json().await.expect("JSON");
    let again = predict(&server, "file", "b.jpg", face()).await;
    assert_eq!(cached(&again), "hit");
    let again: Value = again.json().await.expect("JSON");
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["predictions"], first["predictions"]);
    // The canonical routes use the same cache, and answer under the name the file has now.
    let full = server
        .post_bytes("/predict?format=framewitness", "c.jpg", face())
        .await;
    assert_eq!(cached(&full), "hit");
    let full: Value = full.json().await.expect("JSON");
    assert_eq!(
        (&full["id"], &full["filename"]),
        (&first["id"], &"c.jpg".into())
    );
    let other = predict(&server, "file", "a.png", face_png()).await;
    assert_eq!(cached(&other), "miss");

    let form = Form::new().part("file", Part::bytes(face()).file_name("a.jpg"));
    let request = server.client().post(server.url("/predict")).multipart(form);
    let anew = request
        .header("cache-control", "no-cache")
        .send()
        .await
        .expect("an answer");
    assert_eq!(cached(&anew), "miss");
    let anew: Value = anew.json().await.expect("JSON");
    assert_ne!(anew["id"], first["id"]);
    assert_eq!(anew["predictions"], first["predictions"]);
    let metrics = server.get("/metrics").await.text().await.expect("text");
    assert!(
        metrics.contains("framewitness_result_cache_total{outcome=\"hit\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_file_whose_pictures_were_swept_is_analysed_anew() {
    let settings = [("artifacts_max_bytes", "1"), ("sweep_interval_s", "1")];
    let server = Server::start_with(&settings).await;
    let first: Value =
        (predict(&server, "file", "a.jpg", face()).await.json().await).expect("JSON");
    let id = first["id"].as_str().expect("an id");
    let picture = format!("/static/artifacts/{id}/frame-000.jpg");
    let started = std::time::Instant::now();
    while server.get(&picture).await.status() == 200 {
        assert!(started.elapsed().as_secs() < 60, "the sweep");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let again = predict(&server, "file", "a.jpg", face()).await;
    assert_eq!(again.headers()["x-cache"], "miss");
    let again: Value = again.json().await.expect("JSON");
    assert_ne!(again["id"], first["id"]);
}
