//! The history, some of it: by verdict, kind, time and key, on both pairs of stores.

use reqwest::{Method, Response};
use serde_json::Value;

use crate::exchange::Files;
use crate::home::{Backend, Home};
use crate::keys::{get_with, make_key};
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const RECENT: &str = "/api/v1/predictions/recent";

/// Sends a file with a key; the name of its analysis and the verdict.
async fn analysed(server: &Server, secret: &str, path: &std::path::Path) -> (String, String) {
    let form = reqwest::multipart::Form::new();
    let form = form.file("file", path).await.expect("a file");
    let url = server.url("/predict?format=framewitness");
    let request = server
        .client()
        .post(url)
        .bearer_auth(secret)
        .multipart(form);
    let answer: Response = request.send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    let text = |name: &str| answer[name].as_str().expect("text").to_owned();
    (text("id"), text("verdict"))
}

/// Names of the analyses that `query` picks, newest first.
async fn picked(server: &Server, secret: &str, query: &str) -> Vec<String> {
    let answer = get_with(server, &format!("{RECENT}?{query}"), secret).await;
    assert_eq!(answer.status(), 200, "{query}");
    let answer: Value = answer.json().await.expect("JSON");
    let list = answer["predictions"].as_array().expect("a list").iter();
    list.map(|record| record["id"].as_str().expect("an id").to_owned())
        .collect()
}

async fn the_history_is_picked_by_verdict_kind_time_and_key(backend: Backend) {
    let server = Server::start_in(Home::on(backend), &[]).await;
    let admin = make_key(&server, &["admin", "--scope", "admin"]);
    let sender = make_key(&server, &["sender"]);
    let files = Files::new();
    let video = analysed(&server, &sender, &repository("videos/manipulated.mp4")).await;
    let image = analysed(&server, &admin, &files.path("genuine.jpg")).await;
    assert_ne!(
        video.1, image.1,
        "the two demo faces get different verdicts"
    );
    let both = vec![image.0.clone(), video.0.clone()];
    let (of_image, of_video, none) = (vec![image.0], vec![video.0], Vec::<String>::new());

    for (query, expected) in [
        (format!("label={}", video.1).as_str(), &of_video),
        ("kind=image", &of_image),
        ("since=2020-01-01T00:00:00Z", &both),
        ("until=2020-01-01T00:00:00Z", &none),
        ("key=1", &of_image),
        ("key=2", &of_video),
        ("key=2&kind=image", &none),
    ] {
        assert_eq!(picked(&server, &admin, query).await, *expected, "{query}");
    }
    let own = picked(&server, &sender, "since=2020-01-01T00:00:00Z").await;
    assert_eq!(own, of_video);

    let route = || (Method::GET, RECENT);
    for odd in ["label=MAYBE", "kind=sound", "since=yesterday", "key=x"] {
        let refused = get_with(&server, &format!("{RECENT}?{odd}"), &admin).await;
        expect_problem(&server, route(), refused, (400, "invalid-query")).await;
    }
    let refused = get_with(&server, &format!("{RECENT}?key=1"), &sender).await;
    expect_problem(&server, route(), refused, (400, "invalid-query")).await;
}

#[tokio::test]
async fn the_history_is_picked_by_verdict_kind_time_and_key_on_sqlite_and_disk() {
    the_history_is_picked_by_verdict_kind_time_and_key(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn the_history_is_picked_by_verdict_kind_time_and_key_on_postgres_and_s3() {
    the_history_is_picked_by_verdict_kind_time_and_key(Backend::PostgresAndS3).await;
}
