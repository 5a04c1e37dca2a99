//! What a refusal must look like, whichever test meets one.

use reqwest::{Method, Response};
use serde_json::Value;

use crate::server::Server;

/// Asserts that `response` is a complete problem with this status and code, and that the OpenAPI
/// document says that `method` on `route` may answer with this status. Returns the problem.
pub(crate) async fn expect_problem(
    server: &Server,
    (method, route): (Method, &str),
    response: Response,
    (status, code): (u16, &str),
) -> Value {
    let headers = response.headers().clone();
    let got = response.status().as_u16();
    let problem: Value = response.json().await.expect("a problem is JSON");
    assert_eq!((got, &problem["code"]), (status, &code.into()), "{problem}");
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], format!("urn:framewitness:problem:{code}"));
    assert_eq!(
        problem["request_id"],
        headers["x-request-id"].to_str().expect("ASCII")
    );
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.len() > 15, "{detail:?} tells a person nothing");
    assert_eq!(
        headers.contains_key("retry-after"),
        matches!(status, 429 | 503)
    );
    expect_documented(server, (method, route), status).await;
    problem
}

/// Asserts that the OpenAPI document names `status` for `method` on `route`.
pub(crate) async fn expect_documented(
    server: &Server,
    (method, route): (Method, &str),
    status: u16,
) {
    let document: Value = (server.get("/openapi.json").await.json().await).expect("JSON");
    let operation = &document["paths"][route][method.as_str().to_lowercase()];
    let response = &operation["responses"][status.to_string()];
    assert!(
        response.is_object(),
        "{method} {route} does not document {status}"
    );
}
