//! The README's lines, and those of the pages under `docs`, run as they stand.

use std::process::Command;

use crate::server::{Server, repository};

/// Where the README says the service is.
const STATED_ADDRESS: &str = "http://127.0.0.1:8080";

/// What stands between the two marks around the README's examples.
fn examples(readme: &str) -> &str {
    let (_, rest) = readme
        .split_once("<!-- examples -->")
        .expect("the first mark");
    let (examples, _) = rest
        .split_once("<!-- /examples -->")
        .expect("the second mark");
    examples
}

/// The shell lines of a text.
fn lines(examples: &str) -> Vec<String> {
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
    let lines = lines(examples(&readme));
    assert!(lines.len() >= 5, "{lines:#?}");
    run_in_turn(&Server::shared().await, lines).await;
}

#[tokio::test]
async fn every_line_of_the_pages_works_as_it_stands() {
    let server = Server::shared().await;
    let pages = std::fs::read_dir(repository("docs")).expect("the pages");
    let mut pages: Vec<_> = pages.map(|page| page.expect("a page").path()).collect();
    pages.sort();
    assert_eq!(pages.len(), 6, "{pages:?}");
    for page in pages {
        let lines = lines(&std::fs::read_to_string(&page).expect("a page"));
        assert!(lines.len() >= 3, "{}: {lines:#?}", page.display());
        run_in_turn(&server, lines).await;
    }
}

/// Runs lines one after another in a folder of their own that looks like the clone's.
async fn run_in_turn(server: &Server, lines: Vec<String>) {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["videos", "README.md"] {
        std::os::unix::fs::symlink(repository(name), directory.path().join(name))
            .expect("a file of the clone");
    }
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
        let shows_a_failure = line.contains("-w '\\n%{http_code}");
        assert_eq!(
            stdout.contains("urn:framewitness:problem"),
            shows_a_failure,
            "{line}\n{stdout}"
        );
        assert!(!stdout.contains("\"success\":false"), "{line}\n{stdout}");
    }
}
