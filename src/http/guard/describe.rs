//! Writes into the OpenAPI document what the guard adds to every route.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, SecurityRequirement,
};

use super::access::{self, Access};
use crate::http::error_shape::ErrorShape;

const BEARER: &str = "bearer";
const HEADER: &str = "x-api-key";

/// Adds the two ways to send a key, and to each route what it answers without one, with one that
/// is not enough, and to those who ask too often.
pub(in crate::http) fn describe(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
    components.add_security_scheme(HEADER, SecurityScheme::ApiKey(header));
    for (path, item) in &mut document.paths.paths {
        let (access, shape) = (access::of(path), ErrorShape::of_path(path));
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
            &mut item.options,
        ];
        for operation in operations.into_iter().flatten() {
            describe_operation(operation, access, shape);
        }
    }
}

fn describe_operation(operation: &mut Operation, access: Access, shape: ErrorShape) {
    if access == Access::Probe {
        return;
    }
    let mut add = |status, text: &str| add_answer(operation, shape, (status, text));
    add(
        "429",
        "`rate-limited`: too many requests a minute; `Retry-After` says when to come back",
    );
    add(
        "431",
        "`head-too-large`: too many header lines, or too long",
    );
    let scope = match access {
        Access::Probe | Access::Open => return,
        Access::AnyKey => None,
        Access::Needs(scope) => Some(scope),
    };
    add(
        "401",
        "`key-missing` or `key-refused`: this service asks for an API key",
    );
    add("503", "`database-away`: the keys cannot be looked up");
    if let Some(scope) = scope {
        let text = format!("`scope-missing`: the API key needs the scope `{scope}`");
        add("403", &text);
    }
    let empty: [&str; 0] = [];
    // The first, empty one: a service on which no key was ever made asks for none.
    operation.security = Some(vec![
        SecurityRequirement::default(),
        SecurityRequirement::new(BEARER, empty),
        SecurityRequirement::new(HEADER, empty),
    ]);
}

/// A status that the route states itself keeps its words, and these follow.
fn add_answer(operation: &mut Operation, shape: ErrorShape, (status, text): (&str, &str)) {
    let responses = &mut operation.responses.responses;
    match responses.get_mut(status) {
        Some(RefOr::T(stated)) => stated.description = format!("{} · {text}", stated.description),
        Some(RefOr::Ref(_)) => {}
        None => {
            responses.insert(status.into(), RefOr::T(error(shape, text)));
        }
    }
}

fn error(shape: ErrorShape, text: &str) -> Response {
    let (media_type, schema) = shape.described();
    let body = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build();
    ResponseBuilder::new()
        .description(text)
        .content(media_type, body)
        .build()
}
