//! What the service says about the demo clips in `videos/`.

use serde_json::Value;

use crate::server::{Server, repository};

fn codes(answer: &Value) -> Vec<&str> {
    let reasons = answer["reasons"].as_array().expect("reasons");
    reasons
        .iter()
        .filter_map(|reason| reason["code"].as_str())
        .collect()
}

#[tokio::test]
async fn a_video_of_a_face_gets_a_verdict_with_everything_that_led_to_it() {
    let server = Server::shared().await;
    let answer = server.predict("videos/genuine.mp4").await;

    let probability = answer["probability_fake"].as_f64().expect("a probability");
    assert!((0.0..=1.0).contains(&probability));
    assert!(!codes(&answer).is_empty());
    assert_eq!(answer["frames"].as_array().map(Vec::len), Some(30));
    assert_eq!(
        answer["frames_for_display"].as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(answer["tracks"].as_array().map(Vec::len), Some(1));
    let roles: Vec<_> = answer["models"]
        .as_array()
        .expect("models")
        .iter()
        .collect();
    assert_eq!(roles.len(), 3);
    for model in roles {
        assert_eq!(model["sha256"].as_str().map(str::len), Some(64));
    }
}

#[tokio::test]
async fn faces_say_where_the_frame_model_sees_traces_and_where_their_crops_lie() {
    let server = Server::shared().await;
    let answer = server.predict("videos/manipulated.mp4").await;
    let frames = answer["frames"].as_array().expect("frames");
    let faces = || (frames.iter()).flat_map(|frame| frame["faces"].as_array().expect("faces"));
    let looked_at = faces().filter(|face| face["frame_probability"].is_number());
    let mut hottest = 0;
    for face in looked_at {
        let map = &face["manipulation_map"];
        let cells = map["cells"].as_array().expect("cells");
        assert_eq!((map["side"].as_u64(), cells.len()), (Some(24), 576));
        hottest = (cells.iter().filter_map(Value::as_u64)).fold(hottest, u64::max);
    }
    assert!(hottest > 50, "traces somewhere in a forged face: {hottest}");
    for face in faces() {
        let x = |corner: usize| face["crop_corners"][corner][0].as_f64().expect("a corner");
        let left = face["box"]["x"].as_f64().expect("a box");
        let right = left + face["box"]["width"].as_f64().expect("a box");
        assert!(x(0) < left + 10.0 && x(1) > right - 10.0, "{face}");
    }
}

#[tokio::test]
async fn a_verdict_can_be_asked_to_hold_after_small_changes_and_the_record_keeps_what_they_did() {
    let server = Server::shared().await;
    let usual = server.predict("videos/manipulated.mp4").await;
    assert_eq!(usual.get("stability"), None);
    let video = repository("videos/manipulated.mp4");
    let response = server.post_file("/predict?stability=true", &video).await;
    let answer: Value = response.json().await.expect("JSON");

    let changes = (answer["stability"]["changes"].as_array()).expect("changes");
    let told: Vec<_> = changes.iter().map(|each| each["change"].as_str()).collect();
    assert_eq!(
        told,
        [Some("recompressed"), Some("rescaled"), Some("cropped")]
    );
    assert_eq!(answer["stability"]["holds"], true, "{answer}");
    assert_eq!(answer["verdict"], "FAKE");
    let path = format!(
        "/api/v1/predictions/{}",
        answer["id"].as_str().expect("an id")
    );
    let record: Value = server.get(&path).await.json().await.expect("JSON");
    assert_eq!(record["stability"], answer["stability"]);

    // Of a face about which the models are less sure, to see that it was changed.
    let usual = server.predict("videos/genuine.mp4").await;
    let video = repository("videos/genuine.mp4");
    let response = server.post_file("/predict?stability=true", &video).await;
    let genuine: Value = response.json().await.expect("JSON");
    for change in (genuine["stability"]["changes"].as_array()).expect("changes") {
        assert_ne!(change["probability_fake"], usual["probability_fake"]);
    }
}

#[tokio::test]
async fn every_frame_and_crop_that_an_answer_names_can_be_fetched() {
    let server = Server::shared().await;
    let answer = server.predict("videos/manipulated.mp4").await;
    let mut urls = Vec::new();
    for frame in answer["frames"].as_array().expect("frames") {
        urls.push(frame["url"].as_str().expect("a frame url").to_owned());
        for face in frame["faces"].as_array().expect("faces") {
            urls.push(face["crop_url"].as_str().expect("a crop url").to_owned());
        }
    }
    assert!(urls.len() > 30, "frames and crops: {}", urls.len());
    for url in urls {
        let response = server.get(&url).await;
        assert_eq!(response.status(), 200, "{url}");
        let bytes = response.bytes().await.expect("bytes");
        assert!(bytes.starts_with(&[0xFF, 0xD8]), "{url} is a JPEG");
    }
}

#[tokio::test]
async fn the_same_file_gets_identical_scores_alone_and_among_others() {
    let server =
        Server::start_with(&[("result_cache_entries", "0"), ("decode_threads", "2")]).await;
    let alone = server.predict("videos/genuine.mp4").await;
    let (one, two, other) = tokio::join!(
        server.predict("videos/genuine.mp4"),
        server.predict("videos/genuine.mp4"),
        server.predict("videos/manipulated.mp4"),
    );
    for again in [&one, &two] {
        assert_eq!(alone["probability_fake"], again["probability_fake"]);
        for (a, b) in alone["models"]
            .as_array()
            .into_iter()
            .flatten()
            .zip(again["models"].as_array().into_iter().flatten())
        {
            assert_eq!(a["probability_fake"], b["probability_fake"]);
        }
        let scores = |answer: &Value| -> Vec<Value> {
            let frames = answer["frames"].as_array().expect("frames").iter();
            frames
                .map(|frame| frame["faces"][0]["probability_fake"].clone())
                .collect()
        };
        assert_eq!(scores(&alone), scores(again));
    }
    assert_ne!(alone["probability_fake"], other["probability_fake"]);
}

#[tokio::test]
async fn a_video_without_a_face_is_neither_real_nor_fake() {
    let server = Server::shared().await;
    let answer = server.predict("videos/no-face.mp4").await;
    assert_eq!(answer["verdict"], "INCONCLUSIVE");
    assert_eq!(answer["probability_fake"], Value::Null);
    assert_eq!(codes(&answer)[0], "no-face");
}

#[tokio::test]
async fn two_people_in_one_video_stay_apart() {
    let server = Server::shared().await;
    let answer = server.predict("videos/two-people.mp4").await;
    let tracks = answer["tracks"].as_array().expect("tracks");
    assert_eq!(tracks.len(), 2, "{tracks:?}");
}

#[tokio::test]
async fn an_analysis_is_found_again_after_a_restart() {
    let server = Server::start().await;
    let answer = server.predict("videos/genuine.mp4").await;
    let id = answer["id"].as_str().expect("an id");
    let path = format!("/api/v1/predictions/{id}");
    let stored: Value = server.get(&path).await.json().await.expect("JSON");
    assert_eq!(stored["probability_fake"], answer["probability_fake"]);
    assert_eq!(stored["frames"], answer["frames"]);

    let recent: Value =
        (server.get("/api/v1/predictions/recent").await.json().await).expect("JSON");
    assert!(recent.to_string().contains(id));
}
