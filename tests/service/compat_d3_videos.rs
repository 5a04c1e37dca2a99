//! D3 Detection API: videos, predicted and kept.

use crate::exchange::{Files, Holds, expect_failure, expect_fields, expect_jpeg, get, near, post};
use crate::server::{Server, repository};

#[tokio::test]
async fn a_video_is_answered_frame_by_frame_and_joined_as_asked() {
    let (server, clip) = (Server::shared().await, repository("videos/manipulated.mp4"));
    let video = format!("video=@{}", clip.display());
    let mut joined = Vec::new();
    for aggregation in ["mean", "median", "max", "voting"] {
        let fields = [
            video.clone(),
            "sample_rate=2".into(),
            "batch_size=8".into(),
            "max_frames=10".into(),
            format!("aggregation={aggregation}"),
        ];
        let (status, answer) = post(&server, "/video/predict", &fields).await;
        assert_eq!(status, 200, "{answer}");
        let prediction = [
            ("label", Holds::Label),
            ("is_fake", Holds::Bool),
            ("confidence", Holds::Majority),
            ("scores", Holds::Object),
        ];
        expect_fields(
            &answer,
            &[
                ("success", Holds::True),
                ("filename", Holds::Text),
                ("timestamp", Holds::Time),
            ],
        );
        expect_fields(&answer["prediction"], &prediction);
        assert_eq!(answer["aggregation_method"], aggregation);
        expect_fields(
            &answer["video_metadata"],
            &[
                ("filename", Holds::Text),
                ("duration_seconds", Holds::Seconds),
                ("fps", Holds::Percent),
                ("resolution", Holds::Text),
                ("total_frames", Holds::Count),
                ("frames_analyzed", Holds::Count),
            ],
        );
        let frames = answer["frames"].as_array().expect("frames");
        assert_eq!(frames.len(), 10);
        for (frame, place) in frames.iter().zip(0..) {
            assert_eq!(frame["frame_index"], place * 12, "{frame}");
            expect_fields(frame, &prediction);
            expect_fields(
                frame,
                &[
                    ("frame_number", Holds::Count),
                    ("frame_index", Holds::Count),
                ],
            );
        }
        let fakes = frames
            .iter()
            .filter(|frame| frame["is_fake"] == true)
            .count();
        let statistics = &answer["frame_statistics"];
        assert_eq!(statistics["total_analyzed"], 10);
        assert_eq!(statistics["fake_frames"], fakes);
        assert_eq!(statistics["real_frames"], 10 - fakes);
        assert!(
            near(&statistics["fake_percentage"], fakes as f64 * 10.0),
            "{statistics}"
        );
        expect_jpeg(&server, &answer["result_url"]).await;
        joined.push(
            answer["prediction"]["scores"]["fake"]
                .as_f64()
                .expect("a score"),
        );
    }
    let [mean, median, max, voting] = joined[..] else {
        panic!("four answers: {joined:?}");
    };
    assert!(
        max >= mean && max >= median && (voting * 10.0).fract() == 0.0,
        "{joined:?}"
    );
    let odd = [video.clone(), "aggregation=sum".into()];
    expect_failure(
        &post(&server, "/video/predict", &odd).await,
        400,
        "invalid-field",
    );
    let odd = [video, "max_frames=0".into()];
    expect_failure(
        &post(&server, "/video/predict", &odd).await,
        400,
        "invalid-field",
    );
}

#[tokio::test]
async fn every_thirtieth_frame_is_answered_unless_another_step_is_named() {
    let (server, clip) = (Server::shared().await, repository("videos/manipulated.mp4"));
    let video = format!("video=@{}", clip.display());
    for (fields, expected) in [
        (vec![video.clone()], vec![0, 30, 60, 90]),
        (
            vec![video.clone(), "sample_rate=50".into()],
            vec![0, 50, 100],
        ),
        (vec![video.clone(), "sample_rate=999".into()], vec![0]),
    ] {
        let (status, answer) = post(&server, "/video/predict", &fields).await;
        assert_eq!(status, 200, "{answer}");
        let frames = answer["frames"].as_array().expect("frames").iter();
        let indices: Vec<_> = frames.filter_map(|f| f["frame_index"].as_u64()).collect();
        assert_eq!(indices, expected, "{fields:?}");
    }
    let every = [video, "sample_rate=1".into()];
    let (_, answer) = post(&server, "/video/predict", &every).await;
    assert_eq!(answer["frames"].as_array().expect("frames").len(), 100);
}

#[tokio::test]
async fn a_video_is_kept_and_handed_out_as_it_came() {
    let (server, clip) = (Server::shared().await, repository("videos/genuine.mp4"));
    let field = format!("video=@{}", clip.display());
    let (status, answer) = post(&server, "/video/upload", &[field]).await;
    assert_eq!(status, 200, "{answer}");
    let fields = [
        ("success", Holds::True),
        ("filename", Holds::Text),
        ("video_url", Holds::Text),
        ("timestamp", Holds::Time),
    ];
    expect_fields(&answer, &fields);
    let url = answer["video_url"].as_str().expect("a link");
    let response = match url.starts_with('/') {
        true => server.get(url).await,
        false => server.client().get(url).send().await.expect("an answer"),
    };
    assert_eq!(response.status(), 200);
    let disposition = &response.headers()["content-disposition"];
    assert_eq!(disposition, "attachment");
    let bytes = response.bytes().await.expect("the video");
    assert_eq!(bytes, std::fs::read(clip).expect("the clip"));
}

#[tokio::test]
async fn only_videos_are_kept_and_unknown_ones_are_not_found() {
    let (server, files) = (Server::shared().await, Files::new());
    for name in ["genuine.jpg", "text.jpg"] {
        let answer = post(&server, "/video/upload", &[files.field("video", name)]).await;
        expect_failure(&answer, 415, "unsupported-media");
    }
    for id in ["0197a1b2-5b4e-7c3a-9f00-1d2e3f405162", "..%2f..%2fetc", "x"] {
        let answer = get(&server, &format!("/video/uploads/{id}")).await;
        expect_failure(&answer, 404, "not-found");
    }
}
