//! Detection backend: every documented endpoint, sent as its document does.

use serde_json::Value;

use crate::exchange::{Files, Holds, expect_fields, get, near, post};
use crate::server::Server;

const VARIATIONS: [&str; 6] = [
    "grayscale",
    "rotate_right",
    "rotate_left",
    "brightness_up",
    "brightness_down",
    "flip_horizontal",
];

fn is_small_label(value: &Value) -> bool {
    *value == "fake" || *value == "real"
}

#[tokio::test]
async fn an_image_is_fake_or_real_with_the_confidence_of_what_is_said() {
    let (server, files) = (Server::shared().await, Files::new());
    for name in ["genuine.jpg", "manipulated.jpg"] {
        let (status, answer) = post(&server, "/api/v1/detect/", &[files.field("file", name)]).await;
        assert_eq!(status, 200, "{answer}");
        expect_fields(
            &answer,
            &[
                ("confidence", Holds::Majority),
                ("processing_time", Holds::Seconds),
            ],
        );
        assert!(is_small_label(&answer["prediction"]), "{answer}");
        let debug = &answer["debug_info"];
        expect_fields(
            debug,
            &[
                ("raw_prediction", Holds::Fraction),
                ("input_shape", Holds::List),
            ],
        );
        let shape = debug["input_shape"].as_array().expect("a shape");
        assert_eq!(
            (shape.len(), &shape[0], &shape[3]),
            (4, &1.into(), &3.into())
        );
        let p = debug["raw_prediction"].as_f64().expect("a number");
        assert_eq!(answer["prediction"] == "fake", p >= 0.5);
        assert!(near(&answer["confidence"], p.max(1.0 - p)), "{answer}");
    }
}

#[tokio::test]
async fn six_variations_are_judged_beside_the_original_and_the_majority_decides() {
    let (server, files) = (Server::shared().await, Files::new());
    let image = [files.field("file", "manipulated.jpg")];
    let (status, answer) = post(&server, "/api/v1/detect/augmented", &image).await;
    assert_eq!(status, 200, "{answer}");
    expect_fields(
        &answer,
        &[
            ("consensus_prediction", Holds::Label),
            ("average_confidence", Holds::Fraction),
            ("processing_time", Holds::Seconds),
        ],
    );
    let varied = answer["augmented_predictions"].as_array().expect("a list");
    let types: Vec<_> = varied
        .iter()
        .map(|v| v["augmentation_type"].as_str())
        .collect();
    assert_eq!(types, VARIATIONS.map(Some));
    let all: Vec<&Value> = std::iter::once(&answer["original_prediction"])
        .chain(varied)
        .collect();
    for one in &all {
        assert!(is_small_label(&one["prediction"]), "{one}");
        expect_fields(one, &[("confidence", Holds::Majority)]);
    }
    let fakes = all.iter().filter(|one| one["prediction"] == "fake").count();
    let debug = &answer["debug_info"];
    assert_eq!(debug["predictions_below_threshold"], fakes);
    assert_eq!(
        (&debug["total_predictions"], &debug["threshold"]),
        (&7.into(), &0.5.into())
    );
    assert_eq!(debug["input_size"].as_array().map(Vec::len), Some(2));
    let is_fake = fakes >= 4;
    assert_eq!(answer["consensus_prediction"] == "FAKE", is_fake);
    let of_consensus = all.iter().map(|one| {
        let confidence = one["confidence"].as_f64().expect("a number");
        if (one["prediction"] == "fake") == is_fake {
            confidence
        } else {
            1.0 - confidence
        }
    });
    assert!(
        near(
            &answer["average_confidence"],
            of_consensus.sum::<f64>() / 7.0
        ),
        "{answer}"
    );

    // The original is judged as it is alone, and a flipped face is not taken for another one.
    let (_, alone) = post(&server, "/api/v1/detect/", &image).await;
    assert_eq!(all[0]["confidence"], alone["confidence"]);
    let distinct: std::collections::BTreeSet<String> = all
        .iter()
        .map(|one| one["confidence"].to_string())
        .collect();
    assert!(
        distinct.len() > 4,
        "the variations change nothing: {distinct:?}"
    );
}

#[tokio::test]
async fn health_and_model_tell_what_answers_and_when_nothing_does() {
    let server = Server::start().await;
    let health = [("model_loaded", Holds::Bool), ("timestamp", Holds::Time)];
    let (status, answer) = get(&server, "/api/v1/detect/health").await;
    assert_eq!((status, &answer["status"]), (200, &"healthy".into()));
    expect_fields(&answer, &health);
    let (status, model) = get(&server, "/api/v1/model/info").await;
    assert_eq!(status, 200, "{model}");
    expect_fields(
        &model,
        &[
            ("input_shape", Holds::List),
            ("image_size", Holds::List),
            ("model_path", Holds::Text),
            ("layers", Holds::List),
            ("model_loaded", Holds::True),
        ],
    );
    post(&server, "/api/model/unload", &[]).await;
    let (status, answer) = get(&server, "/api/v1/detect/health").await;
    assert_eq!((status, &answer["status"]), (503, &"unhealthy".into()));
    expect_fields(&answer, &health);
    assert_eq!(answer["model_loaded"], false);
    let page = server.get("/api/v1/docs").await;
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_the_services_words() {
    let (server, files) = (Server::shared().await, Files::new());
    for (field, name, status, code) in [
        ("image", "genuine.jpg", 400, "MISSING_FILE"),
        ("file", "empty.jpg", 400, "EMPTY_FILE"),
        ("file", "text.jpg", 415, "UNSUPPORTED_MEDIA"),
        ("file", "no-face.jpg", 422, "NO_FACE"),
    ] {
        for path in ["/api/v1/detect/", "/api/v1/detect/augmented"] {
            let (got, error) = post(&server, path, &[files.field(field, name)]).await;
            assert_eq!(
                (got, &error["error_code"]),
                (status, &code.into()),
                "{path} {error}"
            );
            expect_fields(
                &error,
                &[("error", Holds::Text), ("timestamp", Holds::Time)],
            );
        }
    }
}
