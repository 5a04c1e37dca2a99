//! What the service says of content credentials: of files signed for the test, and of those in
//! `../shared/data/video_corpus/c2pa` where that is.

use serde_json::{Value, json};

use crate::films::film;
use crate::server::{Server, program, repository};
use crate::signed_media::signed;

const CLIP: &str = "videos/genuine.mp4";
const TRUST_LIST: &str = "content_credentials_trust_list";

async fn answer_to(server: &Server, name: &str, bytes: Vec<u8>) -> Value {
    let response = server
        .post_bytes("/predict?format=framewitness", name, bytes)
        .await;
    assert_eq!(response.status(), 200, "{name}");
    response.json().await.expect("JSON")
}

fn codes(answer: &Value) -> Vec<&str> {
    let reasons = answer["reasons"].as_array().expect("reasons").iter();
    reasons
        .filter_map(|reason| reason["code"].as_str())
        .collect()
}

fn state(answer: &Value) -> &str {
    let state = answer["content_credentials"]["state"].as_str();
    state.unwrap_or_else(|| panic!("no state: {answer}"))
}

#[tokio::test]
async fn a_file_that_says_it_was_generated_is_quoted_beside_the_same_verdict() {
    let server = Server::shared().await;
    let plain = server.predict(CLIP).await;
    assert_eq!(
        plain["content_credentials"],
        json!({"state": "none", "message": "The file carries no content credentials."})
    );
    let source = repository(CLIP);
    let (video, _) = signed(&source, "video/mp4", "trainedAlgorithmicMedia");
    let answer = answer_to(&server, "generated.mp4", video).await;
    for of_the_models in ["verdict", "probability_fake", "confidence"] {
        assert_eq!(answer[of_the_models], plain[of_the_models]);
    }
    let mut expected = codes(&plain);
    expected.push("declared-generated");
    assert_eq!(codes(&answer), expected);
    assert_eq!(state(&answer), "untrusted");
    let claims = &answer["content_credentials"]["claims"];
    assert_eq!(claims["generator"]["name"], "framewitness tests");
    assert_eq!(claims["title"], "A [31mclip");
    let action = &claims["actions"][0];
    assert_eq!(action["digital_source_type"], "trainedAlgorithmicMedia");
    assert_eq!(action["software_agent"], "Maker 3");
    assert_eq!(claims["failures"], json!([]));

    let id = answer["id"].as_str().expect("an id");
    let stored = server.get(&format!("/api/v1/predictions/{id}")).await;
    let stored: Value = stored.json().await.expect("JSON");
    assert_eq!(stored["content_credentials"], answer["content_credentials"]);
    let report = format!("/api/v1/predictions/{id}/report.html");
    let report = server.get(&report).await.text().await.expect("a page");
    assert!(report.contains("Content credentials of the file"));
    assert!(report.contains("The file itself states"));
}

#[tokio::test]
async fn a_signer_on_the_trust_list_is_valid_until_the_file_is_changed() {
    let source = repository(CLIP);
    let (mut video, authority) = signed(&source, "video/mp4", "trainedAlgorithmicMedia");
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("trusted.pem");
    std::fs::write(&list, authority).expect("room for a list");
    let list = list.to_str().expect("UTF-8");
    let server = Server::start_with(&[(TRUST_LIST, list)]).await;
    let whole = answer_to(&server, "whole.mp4", video.clone()).await;
    assert_eq!(state(&whole), "valid", "{}", whole["content_credentials"]);
    assert!(codes(&whole).contains(&"declared-generated"));

    // In the last tenth lie pictures.
    let place = video.len() - video.len() / 20;
    video[place] ^= 1;
    let changed = answer_to(&server, "changed.mp4", video).await;
    assert_eq!(state(&changed), "invalid");
    assert!(!codes(&changed).contains(&"declared-generated"));
    let failures = changed["content_credentials"]["claims"]["failures"].to_string();
    assert!(
        failures.contains("assertion.bmffHash.mismatch"),
        "{failures}"
    );

    let (stranger, _) = signed(&source, "video/mp4", "digitalCapture");
    let stranger = answer_to(&server, "stranger.mp4", stranger).await;
    assert_eq!(state(&stranger), "untrusted");
    assert!(!codes(&stranger).contains(&"declared-generated"));
    let message = stranger["content_credentials"]["message"].as_str();
    assert!(message.is_some_and(|m| m.contains("not on the trust list")));
}

#[tokio::test]
async fn still_images_are_read_as_well() {
    let server = Server::shared().await;
    let clip = repository(CLIP);
    let path = clip.to_str().expect("UTF-8");
    for (name, media_type) in [("frame.jpg", "image/jpeg"), ("frame.png", "image/png")] {
        let picture = film(name, &["-i", path, "-frames:v", "1"], &[&clip]);
        let plain = std::fs::read(&picture).expect("a picture");
        assert_eq!(state(&answer_to(&server, name, plain).await), "none");
        let (picture, _) = signed(&picture, media_type, "compositeWithTrainedAlgorithmicMedia");
        let answer = answer_to(&server, name, picture).await;
        assert_eq!(state(&answer), "untrusted", "{answer}");
        assert!(codes(&answer).contains(&"declared-generated"));
    }
}

#[test]
fn the_terminal_tells_in_a_line_and_a_list_that_is_none_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let analyze = |trust_list: &str| {
        let mut command = program();
        command.env("FRAMEWITNESS_CONTENT_CREDENTIALS_TRUST_LIST", trust_list);
        command
            .args(["analyze", CLIP, "--data-dir"])
            .arg(folder.path());
        command.output().expect("the program runs")
    };
    let told = analyze("");
    let lines = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        lines.contains("content credentials (none): The file carries no content credentials."),
        "{lines}"
    );
    for (list, wrong) in [
        ("README.md", "no certificate in it"),
        ("missing.pem", "read"),
    ] {
        let refused = analyze(list);
        assert!(!refused.status.success());
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            words.contains(TRUST_LIST) && words.contains(wrong),
            "{words}"
        );
    }
}

#[tokio::test]
async fn files_of_other_makers_are_told_apart_where_the_corpus_is() {
    let corpus = repository("../shared/data/video_corpus/c2pa");
    if !corpus.is_dir() {
        eprintln!("not checked: {} is not there", corpus.display());
        return;
    }
    let server = Server::shared().await;
    let read = |name: &str| std::fs::read(corpus.join(name)).expect("a file of the corpus");
    for (name, expected) in [
        ("video1.mp4", "untrusted"),
        ("video1_no_manifest.mp4", "none"),
        ("legacy.mp4", "invalid"),
        ("c.mov", "none"),
        ("test.avi", "none"),
    ] {
        let answer = answer_to(&server, name, read(name)).await;
        assert_eq!(
            state(&answer),
            expected,
            "{name}: {}",
            answer["content_credentials"]
        );
    }
    let mut changed = read("video1.mp4");
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let changed = answer_to(&server, "changed.mp4", changed).await;
    assert_eq!(state(&changed), "invalid");
    for name in [
        "dashinit.mp4",
        "BigBuckBunny_2s_init.mp4",
        "nested_moov_1000.mp4",
    ] {
        let refused = server.post_bytes("/predict", name, read(name)).await;
        assert!(
            refused.status().is_client_error(),
            "{name}: {}",
            refused.status()
        );
    }
    assert_eq!(server.get("/readyz").await.status(), 200);
}
