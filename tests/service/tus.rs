//! Resumable uploads: the protocol request by request, and ends that nobody planned.
//!
//! What the real clients make of it stands in [`clients`].

mod clients;
mod parts;

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::home::{Backend, Home};
use crate::job_client::{ANALYSES, done, records, submit, until_no_file_waits, waiting_files};
use crate::keys::make_key;
use crate::problem::expect_problem;
use crate::server::{Server, repository};

use parts::{HeldPatch, UPLOADS, begin, begun, clip, head, partial_files, patch, tus};

const POST: (Method, &str) = (Method::POST, UPLOADS);
const PATCH: (Method, &str) = (Method::PATCH, "/api/v1/uploads/{id}");
const GET: (Method, &str) = (Method::GET, "/api/v1/uploads/{id}");
const DELETE: (Method, &str) = (Method::DELETE, "/api/v1/uploads/{id}");
/// A process that takes jobs and works on none.
const IDLE: (&str, &str) = ("run_jobs", "false");

fn told<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name);
    let value = value.unwrap_or_else(|| panic!("no {name} in {headers:?}"));
    value.to_str().expect("ASCII")
}

/// The job that an upload became.
async fn job(server: &Server, path: &str) -> Value {
    let path = path.replace(UPLOADS, ANALYSES);
    let response = server.get(&path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.expect("JSON")
}

#[tokio::test]
async fn what_the_service_can_do_is_told_and_other_versions_are_refused() {
    let server = Server::start_quick_with(&[("max_body_bytes", "4242")]).await;
    let asked = server
        .client()
        .request(Method::OPTIONS, server.url(UPLOADS));
    let answer = asked.send().await.expect("an answer");
    assert_eq!(answer.status(), 204);
    for (name, value) in [
        ("tus-resumable", "1.0.0"),
        ("tus-version", "1.0.0"),
        ("tus-max-size", "4242"),
        (
            "tus-extension",
            "creation,creation-with-upload,expiration,termination,checksum",
        ),
        ("tus-checksum-algorithm", "sha1,sha256"),
    ] {
        assert_eq!(told(answer.headers(), name), value);
    }
    let old = server.client().post(server.url(UPLOADS));
    let old = old.header("tus-resumable", "0.2.2");
    let refused = old
        .header("upload-length", "5")
        .send()
        .await
        .expect("an answer");
    assert_eq!(told(refused.headers(), "tus-version"), "1.0.0");
    assert_eq!(told(refused.headers(), "tus-resumable"), "1.0.0");
    expect_problem(&server, POST, refused, (412, "tus-version")).await;
    for (header, value, expected) in [
        ("upload-defer-length", "1", (400, "upload-length-missing")),
        ("upload-length", "0", (400, "invalid-header")),
        ("upload-length", "-5", (400, "invalid-header")),
        ("upload-length", "4243", (413, "body-too-large")),
    ] {
        let refused = tus(&server, Method::POST, UPLOADS).header(header, value);
        let refused = refused.send().await.expect("an answer");
        expect_problem(&server, POST, refused, expected).await;
    }
    let refused = begin(&server, 5).header("upload-metadata", "filename ?");
    let refused = refused.send().await.expect("an answer");
    expect_problem(&server, POST, refused, (400, "invalid-header")).await;
    let refused = begin(&server, 5)
        .body("hello")
        .send()
        .await
        .expect("an answer");
    expect_problem(&server, POST, refused, (415, "not-offset-stream")).await;
    assert!(partial_files(&server).is_empty());
}

async fn an_upload_in_pieces_becomes_the_analysis_of_its_name(backend: Backend) {
    let server = Server::start_in(Home::on(backend).quick(), &[]).await;
    let clip = clip();
    // "видео.mp4"
    let metadata = "filename 0LLQuNC00LXQvi5tcDQ=,more";
    let created = begin(&server, clip.len()).header("upload-metadata", metadata);
    let created = created.send().await.expect("an answer");
    assert_eq!(created.status(), 201);
    let path = told(created.headers(), "location").to_owned();
    assert!(told(created.headers(), "upload-expires").ends_with(" GMT"));

    let (first, second) = clip.split_at(50_000);
    let answer = patch(&server, &path, 0, first).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(told(answer.headers(), "upload-offset"), "50000");
    let asked = head(&server, &path).await;
    assert_eq!(asked.status(), 200);
    for (name, value) in [
        ("upload-offset", "50000"),
        ("upload-length", &clip.len().to_string()),
        ("upload-metadata", metadata),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(told(asked.headers(), name), value);
    }
    assert!(!asked.headers().contains_key("framewitness-analysis"));
    let last = patch(&server, &path, 50_000, second).await;
    assert_eq!(last.status(), 204);
    let analysis = path.replace(UPLOADS, ANALYSES);
    assert_eq!(told(last.headers(), "framewitness-analysis"), analysis);

    let job = done(&server, &job(&server, &path).await).await;
    assert_eq!(job["filename"], "видео.mp4");
    let other = done(&server, &submit(&server, "videos/manipulated.mp4").await).await;
    for field in ["sha256", "size_bytes", "state"] {
        assert_eq!(job[field], other[field], "{field}");
    }
    // Whoever did not hear the last answer hears it now, however he asks.
    let (length, end) = (clip.len() as u64, clip.len().to_string());
    for answer in [
        head(&server, &path).await,
        patch(&server, &path, length, &[]).await,
    ] {
        assert!(answer.status().is_success(), "{answer:?}");
        assert_eq!(told(answer.headers(), "upload-offset"), end);
        assert_eq!(told(answer.headers(), "framewitness-analysis"), analysis);
    }
    let again = patch(&server, &path, 0, first).await;
    expect_problem(&server, PATCH, again, (409, "upload-offset-conflict")).await;
    let deleted = tus(&server, Method::DELETE, &path)
        .send()
        .await
        .expect("an answer");
    expect_problem(&server, DELETE, deleted, (409, "upload-finished")).await;
    until_no_file_waits(&server).await;
    assert!(partial_files(&server).is_empty());
    assert_eq!(records(&server).await.len(), 2);
}

#[tokio::test]
async fn an_upload_in_pieces_becomes_the_analysis_of_its_name_on_sqlite_and_disk() {
    an_upload_in_pieces_becomes_the_analysis_of_its_name(Backend::SqliteAndDisk).await;
}

#[tokio::test]
async fn an_upload_in_pieces_becomes_the_analysis_of_its_name_on_postgres_and_s3() {
    an_upload_in_pieces_becomes_the_analysis_of_its_name(Backend::PostgresAndS3).await;
}

#[tokio::test]
async fn bytes_in_the_wrong_place_or_too_many_are_refused_and_change_nothing() {
    let server = Server::start_quick_with(&[IDLE]).await;
    let path = begun(&server, 10).await;
    assert_eq!(patch(&server, &path, 0, b"0123").await.status(), 204);
    for offset in [0, 3, 5, 10, 11] {
        let refused = patch(&server, &path, offset, b"x").await;
        let problem = expect_problem(&server, PATCH, refused, (409, "upload-offset-conflict"));
        assert!(problem.await["detail"].to_string().contains("goes on at 4"));
    }
    let refused = patch(&server, &path, 4, b"4567890").await;
    expect_problem(&server, PATCH, refused, (413, "beyond-upload-length")).await;
    // One that does not say how long it is tells so by being longer.
    let untold = HeldPatch::begin(&server, &path, 4, b"45").await;
    let refused = untold.finish(b"67890").await;
    expect_problem(&server, PATCH, refused, (413, "beyond-upload-length")).await;
    assert_eq!(
        told(head(&server, &path).await.headers(), "upload-offset"),
        "6"
    );

    let other = tus(&server, Method::PATCH, &path).header("upload-offset", "6");
    let other = other.header("content-type", "application/octet-stream");
    let refused = other.body("6789").send().await.expect("an answer");
    expect_problem(&server, PATCH, refused, (415, "not-offset-stream")).await;
    let unsaid = tus(&server, Method::PATCH, &path);
    let unsaid = unsaid.header("content-type", "application/offset+octet-stream");
    let refused = unsaid.body("6789").send().await.expect("an answer");
    expect_problem(&server, PATCH, refused, (400, "invalid-header")).await;
    for path in [
        "/api/v1/uploads/x",
        "/api/v1/uploads/00000000-0000-0000-0000-000000000000",
    ] {
        let refused = patch(&server, path, 0, b"x").await;
        expect_problem(&server, PATCH, refused, (404, "not-found")).await;
        assert_eq!(head(&server, path).await.status(), 404);
    }
    let deleted = tus(&server, Method::DELETE, &path)
        .send()
        .await
        .expect("an answer");
    assert_eq!(deleted.status(), 204);
    assert_eq!(head(&server, &path).await.status(), 404);
    assert!(partial_files(&server).is_empty());
}

#[tokio::test]
async fn one_at_a_time_writes_and_who_asks_how_far_it_is_goes_on() {
    let server = Server::start_quick_with(&[IDLE]).await;
    let path = begun(&server, 10).await;
    let held = HeldPatch::begin(&server, &path, 0, b"0123").await;
    let refused = patch(&server, &path, 0, b"01").await;
    expect_problem(&server, PATCH, refused, (423, "upload-locked")).await;
    // The first may be what a broken connection left: it ends, and what came of it counts.
    assert_eq!(
        told(head(&server, &path).await.headers(), "upload-offset"),
        "4"
    );
    let cut = held.answer().await;
    expect_problem(&server, PATCH, cut, (423, "upload-locked")).await;
    assert_eq!(patch(&server, &path, 4, b"45").await.status(), 204);

    let held = HeldPatch::begin(&server, &path, 6, b"67").await;
    held.abandon().await;
    assert_eq!(
        told(head(&server, &path).await.headers(), "upload-offset"),
        "8"
    );
    assert_eq!(patch(&server, &path, 8, b"89").await.status(), 204);
    let job = job(&server, &path).await;
    assert_eq!(job["size_bytes"], 10);
    // Of 0123456789
    let digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
    assert_eq!(job["sha256"], digest);
    assert_eq!(waiting_files(&server).len(), 1);
}

#[tokio::test]
async fn bytes_whose_checksum_does_not_hold_are_not_kept() {
    let server = Server::start_quick_with(&[IDLE]).await;
    let path = begun(&server, 6).await;
    let with = |checksum: &'static str, offset: u64, bytes: &'static str| {
        let request = tus(&server, Method::PATCH, &path).header("upload-checksum", checksum);
        let request = request.header("content-type", "application/offset+octet-stream");
        request.header("upload-offset", offset).body(bytes).send()
    };
    // Of abc
    let (sha1, sha256) = (
        "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
    );
    let refused = with(sha1, 0, "abd").await.expect("an answer");
    expect_problem(&server, PATCH, refused, (460, "checksum-mismatch")).await;
    assert_eq!(
        told(head(&server, &path).await.headers(), "upload-offset"),
        "0"
    );
    assert_eq!(with(sha1, 0, "abc").await.expect("an answer").status(), 204);
    let refused = with(sha256, 3, "abd").await.expect("an answer");
    expect_problem(&server, PATCH, refused, (460, "checksum-mismatch")).await;
    let unknown = with("md5 kAFQmDzST7DWlj99KOF/cg==", 3, "abc").await;
    let refused = unknown.expect("an answer");
    expect_problem(&server, PATCH, refused, (400, "invalid-header")).await;
    let last = with(sha256, 3, "abc").await.expect("an answer");
    assert!(last.headers().contains_key("framewitness-analysis"));
    assert_eq!(job(&server, &path).await["size_bytes"], 6);
}

#[tokio::test]
async fn the_whole_file_may_come_along_and_a_post_may_mean_another_method() {
    let server = Server::start_quick_with(&[IDLE]).await;
    let with_bytes = |length: usize, bytes: &'static str| {
        let request = begin(&server, length);
        let request = request.header("content-type", "application/offset+octet-stream");
        request.body(bytes).send()
    };
    let created = with_bytes(6, "0123").await.expect("an answer");
    assert_eq!(created.status(), 201);
    assert_eq!(told(created.headers(), "upload-offset"), "4");
    let path = told(created.headers(), "location").to_owned();
    let meant = tus(&server, Method::POST, &path).header("x-http-method-override", "PATCH");
    let meant = meant.header("content-type", "application/offset+octet-stream");
    let meant = meant.header("upload-offset", "4").body("45").send().await;
    assert!(
        meant
            .expect("an answer")
            .headers()
            .contains_key("framewitness-analysis")
    );
    let created = with_bytes(4, "0123").await.expect("an answer");
    assert_eq!(created.status(), 201);
    assert!(created.headers().contains_key("framewitness-analysis"));
    let refused = with_bytes(3, "0123").await.expect("an answer");
    expect_problem(&server, POST, refused, (413, "beyond-upload-length")).await;
    assert!(partial_files(&server).is_empty());
}

#[tokio::test]
async fn an_upload_is_its_keys_own_and_takes_one_analysis_of_its_quota() {
    let server = Server::start_quick_with(&[IDLE]).await;
    let mine = make_key(&server, &["mine", "--quota-per-day", "1"]);
    let other = make_key(&server, &["other"]);
    let closed = begin(&server, 4).send().await.expect("an answer");
    assert_eq!(told(closed.headers(), "tus-resumable"), "1.0.0");
    expect_problem(&server, POST, closed, (401, "key-missing")).await;
    let created = begin(&server, 4).bearer_auth(&mine).send().await;
    let created = created.expect("an answer");
    let path = told(created.headers(), "location").to_owned();
    let spent = begin(&server, 4).bearer_auth(&mine).send().await;
    expect_problem(
        &server,
        POST,
        spent.expect("an answer"),
        (429, "quota-spent"),
    )
    .await;
    let asked = |method, secret: &str| {
        let request = tus(&server, method, &path).bearer_auth(secret);
        let request = request.header("content-type", "application/offset+octet-stream");
        request.header("upload-offset", "0").body("0123").send()
    };
    for (method, route) in [
        (Method::PATCH, PATCH),
        (Method::GET, GET),
        (Method::DELETE, DELETE),
    ] {
        let refused = asked(method, &other).await.expect("an answer");
        expect_problem(&server, route, refused, (404, "not-found")).await;
    }
    assert_eq!(
        asked(Method::PATCH, &mine)
            .await
            .expect("an answer")
            .status(),
        204
    );
    let refused = asked(Method::GET, &other).await.expect("an answer");
    expect_problem(&server, GET, refused, (404, "not-found")).await;
    let found = asked(Method::GET, &mine).await.expect("an answer");
    assert!(found.headers().contains_key("framewitness-analysis"));
}

#[tokio::test]
async fn uploads_that_are_not_finished_are_counted_and_in_the_end_removed() {
    let settings = [
        IDLE,
        ("max_resumable_uploads_per_sender", "1"),
        ("max_resumable_uploads", "2"),
        ("resumable_uploads_expire_s", "4"),
        ("sweep_interval_s", "5"),
        ("trust_forwarded", "true"),
    ];
    let server = Server::start_quick_with(&settings).await;
    let from = |address: &'static str| begin(&server, 4).header("x-forwarded-for", address).send();
    let first = from("192.0.2.1").await.expect("an answer");
    let path = told(first.headers(), "location").to_owned();
    for (address, limit) in [
        ("192.0.2.1", "max_resumable_uploads_per_sender"),
        ("192.0.2.2", ""),
        ("192.0.2.3", "max_resumable_uploads;"),
    ] {
        let answer = from(address).await.expect("an answer");
        if limit.is_empty() {
            assert_eq!(answer.status(), 201);
            continue;
        }
        let refused = (429, "too-many-resumable-uploads");
        let problem = expect_problem(&server, POST, answer, refused).await;
        assert!(problem["detail"].to_string().contains(limit), "{problem}");
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    // The next sweep may have come by then.
    let late = patch(&server, &path, 0, b"0123").await;
    assert!(matches!(late.status().as_u16(), 410 | 404), "{late:?}");
    assert_eq!(from("192.0.2.1").await.expect("an answer").status(), 201);
    let begun = std::time::Instant::now();
    while !partial_files(&server).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(head(&server, &path).await.status(), 404);
}

#[tokio::test]
async fn an_upload_too_old_is_gone_before_it_is_swept() {
    let server = Server::start_quick_with(&[IDLE, ("resumable_uploads_expire_s", "1")]).await;
    let path = begun(&server, 4).await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let late = patch(&server, &path, 0, b"0123").await;
    expect_problem(&server, PATCH, late, (410, "upload-expired")).await;
    assert_eq!(head(&server, &path).await.status(), 410);
}

#[tokio::test]
async fn where_there_is_no_room_for_the_job_the_last_byte_is_asked_for_again() {
    let server = Server::start_quick_with(&[IDLE, ("max_queued_jobs", "1")]).await;
    let path = begun(&server, 6).await;
    assert_eq!(patch(&server, &path, 0, b"0123").await.status(), 204);
    let waiting = submit(&server, "videos/genuine.mp4").await;
    let refused = begin(&server, 6).send().await.expect("an answer");
    expect_problem(&server, POST, refused, (429, "queue-full")).await;
    let refused = patch(&server, &path, 4, b"45").await;
    expect_problem(&server, PATCH, refused, (429, "queue-full")).await;
    assert_eq!(
        told(head(&server, &path).await.headers(), "upload-offset"),
        "5"
    );
    let cancel = server.url(&crate::job_client::path(&waiting));
    let cancelled = server.client().delete(cancel).send().await;
    assert_eq!(cancelled.expect("an answer").status(), 200);
    let last = patch(&server, &path, 5, b"5").await;
    assert_eq!(last.status(), 204);
    assert!(last.headers().contains_key("framewitness-analysis"));
    assert_eq!(waiting_files(&server).len(), 1);
    assert!(partial_files(&server).is_empty());
}

#[tokio::test]
async fn a_disk_without_room_for_the_whole_file_takes_none_of_it() {
    let server = Server::start_quick_with(&[("min_free_disk_bytes", "9000000000000000000")]).await;
    let refused = begin(&server, 4).send().await.expect("an answer");
    expect_problem(&server, POST, refused, (507, "storage-full")).await;
    assert!(partial_files(&server).is_empty());
}

#[tokio::test]
async fn a_process_killed_between_the_job_and_the_end_of_the_upload_leaves_one_job() {
    let settings = [IDLE, ("FWTEST_END_AT", "upload-handed-on")];
    let mut server = Server::start_in(Home::on(Backend::SqliteAndDisk).quick(), &settings).await;
    let clip = clip();
    let path = begun(&server, clip.len()).await;
    let last = tus(&server, Method::PATCH, &path).header("upload-offset", "0");
    let last = last.header("content-type", "application/offset+octet-stream");
    assert!(
        last.body(clip.clone()).send().await.is_err(),
        "it was killed"
    );
    server.wait(Duration::from_secs(60)).await;
    assert_eq!(partial_files(&server).len(), 2);
    let again = Server::start_in(server.give_up_home(), &[]).await;
    let asked = head(&again, &path).await;
    assert_eq!(
        told(asked.headers(), "upload-offset"),
        clip.len().to_string()
    );
    assert!(asked.headers().contains_key("framewitness-analysis"));
    done(&again, &job(&again, &path).await).await;
    assert_eq!(records(&again).await.len(), 1);
    assert!(partial_files(&again).is_empty());
    until_no_file_waits(&again).await;
}

#[tokio::test]
async fn pages_of_other_sites_may_send_and_read_what_it_takes() {
    let server = Server::start_quick_with(&[("cors_origins", "https://site.example")]).await;
    let path = begun(&server, 4).await;
    let preflight = server.client().request(Method::OPTIONS, server.url(&path));
    let preflight = preflight
        .header("origin", "https://site.example")
        .header("access-control-request-method", "PATCH")
        .header(
            "access-control-request-headers",
            "tus-resumable,upload-offset,content-type",
        );
    let allowed = preflight.send().await.expect("an answer");
    assert!(allowed.status().is_success(), "{allowed:?}");
    assert!(told(allowed.headers(), "access-control-allow-methods").contains("PATCH"));
    let asked = tus(&server, Method::HEAD, &path).header("origin", "https://site.example");
    let asked = asked.send().await.expect("an answer");
    let exposed = told(asked.headers(), "access-control-expose-headers").to_lowercase();
    for name in [
        "location",
        "upload-offset",
        "tus-resumable",
        "framewitness-analysis",
    ] {
        assert!(exposed.contains(name), "{exposed}");
    }
}

#[tokio::test]
async fn a_query_at_the_beginning_says_how_the_file_is_to_be_looked_at() {
    let server = Server::start_quick().await;
    let bytes = std::fs::read(repository("videos/genuine.mp4")).expect("a clip");
    let create = tus(&server, Method::POST, "/api/v1/uploads?stream=5");
    let created = create.header("upload-length", bytes.len()).send().await;
    let path = told(created.expect("an answer").headers(), "location").to_owned();
    assert_eq!(patch(&server, &path, 0, &bytes).await.status(), 204);
    let ended = crate::job_client::ended(&server, &job(&server, &path).await).await;
    assert_eq!(ended["reason"]["code"], "no-such-stream", "{ended}");
}
