//! The Python client that `scripts/client.sh` builds, against a real server: its own tests, from its wheel.

use std::path::PathBuf;
use std::process::Command;

use crate::keys::make_key;
use crate::server::{Server, cached, repository};

/// The Python of the environment into which the script installs the finished wheel.
fn python() -> PathBuf {
    let python = cached("client-venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run scripts/client.sh, which builds the client",
        python.display()
    );
    python
}

#[tokio::test]
async fn the_python_client_analyses_follows_and_reports() {
    let server = Server::start().await;
    let secret = make_key(&server, &["python"]);
    let broken = server.home().directory.path().join("broken.mp4");
    std::fs::write(&broken, [7; 3000]).expect("a file");
    let output = Command::new(python())
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(repository("clients/python/tests"))
        .env("FRAMEWITNESS_URL", server.url(""))
        .env("FRAMEWITNESS_KEY", secret)
        .env("FRAMEWITNESS_VIDEO", repository("videos/genuine.mp4"))
        .env("FRAMEWITNESS_BROKEN", &broken)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("pytest runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", server.log());
    assert!(said.contains("7 passed"), "{said}");
}
