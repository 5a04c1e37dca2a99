//! D³ Inference API: every documented endpoint, sent as its document does.

use serde_json::Value;

use crate::exchange::{
    Files, Holds, expect_failure, expect_fields, get, near, post, resident_bytes,
};
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const RESULT: [(&str, Holds); 5] = [
    ("prediction", Holds::Fraction),
    ("is_fake", Holds::Bool),
    ("confidence", Holds::Fraction),
    ("processing_time", Holds::Seconds),
    ("verdict", Holds::Text),
];
const RECORD: [(&str, Holds); 8] = [
    ("id", Holds::Count),
    ("image_name", Holds::Text),
    ("prediction", Holds::Fraction),
    ("is_fake", Holds::Bool),
    ("confidence", Holds::Fraction),
    ("threshold", Holds::Fraction),
    ("processing_time", Holds::Seconds),
    ("created_at", Holds::Time),
];

#[tokio::test]
async fn an_image_is_predicted_against_its_threshold_and_found_again_by_its_number() {
    let (server, files) = (Server::shared().await, Files::new());
    let image = files.field("file", "manipulated.jpg");
    let path = "/api/inference/predict";
    let (status, low) = post(&server, path, &[image.clone(), "threshold=0.0".into()]).await;
    assert_eq!(status, 200, "{low}");
    expect_fields(
        &low,
        &[("success", Holds::True), ("inference_id", Holds::Count)],
    );
    expect_fields(&low["result"], &RESULT);
    let p = low["result"]["prediction"].as_f64().expect("a number");
    assert!(
        near(&low["result"]["confidence"], (p - 0.5).abs() * 2.0),
        "{low}"
    );
    assert_eq!(low["result"]["is_fake"], true);

    let (_, default) = post(&server, path, std::slice::from_ref(&image)).await;
    assert_eq!(default["result"]["is_fake"], p >= 0.5);
    let (_, high) = post(&server, path, &[image, "threshold=1".into()]).await;
    assert_eq!(high["result"]["is_fake"], p >= 1.0);

    let number = &low["inference_id"];
    let (status, found) = get(&server, &format!("/api/inference/result/{number}")).await;
    assert_eq!(status, 200, "{found}");
    expect_fields(&found["result"], &RECORD);
    assert_eq!(found["result"]["id"], *number);
    assert_eq!(found["result"]["image_name"], "manipulated.jpg");
    assert_eq!(found["result"]["prediction"], low["result"]["prediction"]);
    assert_eq!(found["result"]["threshold"], 0.0);
}

#[tokio::test]
async fn a_batch_is_answered_file_by_file_and_a_bad_one_fails_alone() {
    let (server, files) = (Server::shared().await, Files::new());
    let names = [
        "genuine.jpg",
        "empty.jpg",
        "text.jpg",
        "no-face.jpg",
        "manipulated.jpg",
    ];
    let fields = names.map(|name| files.field("files", name));
    let (status, answer) = post(&server, "/api/inference/predict-batch", &fields).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        (&answer["success"], &answer["count"]),
        (&true.into(), &5.into())
    );
    let codes = [
        None,
        Some("empty-file"),
        Some("unsupported-media"),
        Some("no-face"),
        None,
    ];
    let results = answer["results"].as_array().expect("results");
    for ((result, name), code) in results.iter().zip(names).zip(codes) {
        assert_eq!(result["filename"], name);
        match code {
            None => expect_fields(result, &RESULT),
            Some(code) => {
                assert_eq!(result["success"], false);
                assert_eq!(result["code"], code, "{result}");
            }
        }
    }

    // A batch says of each picture what it is told alone.
    let alone = post(
        &server,
        "/api/inference/predict",
        &[files.field("file", names[0])],
    )
    .await;
    assert_eq!(results[0]["prediction"], alone.1["result"]["prediction"]);
}

#[tokio::test]
async fn the_history_pages_by_offset_and_adds_up() {
    let (server, files) = (Server::start().await, Files::new());
    for name in ["genuine.jpg", "manipulated.jpg"] {
        let (status, answer) = post(
            &server,
            "/api/inference/predict",
            &[files.field("file", name)],
        )
        .await;
        assert_eq!(status, 200, "{answer}");
    }
    let (_, all) = get(&server, "/api/inference/history?limit=50&offset=0").await;
    expect_fields(&all, &[("success", Holds::True)]);
    assert_eq!((&all["count"], &all["total"]), (&2.into(), &2.into()));
    let results = all["results"].as_array().expect("results");
    results
        .iter()
        .for_each(|record| expect_fields(record, &RECORD));
    assert_eq!(results[0]["image_name"], "manipulated.jpg");
    let (_, second) = get(&server, "/api/inference/history?limit=1&offset=1").await;
    assert_eq!(second["results"], Value::from(vec![results[1].clone()]));
    assert_eq!((&second["count"], &second["total"]), (&1.into(), &2.into()));

    let (_, answer) = get(&server, "/api/inference/stats").await;
    let stats = &answer["stats"];
    expect_fields(
        stats,
        &[
            ("total_inferences", Holds::Count),
            ("total_fake", Holds::Count),
            ("total_real", Holds::Count),
            ("fake_percentage", Holds::Percent),
            ("avg_processing_time", Holds::Seconds),
        ],
    );
    let fakes = results
        .iter()
        .filter(|record| record["is_fake"] == true)
        .count();
    assert_eq!(stats["total_inferences"], 2);
    assert_eq!(stats["total_fake"], fakes);
    assert_eq!(stats["total_real"], 2 - fakes);
    assert!(
        near(&stats["fake_percentage"], fakes as f64 * 50.0),
        "{stats}"
    );
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_the_services_words() {
    let (server, files) = (Server::shared().await, Files::new());
    let path = "/api/inference/predict";
    let send = |field: &str, name: &str| vec![files.field(field, name)];
    let wrong = post(&server, path, &send("picture", "genuine.jpg")).await;
    expect_failure(&wrong, 400, "missing-file");
    expect_failure(
        &post(&server, path, &send("file", "empty.jpg")).await,
        400,
        "empty-file",
    );
    let text = post(&server, path, &send("file", "text.jpg")).await;
    expect_failure(&text, 415, "unsupported-media");
    expect_failure(
        &post(&server, path, &send("file", "no-face.jpg")).await,
        422,
        "no-face",
    );
    let mut odd = send("file", "genuine.jpg");
    odd.push("threshold=1.5".into());
    expect_failure(&post(&server, path, &odd).await, 400, "invalid-field");
    let many = vec![files.field("files", "text.jpg"); 51];
    let many = post(&server, "/api/inference/predict-batch", &many).await;
    expect_failure(&many, 400, "too-many-files");
    for unknown in ["999", "0", "-1", "x", "99999999999999999999"] {
        let answer = get(&server, &format!("/api/inference/result/{unknown}")).await;
        expect_failure(&answer, 404, "not-found");
    }
    let history = get(&server, "/api/inference/history?limit=0").await;
    expect_failure(&history, 400, "invalid-query");
}

#[tokio::test]
async fn an_unloaded_model_gives_its_memory_back_and_answers_the_same_when_it_is_loaded() {
    let (server, files) = (Server::start().await, Files::new());
    let predict = async || {
        let image = files.field("file", "manipulated.jpg");
        post(&server, "/api/inference/predict", &[image]).await
    };
    let (_, before) = predict().await;
    let (_, info) = get(&server, "/api/model/info").await;
    expect_fields(
        &info["info"],
        &[
            ("loaded", Holds::True),
            ("model_name", Holds::Text),
            ("architecture", Holds::Text),
            ("device", Holds::Text),
        ],
    );
    let loaded = resident_bytes(server.pid());

    let (status, answer) = post(&server, "/api/model/unload", &[]).await;
    assert_eq!(status, 200, "{answer}");
    expect_fields(
        &answer,
        &[("success", Holds::True), ("message", Holds::Text)],
    );
    let unloaded = resident_bytes(server.pid());
    let given_back = loaded.saturating_sub(unloaded);
    // The weights of the models alone are 22 MB.
    assert!(
        given_back > 15_000_000,
        "{loaded} bytes before, {unloaded} after"
    );

    expect_failure(&predict().await, 503, "model-not-loaded");
    let (_, info) = get(&server, "/api/model/info").await;
    assert_eq!(info["info"]["loaded"], false);
    let clip = repository("videos/genuine.mp4");
    let route = (reqwest::Method::POST, "/predict");
    let refused = server.post_file("/predict", &clip).await;
    expect_problem(&server, route, refused, (503, "model-not-loaded")).await;
    assert_eq!(server.get("/readyz").await.status(), 503);
    assert_eq!(server.get("/livez").await.status(), 200);

    let (status, answer) = post(&server, "/api/model/load", &[]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.get("/readyz").await.status(), 200);
    let (_, after) = predict().await;
    let number = |answer: &Value| answer["inference_id"].as_u64();
    assert!(number(&after) > number(&before), "it was analysed anew");
    assert_eq!(
        after["result"]["prediction"],
        before["result"]["prediction"]
    );
    let clip = server.predict("videos/manipulated.mp4").await;
    assert_eq!(clip["verdict"], "FAKE");
}

#[tokio::test]
async fn thresholds_that_changed_count_for_the_same_bytes_once_the_models_are_loaded_again() {
    let models = copied_models();
    let folder = models.path().to_str().expect("a path");
    let server = Server::start_with(&[("models_dir", folder)]).await;
    let clip = "videos/genuine.mp4";
    let before = server.predict(clip).await;
    assert_eq!(before["verdict"], "REAL");
    assert_eq!(
        server.predict(clip).await["id"],
        before["id"],
        "from the cache"
    );

    let path = models.path().join("bundle.toml");
    let bundle = std::fs::read_to_string(&path).expect("the bundle");
    let lines = bundle.lines().map(|line| match line.split_once(" = ") {
        Some(("real_at_or_below", _)) => "real_at_or_below = 0.001\n".to_owned(),
        _ => format!("{line}\n"),
    });
    let strict: String = lines.collect();
    assert_ne!(strict, bundle);
    std::fs::write(&path, strict).expect("the bundle");
    for route in ["/api/model/unload", "/api/model/load"] {
        let (status, answer) = post(&server, route, &[]).await;
        assert_eq!(status, 200, "{answer}");
    }
    let after = server.predict(clip).await;
    assert_eq!(after["probability_fake"], before["probability_fake"]);
    assert_eq!(after["verdict"], "INCONCLUSIVE");
}

fn copied_models() -> tempfile::TempDir {
    let models = tempfile::tempdir().expect("a temporary directory");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(repository("models/."))
        .arg(models.path())
        .status();
    assert!(copied.is_ok_and(|status| status.success()));
    models
}

#[tokio::test]
async fn a_model_that_is_sent_is_looked_into_listed_and_never_serves_by_itself() {
    let models = copied_models();
    let folder = models.path().to_str().expect("a path");
    let server = Server::start_with(&[("models_dir", folder)]).await;
    let (_, before) = get(&server, "/api/model/list").await;
    assert_eq!(before["models"], before["active"]);

    let send = async |file: &str, name: &str| {
        let file = repository("tests/fixtures").join(file);
        let fields = [format!("file=@{}", file.display()), format!("name={name}")];
        post(&server, "/api/model/upload", &fields).await
    };
    let (status, answer) = send("checkpoints/plain.pth", "model_v2.pth").await;
    assert_eq!(status, 200, "{answer}");
    expect_fields(
        &answer,
        &[("success", Holds::True), ("message", Holds::Text)],
    );
    assert_eq!(answer["name"], "model_v2.pth");
    let (_, list) = get(&server, "/api/model/list").await;
    expect_fields(&list, &[("success", Holds::True), ("count", Holds::Count)]);
    let names = list["models"].as_array().expect("names");
    assert!(names.contains(&"model_v2.pth".into()), "{list}");
    assert_eq!(list["count"], names.len());
    assert_eq!(list["active"], before["active"]);

    let again = send("checkpoints/half.pth", "model_v2.pth").await;
    expect_failure(&again, 409, "model-name-taken");
    let code = send("image-models/module.pt", "module.pt").await;
    expect_failure(&code, 422, "unusable-model");
    let text = send("image-models/labels.txt", "labels.pth").await;
    expect_failure(&text, 422, "unusable-model");
    for name in ["../bundle.toml", "a/b.pth", ".hidden", ""] {
        expect_failure(
            &send("checkpoints/plain.pth", name).await,
            400,
            "invalid-field",
        );
    }
    let kept = std::fs::read_dir(models.path().join("uploads")).expect("a folder");
    assert_eq!(kept.count(), 1);
}
