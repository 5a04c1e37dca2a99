//! The description of the service for machines, and its explorer for people.
//!
//! The document is collected from the handlers themselves when the server starts, so a route
//! cannot be there without its description or the other way round. The explorer is Swagger UI,
//! built into the program; nothing is loaded from elsewhere.

use std::sync::Arc;

use actix_web::dev::ResourceDef;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderValue,
};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use utoipa::openapi::Server;
use utoipa::openapi::path::PathItem;
use utoipa::{OpenApi, ToSchema};
use utoipa_swagger_ui::Config;

use super::error::HttpError;
use super::error_shape::CodedError;
use super::public_path::PublicPath;

/// Where the explorer lives; its other addresses show the same page.
const EXPLORER: &str = "/apidocs/";
/// Where the document is that the explorer shows.
const DOCUMENT: &str = "/openapi.json";

/// Swagger UI sets style attributes and draws its icons from data addresses.
const EXPLORER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; font-src 'self' data:; form-action 'self'; \
     base-uri 'self'; frame-ancestors 'none'",
);

/// What is said before the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Framewitness",
        description = "Tells whether a video of a face was manipulated, shows why, and proves \
            later which file it looked at.\n\nErrors are `application/problem+json` (RFC 9457) \
            with a stable `code` and the request's number. A trailing slash is accepted \
            everywhere. HEAD is answered wherever GET is.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    // Named by the descriptions of errors, which the collector of schemas does not look into.
    components(schemas(CodedError)),
    tags(
        (name = "analysis", description = "A file in, a verdict out"),
        (name = "integrity", description = "Sign a file, check a signature"),
        (name = "history", description = "Stored analyses and their pictures"),
        (name = "compatibility", description = "Routes of earlier services, for their clients"),
        (name = "service", description = "Limits, health and metrics"),
        (name = "page", description = "The web page"),
    )
)]
pub(super) struct Preamble;

/// Describes an answer that is a file. Plain bytes would be described as a list of numbers.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct RawBytes(#[expect(dead_code, reason = "only described")] Vec<u8>);

/// The finished document.
pub(super) struct Document {
    pub(super) openapi: utoipa::openapi::OpenApi,
    routes: Vec<(ResourceDef, String)>,
}

impl Document {
    pub(super) fn new(openapi: utoipa::openapi::OpenApi) -> Self {
        let routes = (openapi.paths.paths.iter())
            .map(|(path, item)| (ResourceDef::new(path.as_str()), allowed_methods(item)))
            .collect();
        Self { openapi, routes }
    }

    /// What `path` answers, when it answers something.
    fn allowed(&self, path: &str) -> Option<&str> {
        let route = self.routes.iter().find(|(route, _)| route.is_match(path));
        route.map(|(_, methods)| methods.as_str())
    }
}

fn allowed_methods(item: &PathItem) -> String {
    let methods = [
        ("GET, HEAD", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
        ("OPTIONS", &item.options),
    ];
    let present = methods.iter().filter(|(_, operation)| operation.is_some());
    let names: Vec<_> = present.map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Answers what no route takes: 405 for a known path, 404 for the rest.
pub(super) async fn no_route(
    request: HttpRequest,
    document: Data<Document>,
) -> Result<HttpResponse, HttpError> {
    match document.allowed(request.path()) {
        Some(allowed) => Err(HttpError::Method {
            allowed: allowed.into(),
        }),
        None => Err(HttpError::NoRoute),
    }
}

/// This document
#[utoipa::path(tag = "service", responses(
    (status = 200, description = "OpenAPI 3.1", body = serde_json::Value),
))]
#[get("/openapi.json")]
pub(super) async fn openapi_json(
    document: Data<Document>,
    at: PublicPath,
) -> Json<utoipa::openapi::OpenApi> {
    let mut openapi = document.openapi.clone();
    // Without one, paths count from the top of the site that the document came from.
    if !at.is_empty() {
        openapi.servers = Some(vec![Server::new(at.to_string())]);
    }
    Json(openapi)
}

/// The explorer's page; also at `/docs` and `/api/v1/docs`.
#[get("/apidocs")]
pub(super) async fn explorer(at: PublicPath) -> Result<HttpResponse, HttpError> {
    explorer_file("index.html", &at)
}

#[get("/docs")]
pub(super) async fn explorer_at_docs(at: PublicPath) -> Result<HttpResponse, HttpError> {
    explorer_file("index.html", &at)
}

#[get("/api/v1/docs")]
pub(super) async fn explorer_at_v1_docs(at: PublicPath) -> Result<HttpResponse, HttpError> {
    explorer_file("index.html", &at)
}

#[get("/apidocs/{name}")]
pub(super) async fn explorer_asset(
    name: Path<String>,
    at: PublicPath,
) -> Result<HttpResponse, HttpError> {
    explorer_file(&name, &at)
}

fn explorer_file(name: &str, at: &PublicPath) -> Result<HttpResponse, HttpError> {
    let config = Config::from(at.link(DOCUMENT)).validator_url("none");
    let file = utoipa_swagger_ui::serve(name, Arc::new(config))
        .ok()
        .flatten()
        .ok_or(HttpError::NotFound("file of the explorer"))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_SECURITY_POLICY, EXPLORER_POLICY));
    response.insert_header((CACHE_CONTROL, "no-cache"));
    if name == "index.html" {
        // The page names its files relative to itself, and its own address has no trailing slash.
        let page = String::from_utf8_lossy(&file.bytes);
        let base = format!("<head><base href=\"{}\">", at.link(EXPLORER));
        let page = page.replacen("<head>", &base, 1);
        return Ok(response.content_type("text/html; charset=utf-8").body(page));
    }
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response
        .content_type(file.content_type)
        .body(file.bytes.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(name: &str, at: &str) -> String {
        let response = explorer_file(name, &at.parse().unwrap()).unwrap();
        let body = actix_web::body::to_bytes(response.into_body()).await;
        String::from_utf8(body.unwrap().to_vec()).unwrap()
    }

    #[actix_web::test]
    async fn the_explorer_finds_its_files_from_an_address_without_a_slash() {
        for (at, base) in [("", "/apidocs/"), ("/fw", "/fw/apidocs/")] {
            let page = text("index.html", at).await;
            assert!(page.contains(&format!("<base href=\"{base}\">")), "{page}");
            for name in [
                "swagger-ui.css",
                "swagger-ui-bundle.js",
                "swagger-initializer.js",
            ] {
                assert!(page.contains(name), "{name} is not in the page");
                let file = explorer_file(name, &PublicPath::default());
                assert!(file.is_ok(), "{name} is not built in");
            }
        }
    }

    #[actix_web::test]
    async fn the_explorer_opens_our_document() {
        for (at, document) in [("", "\"/openapi.json\""), ("/fw", "\"/fw/openapi.json\"")] {
            let script = text("swagger-initializer.js", at).await;
            assert!(script.contains(document), "{script}");
        }
    }
}
