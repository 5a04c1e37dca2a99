//! Ctrl-C and SIGTERM in the middle of a request.

use std::time::Duration;

use serde_json::Value;

use crate::held_upload::until_analysing;
use crate::server::{Server, repository};

const END_DEADLINE: Duration = Duration::from_secs(60);

/// Sends `signal` while a request is at work; the request is answered or refused, the program ends
/// by itself with 0, and nothing is half-written.
async fn ends_cleanly_with(signal: &str) {
    let mut server = Server::start_quick().await;
    let request = server.client().post(server.url("/predict")).multipart(
        reqwest::multipart::Form::new()
            .file("file", repository("videos/genuine.mp4"))
            .await
            .expect("the demo clip"),
    );
    let request = tokio::spawn(request.send());
    until_analysing(&server, 1).await;
    server.signal(signal);

    let response = request
        .await
        .expect("no panic")
        .expect("an answer, not a cut connection");
    let status = response.status().as_u16();
    assert!([200, 503].contains(&status), "{status}");
    let answer: Value = response.json().await.expect("a whole JSON body");
    let ended = server.wait(END_DEADLINE).await;
    assert_eq!(ended.code(), Some(0), "{}", server.log());

    let uploads = server.home().uploads();
    assert!(uploads.is_empty(), "{uploads:?}");
    let pictures = server.home().pictures();
    assert_eq!(pictures.is_empty(), status == 503, "{pictures:?}");
    if status == 200 {
        let id = answer["id"].as_str().expect("an id").to_owned();
        let again = Server::start_in(server.give_up_home(), &[]).await;
        let stored = again.get(&format!("/api/v1/predictions/{id}")).await;
        assert_eq!(stored.status(), 200, "what was answered is stored");
    }
}

#[tokio::test]
async fn ctrl_c_during_a_request_loses_nothing() {
    ends_cleanly_with("INT").await;
}

#[tokio::test]
async fn sigterm_during_a_request_loses_nothing() {
    ends_cleanly_with("TERM").await;
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    let mut server = Server::start_quick().await;
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(15)).await.code(), Some(0));
}
