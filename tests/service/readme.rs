//! The README's lines, run as they stand.

use std::process::Command;

use crate::server::{Server, repository};

/// Where the README says the service is.
const STATED_ADDRESS: &str = "http://127.0.0.1:8080";

/// The shell lines between the two marks around the README's examples.
fn lines(readme: &str) -> Vec<String> {
    let (_, rest) = readme
        .split_once("<!-- examples -->")
        .expect("the first mark");
    let (examples, _) = rest
        .split_once("<!-- /examples -->")
        .expect("the second mark");
    let mut lines = Vec::new();
    for block in examples.split("```sh\n").skip(1) {
        let (code, _) = block.split_once("```").expect("the end of a block");
        lines.extend(
            code.lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned),
        );
    }
    lines
}

#[tokio::test]
async fn every_line_of_the_readme_works_as_it_stands() {
    let readme = std::fs::read_to_string(repository("README.md")).expect("the README");
    let lines = lines(&readme);
    assert!(lines.len() >= 5, "{lines:#?}");

    let server = Server::shared().await;
    let directory = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink(repository("videos"), directory.path().join("videos"))
        .expect("the demo clips");
    for line in lines {
        let line = line.replace(STATED_ADDRESS, &server.url(""));
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", &line])
            .current_dir(directory.path())
            .output()
            .expect("bash runs");
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{stdout}{stderr}");
        assert!(
            !stdout.contains("urn:framewitness:problem"),
            "{line}\n{stdout}"
        );
    }
}
