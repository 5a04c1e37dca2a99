//! The page, its files, and the pictures of analyses.
//!
//! The page is built into the program, so that a single file serves it. Pictures are found by two
//! parsed names, an [`AnalysisId`] and an [`ArtifactName`], neither of which can hold a path.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, ETAG, EntityTag, Header, IfNoneMatch};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};

use super::Service;
use super::caller::Caller;
use super::error::HttpError;
use super::openapi::RawBytes;
use super::problem::Problem;
use super::public_path::PublicPath;
use crate::domain::AnalysisId;
use crate::integrity::Sha256Digest;
use crate::store::{ArtifactName, Reader};

/// The page itself, which names its files and the routes relative to where it is.
const PAGE: &str = "index.html";

struct PageFile {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! page_files {
    ($($media_type:literal: $($name:literal),+;)+) => {
        [$($(PageFile {
            name: $name,
            media_type: $media_type,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/static/", $name)),
        },)+)+]
    };
}

static PAGE_FILES: &[PageFile] = &page_files! {
    "text/html; charset=utf-8": "index.html";
    "text/css; charset=utf-8": "style.css", "queue.css", "result.css", "explain.css", "history.css";
    "image/svg+xml": "favicon.svg";
    "text/javascript; charset=utf-8": "advice.js", "alert.js", "analyse.js", "answer.js", "api.js",
        "app.js", "compare.js", "credentials.js", "dom.js", "drop.js", "file_facts.js", "format.js", "frames.js",
        "heatmap.js", "integrity.js", "jobs.js", "key.js", "player.js", "plot.js", "plot_parts.js",
        "progress.js", "queue.js", "queue_list.js", "recent.js", "result.js", "statistics.js",
        "strings.js", "tables.js", "tabs.js", "texts.js", "tracks.js";
};

/// One for each file, in the same order.
static ENTITY_TAGS: LazyLock<Vec<EntityTag>> = LazyLock::new(|| {
    (PAGE_FILES.iter())
        .map(|file| EntityTag::new_strong(Sha256Digest::of(file.bytes).to_hex()))
        .collect()
});

/// The page
#[utoipa::path(tag = "page", responses(
    (status = 200, description = "HTML", content_type = "text/html", body = String),
))]
#[get("/")]
pub(super) async fn page(request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let at = PublicPath::of(&request);
    // Told where it is only where that is known: its address may lack the slash at its end.
    let base = (!at.is_empty()).then(|| at.link("/"));
    page_file(&request, PAGE, base.as_deref())
}

/// A file of the page
#[utoipa::path(tag = "page",
    params(("name" = String, Path, description = "File name", example = "style.css")),
    responses(
        (status = 200, description = "The file",
            content((String = "text/css"), (String = "text/javascript"), (String = "image/svg+xml"), (String = "text/html"))),
        (status = 304, description = "The client's copy is current (`If-None-Match`)"),
        (status = 404, description = "`not-found`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/static/{name}")]
pub(super) async fn page_asset(
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, HttpError> {
    // What the page names is beside this folder.
    let base = (*name == PAGE).then_some("../");
    page_file(&request, &name, base)
}

fn page_file(
    request: &HttpRequest,
    name: &str,
    base: Option<&str>,
) -> Result<HttpResponse, HttpError> {
    let position = PAGE_FILES.iter().position(|file| file.name == name);
    let position = position.ok_or(HttpError::NotFound("page file"))?;
    let (file, tag) = (&PAGE_FILES[position], &ENTITY_TAGS[position]);
    if let Some(base) = base {
        let text = page_with_base(file, base);
        let tag = EntityTag::new_strong(Sha256Digest::of(text.as_bytes()).to_hex());
        return Ok(answer(request, file.media_type, text.into(), &tag));
    }
    Ok(answer(
        request,
        file.media_type,
        Bytes::from_static(file.bytes),
        tag,
    ))
}

/// The page with addresses relative to `base` instead of its own.
fn page_with_base(file: &PageFile, base: &str) -> String {
    let base = format!("<head>\n  <base href=\"{base}\">");
    String::from_utf8_lossy(file.bytes).replacen("<head>", &base, 1)
}

fn answer(
    request: &HttpRequest,
    media_type: &'static str,
    bytes: Bytes,
    tag: &EntityTag,
) -> HttpResponse {
    let current = client_has(request, tag);
    let mut response = if current {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((ETAG, tag.to_string()));
    // The names stay the same from release to release, so a copy is asked about each time.
    response.insert_header((CACHE_CONTROL, "no-cache"));
    if current {
        return response.finish();
    }
    response.content_type(media_type).body(bytes)
}

fn client_has(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key("if-none-match"),
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|theirs| theirs.weak_eq(tag)),
        Err(_) => false,
    }
}

/// A sampled frame or an aligned crop of an analysis
#[utoipa::path(operation_id = "get_artifact", tag = "history",
    params(
        ("id" = String, Path, description = "Name of the analysis, a UUID"),
        ("name" = String, Path, description = "File name", example = "frame-000.jpg"),
    ),
    responses(
        (status = 200, description = "The picture; it never changes", content_type = "image/jpeg", body = inline(RawBytes)),
        (status = 404, description = "`not-found`: no such picture, or the retention rule removed it",
            content_type = "application/problem+json", body = Problem),
        (status = 500, description = "`storage-failed`", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`artifacts-away`: the store of pictures does not answer", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/static/artifacts/{id}/{name}")]
pub(super) async fn artifact(
    service: Data<Service>,
    caller: Caller,
    path: Path<(String, String)>,
) -> Result<HttpResponse, HttpError> {
    const NOT_FOUND: HttpError = HttpError::NotFound("picture");
    let (id, name) = path.into_inner();
    let id = AnalysisId::parse(&id).ok_or(NOT_FOUND)?;
    let name = ArtifactName::parse(&name).map_err(|_| NOT_FOUND)?;
    if !name.is_picture() {
        return Err(NOT_FOUND);
    }
    // Whose pictures these are only the record tells; who may see everything need not be asked.
    let restricted = caller.reader() != Reader::Unrestricted;
    if restricted && !service.records.contains(id, caller.reader()).await? {
        return Err(NOT_FOUND);
    }
    let jpeg = service.artifacts.read(id, &name).await?.ok_or(NOT_FOUND)?;
    Ok(HttpResponse::Ok()
        .content_type("image/jpeg")
        .insert_header((CACHE_CONTROL, "private, max-age=31536000, immutable"))
        .body(jpeg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_nothing_from_the_top_of_the_site() {
        let index = PAGE_FILES.iter().find(|file| file.name == PAGE).unwrap();
        let shown = page_with_base(index, "/fw/");
        assert!(shown.contains("<base href=\"/fw/\">"), "{shown}");
        for file in PAGE_FILES {
            let text = String::from_utf8_lossy(file.bytes);
            for from_the_top in [
                "=\"/",
                "(\"/",
                "(`/",
                "\"/api",
                "`/api",
                "\"/static",
                ": \"/",
            ] {
                assert!(
                    !text.contains(from_the_top),
                    "{}: {from_the_top}",
                    file.name
                );
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/static");
        let mut on_disk: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut built_in: Vec<&str> = PAGE_FILES.iter().map(|file| file.name).collect();
        on_disk.sort();
        built_in.sort();
        assert_eq!(on_disk, built_in);
    }
}
