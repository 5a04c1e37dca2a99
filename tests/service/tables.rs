//! `POST /predict_csv` in both its forms.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::problem::expect_problem;
use crate::server::{Server, repository};

const NAME: &str = "holiday (1), \"best\".mp4";

async fn post(server: &Server, query: &str, accept: &str) -> reqwest::Response {
    post_as(NAME, server, query, accept).await
}

async fn post_as(
    name: &'static str,
    server: &Server,
    query: &str,
    accept: &str,
) -> reqwest::Response {
    let clip = std::fs::read(repository("videos/manipulated.mp4")).expect("a demo clip");
    let part = Part::bytes(clip).file_name(name);
    let request = server
        .client()
        .post(server.url(&format!("/predict_csv{query}")));
    let request = request
        .header("accept", accept)
        .multipart(Form::new().part("file", part));
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn json_has_a_row_for_every_frame_and_the_csv_says_the_same() {
    let server = Server::shared().await;
    let response = post(&server, "", "*/*").await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let json: Value = response.json().await.expect("JSON");
    assert_eq!(json["filename"], NAME);
    let rows = json["frames_csv"].as_array().expect("rows");
    assert_eq!(rows.len(), 30);

    for (query, accept) in [("?format=csv", "*/*"), ("", "text/csv")] {
        let response = post(&server, query, accept).await;
        let content_type = response.headers()["content-type"].to_str().expect("ASCII");
        assert!(content_type.starts_with("text/csv"), "{content_type}");
        let name = &response.headers()["content-disposition"];
        assert_eq!(name, "attachment; filename=\"holiday_1_best_.csv\"");
        let text = response.text().await.expect("text");
        assert!(text.contains("\r\n"), "RFC 4180 ends lines with CRLF");
        let mut table = csv::Reader::from_reader(text.as_bytes());
        let records: Vec<csv::StringRecord> =
            table.records().map(|row| row.expect("a row")).collect();
        // JSON has one row a frame, CSV one a face: the frame is called what one of its faces is.
        for row in rows {
            let index = row["frame_index"].to_string();
            let mut labels = records
                .iter()
                .filter(|record| record[0] == index)
                .map(|r| &r[3]);
            assert!(labels.any(|label| row["label"] == label), "{row} in {text}");
        }
        assert!(
            records
                .iter()
                .all(|row| row.iter().any(|cell| cell == NAME))
        );
    }
}

#[tokio::test]
async fn a_form_that_does_not_exist_is_refused_before_the_work() {
    let server = Server::start().await;
    let refused = post(&server, "?format=xml", "*/*").await;
    let route = (Method::POST, "/predict_csv");
    let problem = expect_problem(&server, route, refused, (400, "invalid-query")).await;
    assert!(
        problem["detail"].to_string().contains("json, csv"),
        "{problem}"
    );
    let recent: Value =
        (server.get("/api/v1/predictions/recent").await.json().await).expect("JSON");
    assert_eq!(recent["predictions"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_name_that_begins_like_a_formula_is_text_in_the_table() {
    let server = Server::shared().await;
    let response = post_as("=cmd|'!A1'.mp4", &server, "?format=csv", "*/*").await;
    let text = response.text().await.expect("text");
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let records: Vec<csv::StringRecord> = table.records().map(|row| row.expect("a row")).collect();
    assert!(!records.is_empty(), "{text}");
    for row in &records {
        assert_eq!(&row[12], "'=cmd|'!A1'.mp4");
        row[8].parse::<f32>().expect("a number stays one");
    }
}
