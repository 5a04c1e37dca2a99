//! `openapi.json` in the repository is what the program says of itself.

use serde_json::Value;

use crate::server::{Server, program, repository};

#[test]
fn the_committed_document_is_what_the_program_prints() {
    let output = program().arg("openapi").output().expect("the program runs");
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("text");
    let committed = std::fs::read_to_string(repository("openapi.json")).expect("openapi.json");
    assert!(
        printed == committed,
        "the routes changed: run `cargo run -- openapi > openapi.json` and look at the difference"
    );
}

#[tokio::test]
async fn the_service_answers_the_same_document() {
    let server = Server::shared().await;
    let answered: Value = (server.get("/openapi.json").await.json().await).expect("JSON");
    let committed = std::fs::read_to_string(repository("openapi.json")).expect("openapi.json");
    let committed: Value = serde_json::from_str(&committed).expect("JSON");
    assert_eq!(answered, committed);
}

/// Clients are generated from them: two of one name would be one function.
#[test]
fn every_operation_has_a_name_of_its_own() {
    let committed = std::fs::read_to_string(repository("openapi.json")).expect("openapi.json");
    let document: Value = serde_json::from_str(&committed).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths
        .values()
        .flat_map(|path| path.as_object().expect("methods").values());
    let mut names: Vec<&str> = operations
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let count = names.len();
    assert!(count > 40, "{count}");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
