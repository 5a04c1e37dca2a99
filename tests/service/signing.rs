//! Signatures over HTTP, checked by the service and by openssl.

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::home::Home;
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const CLIP: &str = "videos/genuine.mp4";

async fn sign(server: &Server, file: &str) -> Value {
    let response = server.post_file("/integrity/sign", &repository(file)).await;
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

/// Sends the signature before or after the file; clients do both.
async fn verify(server: &Server, file: &str, signature: &str, signature_first: bool) -> Value {
    let bytes = std::fs::read(repository(file)).expect("a demo clip");
    let part = Part::bytes(bytes).file_name("v.mp4");
    let signature = signature.to_owned();
    let form = if signature_first {
        Form::new()
            .text("signature_base64", signature)
            .part("file", part)
    } else {
        Form::new()
            .part("file", part)
            .text("signature_base64", signature)
    };
    let request = server.client().post(server.url("/integrity/verify"));
    let response = request.multipart(form).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

/// What the README's line prints.
fn openssl_verdict(public_pem: &Path, signature: &Path, file: &Path) -> String {
    let output = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify"])
        .args([public_pem, Path::new("-signature"), signature, file])
        .output()
        .expect("this test runs openssl: `apt-get install openssl`");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn a_signature_holds_for_its_file_and_no_other() {
    let server = Server::shared().await;
    let signed = sign(&server, CLIP).await;
    assert_eq!(signed["video_filename"], "genuine.mp4");
    assert_eq!(signed["sha256_hex"].as_str().map(str::len), Some(64));
    let signature = signed["signature_base64"].as_str().expect("a signature");
    for signature_first in [true, false] {
        let own = verify(&server, CLIP, signature, signature_first).await;
        assert_eq!(own["valid"], true, "{own}");
        assert_eq!(own["sha256_hex"], signed["sha256_hex"]);
        assert_eq!(own["error"], Value::Null);
        let other = verify(&server, "videos/no-face.mp4", signature, signature_first).await;
        assert_eq!(other["valid"], false, "{other}");
    }
}

#[tokio::test]
async fn openssl_accepts_what_the_service_signed() {
    let server = Server::shared().await;
    let signed = sign(&server, CLIP).await;
    let folder = tempfile::tempdir().expect("a directory");
    let (pem, base64, raw) = (
        folder.path().join("public.pem"),
        folder.path().join("sig.b64"),
        folder.path().join("sig.bin"),
    );
    let key = server.get("/integrity/public-key?format=pem").await;
    assert_eq!(key.headers()["content-type"], "application/x-pem-file");
    std::fs::write(&pem, key.bytes().await.expect("a key")).expect("written");
    std::fs::write(&base64, signed["signature_base64"].as_str().expect("text")).expect("written");
    let decoded = Command::new("openssl")
        .args(["base64", "-d", "-A", "-in"])
        .args([base64.as_path(), Path::new("-out"), raw.as_path()])
        .status();
    assert!(decoded.is_ok_and(|status| status.success()));
    assert_eq!(
        openssl_verdict(&pem, &raw, &repository(CLIP)),
        "Verified OK"
    );
    let other = repository("videos/no-face.mp4");
    assert_eq!(openssl_verdict(&pem, &raw, &other), "Verification failure");
}

#[tokio::test]
async fn a_signature_of_the_wrong_form_is_an_answer_and_not_an_error() {
    let server = Server::shared().await;
    let garbage = verify(&server, CLIP, "garbage!", false).await;
    assert_eq!(garbage["valid"], false);
    assert_eq!(garbage["error"], "Invalid base64 signature");
    let short = verify(&server, CLIP, "QUJD", true).await;
    assert_eq!(
        short["error"],
        "Signature size mismatch (got 3, expected 384)."
    );
}

#[tokio::test]
async fn the_key_stays_the_same_over_a_restart_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start_in(Home::untouched(), &[]).await;
    let before: Value = server
        .get("/integrity/public-key")
        .await
        .json()
        .await
        .expect("JSON");
    let jwks: Value = server
        .get("/.well-known/jwks.json")
        .await
        .json()
        .await
        .expect("JSON");
    let signed = sign(&server, CLIP).await;
    assert_eq!(jwks["keys"][0]["kid"], signed["key_id"]);
    assert_eq!(
        signed["jws"].as_str().map(|jws| jws.split('.').count()),
        Some(3)
    );
    let private = server.data_dir().join("keys/private.pem");
    let mode = std::fs::metadata(private)
        .expect("a key")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let server = Server::start_in(server.give_up_home(), &[]).await;
    let after: Value = server
        .get("/integrity/public-key")
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(before, after);
    let signature = signed["signature_base64"].as_str().expect("text");
    assert_eq!(verify(&server, CLIP, signature, true).await["valid"], true);
}

#[tokio::test]
async fn a_verification_without_its_parts_is_told_which_is_missing() {
    let server = Server::shared().await;
    let route = (Method::POST, "/integrity/verify");
    let no_signature = server
        .post_file("/integrity/verify", &repository(CLIP))
        .await;
    let problem =
        expect_problem(&server, route.clone(), no_signature, (400, "missing-field")).await;
    assert!(
        problem["detail"].to_string().contains("signature_base64"),
        "{problem}"
    );
    let request = server.client().post(server.url("/integrity/verify"));
    let no_file = request
        .multipart(Form::new().text("signature_base64", "QUJD"))
        .send()
        .await;
    let no_file = no_file.expect("an answer");
    expect_problem(&server, route, no_file, (400, "missing-file")).await;
}
