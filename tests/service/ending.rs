//! How the service drains: an upload held in the middle shows what finishes and what is refused.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::held_upload::{HeldUpload, files_below, leftovers};
use crate::problem::expect_problem;
use crate::server::{Server, own_fields, repository};

const CLIP: &str = "videos/genuine.mp4";

async fn a_request_in_flight_finishes(signal: &str) {
    let mut server = Server::start_quick().await;
    let held = HeldUpload::begin(&server, "/predict", &repository(CLIP)).await;
    server.signal(signal);
    while server.get("/readyz").await.status() == 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let readyz = server.get("/readyz").await;
    expect_problem(
        &server,
        (Method::GET, "/readyz"),
        readyz,
        (503, "not-ready"),
    )
    .await;
    let newcomer = server.post_file("/predict", &repository(CLIP)).await;
    let route = (Method::POST, "/predict");
    expect_problem(&server, route, newcomer, (503, "shutting-down")).await;
    assert_eq!(server.get("/livez").await.status(), 200);

    let answer = held
        .finish()
        .await
        .expect("the request in flight is answered");
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("the whole answer arrives");
    assert!(server.wait(Duration::from_secs(20)).await.success());
    assert_eq!(leftovers(&server), Vec::<std::path::PathBuf>::new());

    let server = Server::start_in(server.give_up_home(), &[]).await;
    let path = format!(
        "/api/v1/predictions/{}",
        answer["id"].as_str().expect("an id")
    );
    let stored: Value = server.get(&path).await.json().await.expect("JSON");
    assert_eq!(own_fields(stored), answer);
}

#[tokio::test]
async fn on_sigterm_the_request_in_flight_finishes_and_newcomers_are_refused() {
    a_request_in_flight_finishes("TERM").await;
}

#[tokio::test]
async fn on_ctrl_c_the_request_in_flight_finishes_and_newcomers_are_refused() {
    a_request_in_flight_finishes("INT").await;
}

#[tokio::test]
async fn a_request_that_does_not_end_is_given_up_after_the_grace() {
    let mut server = Server::start_quick_with(&[("shutdown_grace_s", "1")]).await;
    let held = HeldUpload::begin(&server, "/predict", &repository(CLIP)).await;
    server.signal("TERM");
    assert!(server.wait(Duration::from_secs(15)).await.success());
    assert!(held.answer().await.is_err(), "no answer was made up");
    assert_eq!(leftovers(&server), Vec::<std::path::PathBuf>::new());
    let artifacts = files_below(&server.data_dir().join("artifacts"));
    assert_eq!(artifacts, Vec::<std::path::PathBuf>::new());
}
