//! The same service on SQLite and disk and on PostgreSQL and S3, and what happens when the latter
//! two are away.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::home::{Backend, Home, PASSWORD, SECRET_KEY};
use crate::problem::expect_problem;
use crate::server::{Server, own_fields, repository};

const CLIP: &str = "videos/genuine.mp4";

async fn json(server: &Server, path: &str) -> Value {
    let response = server.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.expect("JSON")
}

/// What is answered is stored, with its pictures, and both outlive the server.
async fn what_is_answered_can_be_read_again(backend: Backend) {
    let server = Server::start_in(Home::on(backend), &[]).await;
    let first = server.predict("videos/manipulated.mp4").await;
    let second = server.predict(CLIP).await;
    let pictures = server.home().pictures().len();
    let frames = |answer: &Value| answer["frames"].as_array().map_or(0, Vec::len);
    assert!(pictures > frames(&first) + frames(&second), "{pictures}");

    let server = Server::start_in(server.give_up_home(), &[]).await;
    let recent = json(&server, "/api/v1/predictions/recent?limit=1").await;
    assert_eq!(recent["predictions"], serde_json::json!([second]));
    let next = recent["next_before"].as_str().expect("a cursor");
    let path = format!("/api/v1/predictions/recent?limit=5&before={next}");
    let rest = json(&server, &path).await;
    assert_eq!(rest["predictions"], serde_json::json!([first]));
    assert_eq!(rest["next_before"], Value::Null);
    let id = first["id"].as_str().expect("an id");
    let path = format!("/api/v1/predictions/{id}");
    assert_eq!(own_fields(json(&server, &path).await), first);

    for frame in first["frames"].as_array().expect("frames") {
        let picture = server.get(frame["url"].as_str().expect("a url")).await;
        assert_eq!(picture.status(), 200);
        let jpeg = picture.bytes().await.expect("bytes");
        assert!(jpeg.starts_with(&[0xff, 0xd8]), "no JPEG");
    }
    let absent = format!("/static/artifacts/{id}/frame-999.jpg");
    assert_eq!(server.get(&absent).await.status(), StatusCode::NOT_FOUND);
    for secret in [PASSWORD, SECRET_KEY] {
        assert!(!server.log().contains(secret), "{}", server.log());
    }
}

#[tokio::test]
async fn what_is_answered_can_be_read_again_on_sqlite_and_disk() {
    what_is_answered_can_be_read_again(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn what_is_answered_can_be_read_again_on_postgres_and_s3() {
    what_is_answered_can_be_read_again(Backend::PostgresAndS3).await;
}

#[tokio::test]
async fn pictures_over_the_total_size_are_swept_from_the_bucket_and_the_record_stays() {
    let settings = [("artifacts_max_bytes", "1"), ("sweep_interval_s", "1")];
    let server = Server::start_in(Home::on(Backend::PostgresAndS3), &settings).await;
    let answer = server.predict(CLIP).await;
    let picture = answer["frames"][0]["url"].as_str().expect("a url");
    until("the sweep", async || {
        server.get(picture).await.status() == 404
    })
    .await;
    let id = answer["id"].as_str().expect("an id");
    json(&server, &format!("/api/v1/predictions/{id}")).await;
}

#[tokio::test]
async fn an_analysis_is_answered_while_the_bucket_is_away_and_its_pictures_follow() {
    let settings = [("artifacts_retry_interval_s", "1")];
    let mut server = Server::start_in(Home::on(Backend::PostgresAndS3), &settings).await;
    server.remote().s3.stop();
    let answer = server.predict(CLIP).await;
    let notes = answer["notes"].as_array().expect("notes");
    let delayed = notes.iter().any(|note| note["code"] == "pictures-delayed");
    assert!(delayed, "{notes:?}");
    let picture = answer["frames"][0]["url"]
        .as_str()
        .expect("a url")
        .to_owned();
    // It waits on the machine that made it, which shows it already.
    assert_eq!(server.get(&picture).await.status(), 200);

    server.remote().s3.start_again();
    let frames = answer["frames"].as_array().expect("frames").len();
    until("the pictures", async || {
        server.home().pictures().len() >= frames
    })
    .await;
    assert_eq!(server.get(&picture).await.status(), 200);
    let id = answer["id"].as_str().expect("an id");
    let again = json(&server, &format!("/api/v1/predictions/{id}")).await;
    assert_eq!(again["notes"], serde_json::json!([]));
}

#[tokio::test]
async fn a_picture_whose_bucket_is_away_is_a_503_that_says_so() {
    let mut server = Server::start_in(Home::on(Backend::PostgresAndS3), &[]).await;
    let answer = server.predict(CLIP).await;
    server.remote().s3.stop();
    let response = server
        .get(answer["frames"][0]["url"].as_str().expect("a url"))
        .await;
    let route = (Method::GET, "/static/artifacts/{id}/{name}");
    expect_problem(&server, route, response, (503, "artifacts-away")).await;
}

#[tokio::test]
async fn a_database_that_was_away_is_a_503_and_then_used_again_without_a_restart() {
    let mut server = Server::start_in(Home::with_its_own_postgres(), &[]).await;
    let answer = server.predict(CLIP).await;
    server.remote().postgres().stop();
    let refused = server.post_file("/predict", &repository(CLIP)).await;
    let route = (Method::POST, "/predict");
    expect_problem(&server, route, refused, (503, "database-away")).await;
    let ready = server.get("/readyz").await;
    expect_problem(&server, (Method::GET, "/readyz"), ready, (503, "not-ready")).await;
    assert_eq!(server.get("/livez").await.status(), 200);
    let id = answer["id"].as_str().expect("an id").to_owned();
    let pictures = server.home().pictures();
    assert!(
        pictures
            .iter()
            .all(|path| path.to_string_lossy().contains(&id))
    );

    server.remote().postgres().start_again();
    assert_eq!(server.get("/readyz").await.status(), 200);
    let stored = json(&server, &format!("/api/v1/predictions/{id}")).await;
    assert_eq!(own_fields(stored), answer);
    server.predict(CLIP).await;
    assert!(!server.log().contains(PASSWORD), "{}", server.log());
}

async fn until(what: &str, done: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !done().await {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}: never");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
