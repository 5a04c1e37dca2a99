//! D3 Detection API: every documented endpoint, sent as its document does.

use serde_json::Value;

use crate::exchange::{Files, Holds, expect_failure, expect_fields, expect_jpeg, get, post};
use crate::server::Server;

const RECORD: [(&str, Holds); 8] = [
    ("prediction_id", Holds::Text),
    ("filename", Holds::Text),
    ("prediction", Holds::Label),
    ("confidence", Holds::Majority),
    ("processing_time", Holds::Seconds),
    ("model_type", Holds::Text),
    ("timestamp", Holds::Time),
    ("result_url", Holds::Text),
];

/// A record whose link lacks its signature, which differs from second to second.
fn unsigned(record: &Value) -> Value {
    let mut record = record.clone();
    let link = record["result_url"].as_str().expect("a link");
    record["result_url"] = link.split('?').next().into();
    record
}

#[tokio::test]
async fn an_image_is_predicted_drawn_on_and_found_again() {
    let (server, files) = (Server::start().await, Files::new());
    for field in ["file", "image"] {
        let fields = [
            files.field(field, "manipulated.jpg"),
            "model_type=d3_clip".into(),
        ];
        let (status, answer) = post(&server, "/api/v1/predict", &fields).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["success"], true);
        let data = &answer["data"];
        expect_fields(data, &RECORD);
        assert_eq!(data["filename"], "manipulated.jpg");
        assert_eq!(data["model_type"], "d3_clip");
        expect_jpeg(&server, &data["result_url"]).await;
        let link = data["result_url"].as_str().expect("a link");
        let is_presigned = link.contains("X-Amz-Signature=");
        assert_eq!(is_presigned, server.home().remote.is_some(), "{link}");

        let id = data["prediction_id"].as_str().expect("a name");
        let (status, old) = get(&server, &format!("/api/db/predictions/{id}")).await;
        let data = &unsigned(data);
        assert_eq!((status, &unsigned(&old["prediction"])), (200, data));
        let by_number = get(&server, &format!("/api/db/predictions/{}", data["id"])).await;
        assert_eq!(unsigned(&by_number.1["prediction"]), *data);
        let (status, ours) = get(&server, &format!("/api/v1/predictions/{id}")).await;
        assert_eq!((status, &unsigned(&ours["data"])), (200, data));
        assert_eq!((&ours["success"], &ours["id"]), (&true.into(), &id.into()));
    }
}

#[tokio::test]
async fn a_batch_is_answered_file_by_file_in_the_new_form_and_the_old() {
    let (server, files) = (Server::shared().await, Files::new());
    let names = ["genuine.jpg", "empty.jpg", "manipulated.jpg", "text.jpg"];
    let fields = names.map(|name| files.field("files", name));
    let (status, answer) = post(&server, "/api/v1/predict/batch", &fields).await;
    assert_eq!(status, 200, "{answer}");
    let data = &answer["data"];
    expect_fields(
        data,
        &[
            ("batch_id", Holds::Text),
            ("total_images", Holds::Count),
            ("results", Holds::List),
            ("processing_time", Holds::Seconds),
        ],
    );
    assert!(
        data["batch_id"].to_string().starts_with("\"batch_"),
        "{data}"
    );
    assert_eq!(data["total_images"], 4);
    assert_eq!(
        (&data["successful"], &data["failed"]),
        (&2.into(), &2.into())
    );
    for (index, name) in names.iter().enumerate() {
        let result = &data["results"][index];
        assert_eq!(result["filename"], *name);
        if index % 2 == 0 {
            let fields = [
                ("prediction", Holds::Label),
                ("confidence", Holds::Majority),
            ];
            expect_fields(result, &fields);
        } else {
            expect_fields(result, &[("error", Holds::Text), ("code", Holds::Text)]);
        }
    }

    let fields = names.map(|name| files.field("images", name));
    let (status, old) = post(&server, "/batch_predict", &fields).await;
    assert_eq!(status, 200, "{old}");
    assert_eq!(
        (&old["success"], &old["total_images"]),
        (&true.into(), &4.into())
    );
    assert_eq!((&old["successful"], &old["failed"]), (&2.into(), &2.into()));
    let result = &old["results"][1];
    assert_eq!(
        (&result["index"], &result["filename"]),
        (&2.into(), &"manipulated.jpg".into())
    );
    let prediction = &result["prediction"];
    expect_fields(
        prediction,
        &[
            ("label", Holds::Label),
            ("is_fake", Holds::Bool),
            ("confidence", Holds::Majority),
            ("scores", Holds::Object),
        ],
    );
    assert_eq!(prediction["label"], data["results"][2]["prediction"]);
    expect_jpeg(&server, &result["result_image_url"]).await;
    expect_fields(result, &[("result_filename", Holds::Text)]);
    let errors = &old["errors"];
    assert_eq!(
        (&errors[0]["index"], &errors[1]["index"]),
        (&1.into(), &3.into())
    );
    expect_fields(
        &errors[1],
        &[("filename", Holds::Text), ("error", Holds::Text)],
    );

    let good = [files.field("images", "genuine.jpg")];
    let (_, good) = post(&server, "/batch_predict", &good).await;
    assert_eq!(good["errors"], Value::Null);
}

#[tokio::test]
async fn an_image_under_the_oldest_name_has_its_picture_with_the_result_drawn() {
    let (server, files) = (Server::shared().await, Files::new());
    let (status, answer) = post(&server, "/predict", &[files.field("image", "genuine.jpg")]).await;
    assert_eq!(status, 200, "{answer}");
    let fields = [
        ("success", Holds::True),
        ("filename", Holds::Text),
        ("timestamp", Holds::Time),
        ("prediction", Holds::Object),
        ("result_filename", Holds::Text),
        ("note", Holds::Text),
    ];
    expect_fields(&answer, &fields);
    let info = [
        ("width", Holds::Count),
        ("height", Holds::Count),
        ("size_bytes", Holds::Count),
    ];
    expect_fields(&answer["image_info"], &info);
    expect_jpeg(&server, &answer["result_image_url"]).await;
}

#[tokio::test]
async fn the_history_is_read_under_both_names_and_adds_up() {
    let (server, files) = (Server::start().await, Files::new());
    for name in ["genuine.jpg", "manipulated.jpg"] {
        post(&server, "/api/v1/predict", &[files.field("file", name)]).await;
    }
    let (status, old) = get(&server, "/api/db/predictions/recent?limit=10").await;
    assert_eq!(
        (status, &old["success"], &old["count"]),
        (200, &true.into(), &2.into())
    );
    let all_unsigned = |list: &Value| -> Vec<Value> {
        let list = list.as_array().expect("a list").iter();
        list.map(unsigned).collect()
    };
    let records = all_unsigned(&old["predictions"]);
    records
        .iter()
        .for_each(|record| expect_fields(record, &RECORD));
    let (status, new) = get(&server, "/api/v1/predictions/recent?limit=5").await;
    assert_eq!((status, &all_unsigned(&new["data"])), (200, &records));
    assert_eq!(new["predictions"][0]["id"], records[0]["prediction_id"]);
    let (_, one) = get(&server, "/api/db/predictions/recent?limit=1").await;
    assert_eq!(unsigned(&one["predictions"][0]), records[0]);

    for label in ["FAKE", "REAL"] {
        let (_, of_label) = get(&server, &format!("/api/db/predictions/by-label/{label}")).await;
        let of_label = of_label["predictions"].as_array().expect("a list");
        assert!(of_label.iter().all(|record| record["verdict"] == label));
        let expected = records
            .iter()
            .filter(|record| record["verdict"] == label)
            .count();
        assert_eq!(of_label.len(), expected);
    }
    for path in ["/api/v1/statistics", "/api/db/statistics"] {
        let (status, sums) = get(&server, path).await;
        assert_eq!(status, 200, "{sums}");
        expect_fields(
            &sums,
            &[
                ("total_predictions", Holds::Count),
                ("real_count", Holds::Count),
                ("fake_count", Holds::Count),
                ("average_confidence", Holds::Fraction),
                ("average_processing_time", Holds::Seconds),
            ],
        );
        let fakes = records
            .iter()
            .filter(|record| record["prediction"] == "FAKE")
            .count();
        assert_eq!(sums["total_predictions"], 2);
        assert_eq!(
            (&sums["fake_count"], &sums["real_count"]),
            (&fakes.into(), &(2 - fakes).into())
        );
    }
    let (status, sums) = get(&server, "/api/v1/status").await;
    assert_eq!((status, &sums["status"]), (200, &"running".into()));
    expect_fields(
        &sums,
        &[("model_loaded", Holds::True), ("timestamp", Holds::Time)],
    );
    for page in ["/apidocs", "/docs"] {
        assert_eq!(server.get(page).await.status(), 200, "{page}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_the_services_words() {
    let (server, files) = (Server::shared().await, Files::new());
    let path = "/api/v1/predict";
    for (field, name, status, code) in [
        ("picture", "genuine.jpg", 400, "missing-file"),
        ("file", "empty.jpg", 400, "empty-file"),
        ("file", "text.jpg", 415, "unsupported-media"),
        ("image", "no-face.jpg", 422, "no-face"),
    ] {
        expect_failure(
            &post(&server, path, &[files.field(field, name)]).await,
            status,
            code,
        );
    }
    let odd = [files.field("file", "genuine.jpg"), "model_type=gpt".into()];
    expect_failure(&post(&server, path, &odd).await, 400, "invalid-field");
    for (path, field) in [
        ("/api/v1/predict/batch", "files"),
        ("/batch_predict", "images"),
    ] {
        let many = vec![files.field(field, "text.jpg"); 51];
        expect_failure(&post(&server, path, &many).await, 400, "too-many-files");
    }
    for unknown in [
        "999",
        "0197a1b2-5b4e-7c3a-9f00-1d2e3f405162",
        "x",
        "by-label/MAYBE",
    ] {
        let answer = get(&server, &format!("/api/db/predictions/{unknown}")).await;
        expect_failure(&answer, 404, "not-found");
    }
}
