//! Signatures that must not hold, files of extreme sizes, and keys that change or are damaged.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::stream;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use rsa::BigUint;
use serde_json::Value;

use crate::extent;
use crate::home::Home;
use crate::problem::expect_problem;
use crate::server::{Server, program, repository};

const CLIP: &str = "videos/genuine.mp4";

async fn json(response: reqwest::Response) -> Value {
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

async fn sign(server: &Server) -> Value {
    json(server.post_file("/integrity/sign", &repository(CLIP)).await).await
}

async fn verify(server: &Server, signature: &str) -> Value {
    let bytes = std::fs::read(repository(CLIP)).expect("a demo clip");
    let form = Form::new()
        .text("signature_base64", signature.to_owned())
        .part("file", Part::bytes(bytes).file_name("v.mp4"));
    let request = server.client().post(server.url("/integrity/verify"));
    json(request.multipart(form).send().await.expect("an answer")).await
}

fn bytes_of(signed: &Value) -> Vec<u8> {
    let text = signed["signature_base64"].as_str().expect("a signature");
    STANDARD.decode(text).expect("base64")
}

/// What `openssl dgst` makes of the demo clip with the server's own key.
fn openssl_signature(server: &Server, options: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .arg("dgst")
        .args(options)
        .arg("-sign")
        .arg(server.data_dir().join("keys/private.pem"))
        .arg(repository(CLIP))
        .output()
        .expect("this test runs openssl: `apt-get install openssl`");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{options:?}: {said}");
    output.stdout
}

#[tokio::test]
async fn of_all_that_resembles_a_signature_only_itself_is_valid() {
    let server = Server::shared().await;
    let signed = sign(&server).await;
    let own = bytes_of(&signed);
    let text = signed["signature_base64"].as_str().expect("a signature");
    assert_eq!(verify(&server, text).await["valid"], true);

    let jwks = json(server.get("/.well-known/jwks.json").await).await;
    let modulus = jwks["keys"][0]["n"].as_str().expect("a modulus");
    let modulus = BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(modulus).expect("base64url"));
    let number = BigUint::from_bytes_be(&own);
    let mut flipped = own.clone();
    flipped[383] ^= 1;
    let statement = signed["jws"]
        .as_str()
        .and_then(|jws| jws.rsplit('.').next());
    let of_statement = URL_SAFE_NO_PAD.decode(statement.expect("a signature"));
    for (what, bytes) in [
        ("another bit", flipped),
        ("plus the modulus", (&number + &modulus).to_bytes_be()),
        ("the modulus less it", (&modulus - &number).to_bytes_be()),
        ("backwards", own.iter().rev().copied().collect()),
        ("a zero before it", [&[0], &own[..]].concat()),
        ("a zero after it", [&own[..], &[0]].concat()),
        ("its last byte missing", own[..383].to_vec()),
        ("twice", own.repeat(2)),
        ("nothing", Vec::new()),
        ("that of the statement", of_statement.expect("base64url")),
        ("SHA-512", openssl_signature(&server, &["-sha512"])),
        ("SHA-1", openssl_signature(&server, &["-sha1"])),
        (
            "PSS",
            openssl_signature(&server, &["-sha256", "-sigopt", "rsa_padding_mode:pss"]),
        ),
    ] {
        let found = verify(&server, &STANDARD.encode(&bytes)).await;
        assert_eq!(found["valid"], false, "{what}: {found}");
        let has_error = found["error"].is_string();
        assert_eq!(has_error, bytes.len() != 384, "{what}: {found}");
    }
    let same = openssl_signature(&server, &["-sha256"]);
    assert_eq!(verify(&server, &STANDARD.encode(same)).await["valid"], true);
    let of_urls = verify(&server, &URL_SAFE_NO_PAD.encode(&own)).await;
    assert_eq!(of_urls["valid"], true, "{of_urls}");
    for (what, spelling) in [
        ("two alphabets", format!("-+{}", &text[2..])),
        (
            "hex",
            own.iter().map(|byte| format!("{byte:02x}")).collect(),
        ),
        ("padding", format!("{text}=")),
        ("a foreign character", format!("{text}\u{a0}")),
    ] {
        let found = verify(&server, &spelling).await;
        assert_eq!(found["valid"], false, "{what}: {found}");
    }
}

#[tokio::test]
async fn what_another_service_signed_is_not_valid_here() {
    let server = Server::shared().await;
    let other = Server::start_in(Home::untouched(), &[]).await;
    let signed = sign(&other).await;
    let text = signed["signature_base64"].as_str().expect("a signature");
    assert_eq!(verify(&other, text).await["valid"], true);
    let found = verify(&server, text).await;
    assert_eq!(found["valid"], false);
    assert_eq!(found["error"], Value::Null, "well formed: {found}");
}

#[tokio::test]
async fn an_empty_file_is_neither_signed_nor_checked() {
    let server = Server::shared().await;
    for path in ["/integrity/sign", "/integrity/verify"] {
        let form = Form::new()
            .part("file", Part::bytes(Vec::new()).file_name("e.mp4"))
            .text("signature_base64", "QUJD");
        let request = server.client().post(server.url(path)).multipart(form);
        let response = request.send().await.expect("an answer");
        expect_problem(&server, (Method::POST, path), response, (400, "empty-file")).await;
    }
}

#[tokio::test]
async fn what_was_signed_before_the_key_changed_stays_valid() {
    let server = Server::start_quick().await;
    let before = sign(&server).await;
    let rotated = server.run_beside(&["rotate-key"]);
    assert_eq!(rotated.status.code(), Some(0), "{}", said(&rotated));
    // Until it is started again, the service signs as before.
    assert_eq!(sign(&server).await["key_id"], before["key_id"]);

    let server = Server::start_in(server.give_up_home(), &[]).await;
    let after = sign(&server).await;
    assert_ne!(after["key_id"], before["key_id"]);
    for signed in [&before, &after] {
        let text = signed["signature_base64"].as_str().expect("a signature");
        assert_eq!(verify(&server, text).await["valid"], true);
    }
    let jwks = json(server.get("/.well-known/jwks.json").await).await;
    let ids: Vec<_> = (jwks["keys"].as_array().expect("keys").iter())
        .map(|key| key["kid"].clone())
        .collect();
    assert_eq!(ids, [after["key_id"].clone(), before["key_id"].clone()]);
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts the service on a home whose keys are such that it ends at once.
fn refused_start(home: &Home) -> Output {
    let mut command = program();
    command.envs(home.environment());
    command.env("FRAMEWITNESS_BIND", "127.0.0.1:0");
    command.args(["serve", "--data-dir"]);
    command.arg(home.directory.path().join("data"));
    command.output().expect("the program runs")
}

fn files_of(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths
        .map(|path| (path.clone(), std::fs::read(&path).unwrap_or_default()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn with_a_damaged_key_the_service_does_not_start_and_makes_no_other() {
    let server = Server::start_quick().await;
    let signed = sign(&server).await;
    let keys = server.data_dir().join("keys");
    let home = server.give_up_home();
    let private = keys.join("private.pem");
    let whole = std::fs::read(&private).expect("a key");
    for (content, wanted) in [
        (Some(&b""[..]), "is damaged"),
        (Some(&whole[..1000]), "is damaged"),
        (Some(b"\xff\0\xfe"), "is damaged"),
        (None, "private.pem is missing"),
    ] {
        match content {
            Some(content) => std::fs::write(&private, content),
            None => std::fs::remove_file(&private),
        }
        .expect("a folder of ours");
        let before = files_of(&keys);
        let output = refused_start(&home);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(wanted), "no {wanted:?} in: {said}");
        assert!(said.contains("restore it from a backup"), "{said}");
        assert!(files_of(&keys) == before, "the keys were touched: {said}");
    }
    std::fs::write(&private, &whole).expect("a folder of ours");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&private, mode).expect("a file of ours");
    let server = Server::start_in(home, &[]).await;
    let text = signed["signature_base64"].as_str().expect("a signature");
    assert_eq!(verify(&server, text).await["valid"], true);
}

const GIB: u64 = 1 << 30;
const PIECE_BYTES: u64 = 1 << 20;

/// A file of zeros that nobody holds as a whole.
fn zeros(bytes: u64) -> Part {
    let piece = vec![0_u8; PIECE_BYTES as usize];
    let pieces =
        stream::iter((0..bytes / PIECE_BYTES).map(move |_| Ok::<_, std::io::Error>(piece.clone())));
    Part::stream_with_length(Body::wrap_stream(pieces), bytes).file_name("zeros.bin")
}

/// Most memory that the server ever had, bytes.
fn peak_memory_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.expect("a number of kB") * 1024
}

/// Signs so many zeros; tells how much memory that took at most, and how long.
async fn sign_zeros(bytes: u64) -> (u64, Duration) {
    let most = (bytes + GIB).to_string();
    let server = Server::start_quick_with(&[("max_body_bytes", most.as_str())]).await;
    // What the first request costs in any case.
    sign(&server).await;
    let before = peak_memory_bytes(&server);
    let started = Instant::now();
    let form = Form::new().part("file", zeros(bytes));
    let request = server.client().post(server.url("/integrity/sign"));
    let signed = json(request.multipart(form).send().await.expect("an answer")).await;
    let took = started.elapsed();
    assert_eq!(signed["size_bytes"], bytes);
    let left = files_of(&server.data_dir().join("uploads"));
    let sizes: Vec<_> = left.iter().map(|(path, _)| path).collect();
    for session in sizes {
        assert_eq!(files_of(session).len(), 0, "a file is left");
    }
    (peak_memory_bytes(&server) - before, took)
}

#[tokio::test]
async fn a_large_file_is_signed_in_flat_memory() {
    let bytes = extent::of(GIB / 4, 2 * GIB + GIB / 4);
    let (grown, took) = sign_zeros(bytes).await;
    eprintln!(
        "{} MiB: {} MiB more memory, {took:?}",
        bytes >> 20,
        grown >> 20
    );
    assert!(grown < 32 << 20, "{grown} bytes more");
}
