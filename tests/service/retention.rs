//! Pictures go after a while, records stay.

use std::time::{Duration, Instant};

use crate::server::Server;

#[tokio::test]
async fn pictures_over_the_total_size_are_swept_and_the_record_stays() {
    let server =
        Server::start_quick_with(&[("artifacts_max_bytes", "1"), ("sweep_interval_s", "1")]).await;
    let answer = server.predict("videos/genuine.mp4").await;
    let picture = answer["frames"][0]["url"].as_str().expect("a url");
    let started = Instant::now();
    while server.get(picture).await.status() != 404 {
        assert!(started.elapsed() < Duration::from_secs(30), "never swept");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let id = answer["id"].as_str().expect("an id");
    let record = server.get(&format!("/api/v1/predictions/{id}")).await;
    assert_eq!(record.status(), 200);
}
