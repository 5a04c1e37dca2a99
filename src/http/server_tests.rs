//! The application without its parts: routing, errors, headers, documents.

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use serde_json::Value;

use super::error_shape::ErrorShape;
use super::guard::{CorsOrigins, Guard};
use super::server::app;

/// The application as everybody meets it where there are no keys.
macro_rules! bare {
    () => {
        app(Data::new(Guard::open()), &CorsOrigins::None)
    };
}

async fn call(method: Method, path: &str) -> ServiceResponse<impl MessageBody + use<>> {
    let app = init_service(bare!()).await;
    let request = TestRequest::with_uri(path).method(method);
    call_service(&app, request.to_request()).await
}

async fn get(path: &str) -> ServiceResponse<impl MessageBody + use<>> {
    call(Method::GET, path).await
}

fn header(response: &ServiceResponse<impl MessageBody>, name: &str) -> String {
    let value = response.headers().get(name).expect(name);
    value.to_str().unwrap().to_owned()
}

async fn text(response: ServiceResponse<impl MessageBody>) -> String {
    let bytes = to_bytes(response.into_body())
        .await
        .ok()
        .expect("the body is in memory");
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn json(response: ServiceResponse<impl MessageBody>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

#[actix_web::test]
async fn an_unknown_path_is_a_problem_with_the_number_of_the_request() {
    let response = get("/no/such/page").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        header(&response, "content-type"),
        "application/problem+json"
    );
    let number = header(&response, "x-request-id");
    let problem = json(response).await;
    assert_eq!(problem["code"], "not-found");
    assert_eq!(problem["type"], "urn:framewitness:problem:not-found");
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["title"], "Not Found");
    assert_eq!(problem["request_id"], number);
    assert_eq!(number.len(), 36);
}

#[actix_web::test]
async fn a_known_path_with_another_method_says_which_it_answers() {
    for (method, path, allowed) in [
        (Method::GET, "/predict", "POST"),
        (Method::DELETE, "/integrity/sign/", "POST"),
        (Method::POST, "/livez", "GET, HEAD"),
        (Method::PUT, "/api/v1/predictions/7", "GET, HEAD"),
    ] {
        let response = call(method, path).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(header(&response, "allow"), allowed);
        assert_eq!(json(response).await["code"], "method-not-allowed");
    }
}

#[actix_web::test]
async fn a_trailing_slash_changes_nothing() {
    for path in [
        "/livez",
        "/openapi.json",
        "/apidocs",
        "/docs",
        "/api/v1/docs",
        "/static/app.js",
    ] {
        assert_eq!(get(path).await.status(), StatusCode::OK, "{path}");
        let with_slash = format!("{path}/");
        assert_eq!(
            get(&with_slash).await.status(),
            StatusCode::OK,
            "{with_slash}"
        );
    }
}

#[actix_web::test]
async fn head_is_answered_like_get() {
    assert_eq!(call(Method::HEAD, "/livez").await.status(), StatusCode::OK);
    assert_eq!(call(Method::HEAD, "/").await.status(), StatusCode::OK);
    assert_eq!(
        call(Method::HEAD, "/nowhere").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[actix_web::test]
async fn every_answer_carries_the_security_headers() {
    for path in ["/", "/livez", "/nowhere", "/apidocs", "/static/app.js"] {
        let response = get(path).await;
        assert_eq!(
            header(&response, "x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert_eq!(header(&response, "x-frame-options"), "DENY");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        let policy = header(&response, "content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(policy.contains("script-src 'self';"), "{path}: {policy}");
    }
}

#[actix_web::test]
async fn the_page_is_asked_about_each_time_but_sent_once() {
    let first = get("/").await;
    assert_eq!(header(&first, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&first, "cache-control"), "no-cache");
    let tag = header(&first, "etag");
    let app = init_service(bare!()).await;
    for (sent, status) in [(tag.as_str(), 304), ("\"another\"", 200)] {
        let request = TestRequest::with_uri("/").insert_header(("if-none-match", sent));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), status);
    }
}

#[actix_web::test]
async fn a_picture_name_that_could_be_a_path_is_not_found() {
    for name in [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/private.pem",
        "..",
        "index.html%00.jpg",
    ] {
        let response = get(&format!("/static/{name}")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{name}");
    }
}

#[actix_web::test]
async fn the_document_describes_every_route_and_every_error_in_the_shape_of_its_path() {
    let document = json(get("/openapi.json").await).await;
    let paths = document["paths"].as_object().unwrap();
    // Which routes there are stands in openapi.json, which a test of its own compares.
    assert!(paths.len() > 40, "{}", paths.len());
    for (path, item) in paths {
        let error_type = match ErrorShape::of_path(path) {
            ErrorShape::Problem => "application/problem+json",
            ErrorShape::Detail | ErrorShape::Success | ErrorShape::Coded => "application/json",
        };
        for (method, operation) in item.as_object().unwrap() {
            assert!(
                operation["summary"].is_string(),
                "{method} {path} has no summary"
            );
            let succeeds = |status| operation["responses"][status].is_object();
            assert!(
                ["200", "201", "202", "204"].into_iter().any(succeeds),
                "{method} {path}"
            );
            for (status, response) in operation["responses"].as_object().unwrap() {
                let about = format!("{method} {path} {status}");
                assert!(
                    response["description"]
                        .as_str()
                        .is_some_and(|d| !d.is_empty()),
                    "{about}"
                );
                let error = status.starts_with(['4', '5']) && path != "/health";
                let content = &response["content"][error_type];
                assert!(!error || content.is_object(), "{about}: {response}");
                let problem = &response["content"]["application/problem+json"];
                assert!(error || problem.is_null(), "{about}: {response}");
            }
        }
    }
}

#[actix_web::test]
async fn every_reference_in_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            found.push(reference);
        }
        match value {
            Value::Object(map) => map.values().for_each(|v| references(v, found)),
            Value::Array(list) => list.iter().for_each(|v| references(v, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = json(get("/openapi.json").await).await;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 30, "{found:?}");
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}
