//! What the service tells about itself: limits, health, metrics, documents, history.

use reqwest::Method;
use serde_json::Value;

use crate::problem::{expect_documented, expect_problem};
use crate::server::Server;

async fn json(server: &Server, path: &str) -> Value {
    let response = server.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.expect("JSON")
}

#[tokio::test]
async fn the_limits_are_those_that_were_set() {
    let settings = [
        ("max_body_bytes", "12345678"),
        ("max_duration_s", "33.5"),
        ("sample_frames", "7"),
    ];
    let server = Server::start_with(&settings).await;
    let limits = json(&server, "/api/v1/limits/").await;
    assert_eq!(limits["max_body_bytes"], 12_345_678);
    assert_eq!(limits["max_duration_s"], 33.5);
    assert_eq!(limits["sample_frames"], 7);
    let answer = server.predict("videos/genuine.mp4").await;
    assert_eq!(answer["frames"].as_array().map(Vec::len), Some(7));
}

#[tokio::test]
async fn a_video_over_a_limit_is_refused_with_the_limit_in_the_message() {
    let server = Server::start_with(&[("max_duration_s", "2")]).await;
    let clip = crate::server::repository("videos/genuine.mp4");
    let response = server.post_file("/predict", &clip).await;
    let route = (Method::POST, "/predict");
    let problem = expect_problem(&server, route, response, (422, "too-long")).await;
    assert!(
        problem["detail"].to_string().contains("at most 2 s"),
        "{problem}"
    );
}

#[tokio::test]
async fn health_names_the_models_with_the_digests_that_answers_name() {
    let server = Server::shared().await;
    assert_eq!(json(&server, "/livez").await["status"], "ok");
    assert_eq!(json(&server, "/readyz").await["status"], "ready");
    let health = json(&server, "/health").await;
    assert_eq!(health["status"], "ok");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["database"], "ok");
    let digests = |models: &Value| -> Vec<Value> {
        let models = models.as_array().expect("models").iter();
        models.map(|model| model["sha256"].clone()).collect()
    };
    let answer = server.predict("videos/no-face.mp4").await;
    assert_eq!(digests(&health["models"]), digests(&answer["models"]));
}

#[tokio::test]
async fn metrics_count_by_route_and_never_by_path() {
    let server = Server::start().await;
    server
        .get("/api/v1/predictions/00000000-0000-0000-0000-000000000000")
        .await;
    server.get("/some/path/a/scanner/tries").await;
    let metrics = server.get("/metrics").await.text().await.expect("text");
    let line = |needle: &str| metrics.lines().any(|line| line.contains(needle));
    assert!(
        line("route=\"/api/v1/predictions/{id}\",status=\"404\""),
        "{metrics}"
    );
    assert!(line("route=\"unmatched\",status=\"404\""), "{metrics}");
    assert!(!line("scanner") && !line("00000000"), "{metrics}");
}

#[tokio::test]
async fn the_history_is_read_page_by_page_from_the_newest() {
    let server = Server::start_with(&[("result_cache_entries", "0")]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.predict("videos/no-face.mp4").await["id"].clone());
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut path = "/api/v1/predictions/recent?limit=2".to_owned();
    loop {
        let page = json(&server, &path).await;
        let answers = page["predictions"].as_array().expect("a list");
        seen.extend(answers.iter().map(|answer| answer["id"].clone()));
        let Some(before) = page["next_before"].as_str() else {
            break;
        };
        path = format!("/api/v1/predictions/recent?limit=2&before={before}");
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn history_questions_that_make_no_sense_are_refused() {
    let server = Server::shared().await;
    let recent = "/api/v1/predictions/recent";
    for query in ["?limit=0", "?limit=101", "?limit=many", "?before=yesterday"] {
        let response = server.get(&format!("{recent}{query}")).await;
        expect_problem(
            &server,
            (Method::GET, recent),
            response,
            (400, "invalid-query"),
        )
        .await;
    }
    let unknown = server.get("/api/v1/predictions/no-such-id").await;
    let route = (Method::GET, "/api/v1/predictions/{id}");
    expect_problem(&server, route, unknown, (404, "not-found")).await;
}

#[tokio::test]
async fn pictures_are_kept_by_browsers_and_their_folder_cannot_be_left() {
    let server = Server::shared().await;
    let answer = server.predict("videos/no-face.mp4").await;
    let url = answer["frames"][0]["url"].as_str().expect("a url");
    let picture = server.get(url).await;
    assert_eq!(picture.headers()["content-type"], "image/jpeg");
    assert!(
        picture.headers()["cache-control"]
            .to_str()
            .expect("ASCII")
            .contains("immutable")
    );
    assert_eq!(picture.headers()["x-content-type-options"], "nosniff");
    let head = server
        .client()
        .head(server.url(url))
        .send()
        .await
        .expect("an answer");
    assert_eq!(head.status(), 200);
    let folder = url.rsplit_once('/').expect("a folder").0;
    for name in [
        "..%2f..%2f..%2fkeys%2fprivate.pem",
        "frame-999.jpg",
        "FRAME-000.jpg",
        "%00.jpg",
    ] {
        let response = server.get(&format!("{folder}/{name}")).await;
        let route = (Method::GET, "/static/artifacts/{id}/{name}");
        expect_problem(&server, route, response, (404, "not-found")).await;
    }
}

#[tokio::test]
async fn an_answer_has_the_fields_that_its_schema_requires_and_no_others() {
    let server = Server::shared().await;
    let document = json(&server, "/openapi.json").await;
    expect_documented(&server, (Method::POST, "/predict"), 200).await;
    let answer = server.predict("videos/two-people.mp4").await;
    let schemas = &document["components"]["schemas"];
    follows(schemas, &schemas["AnalysisAnswer"], &answer, "answer");
}

/// Checks names and presence of properties all the way down; enough to catch drift.
fn follows(schemas: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().expect("a name");
        return follows(schemas, &schemas[name], value, place);
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for value in values {
            follows(schemas, items, value, place);
        }
    }
    let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object())
    else {
        return;
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().expect("a name");
        assert!(
            object.contains_key(name),
            "{place}.{name} is required and missing"
        );
    }
    for (name, value) in object {
        let schema = properties.get(name);
        let schema = schema.unwrap_or_else(|| panic!("{place}.{name} is not in the schema"));
        follows(schemas, schema, value, &format!("{place}.{name}"));
    }
}
