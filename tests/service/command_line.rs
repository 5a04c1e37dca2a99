//! The command line as a person or a script uses it.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::server::{Server, program, repository};

fn run(arguments: &[&str]) -> Output {
    let data = tempfile::tempdir().expect("a directory");
    let mut command = program();
    command.env("FRAMEWITNESS_DATA_DIR", data.path());
    if !arguments.contains(&"--csv") {
        // What is not about frames needs few.
        command.env("FRAMEWITNESS_SAMPLE_FRAMES", "8");
    }
    command.args(arguments).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn analyze_prints_a_verdict_and_ends_with_zero() {
    let output = run(&["analyze", "videos/genuine.mp4"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.starts_with("genuine.mp4\n"), "{stdout}");
    assert!(stdout.contains("% fake"), "{stdout}");
}

#[test]
fn one_bad_file_among_good_ones_costs_only_itself_and_ends_with_one() {
    let output = run(&[
        "analyze",
        "--json",
        "README.md",
        "videos/genuine.mp4",
        "no-such-file.mp4",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let records: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON record a line"))
        .collect();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["filename"], "genuine.mp4");
    let stderr = text(&output.stderr);
    assert!(stderr.contains("README.md: "), "{stderr}");
    assert!(
        stderr.contains("no-such-file.mp4: cannot be read"),
        "{stderr}"
    );
}

#[test]
fn wrong_usage_ends_with_two() {
    assert_eq!(run(&["analyze"]).status.code(), Some(2));
    assert_eq!(run(&["analyse-this"]).status.code(), Some(2));
    let output = run(&["analyze", "videos/genuine.mp4", "--device", "abacus"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("device"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_table_has_a_row_for_each_sampled_frame() {
    let output = run(&["analyze", "--csv", "videos/genuine.mp4"]);
    let mut table = csv::Reader::from_reader(output.stdout.as_slice());
    let rows: Vec<_> = table.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 30);
    assert!(
        text(&output.stdout).contains("\r\n"),
        "RFC 4180 ends lines with CRLF"
    );
}

#[test]
fn out_holds_the_report_the_record_the_table_and_the_pictures() {
    let out = tempfile::tempdir().expect("a directory");
    let path = out.path().to_str().expect("a UTF-8 path");
    let output = run(&["analyze", "videos/genuine.mp4", "--out", path]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let folders: Vec<_> = std::fs::read_dir(out.path())
        .expect("a listing")
        .flatten()
        .collect();
    assert_eq!(folders.len(), 1);
    let names: Vec<_> = std::fs::read_dir(folders[0].path())
        .expect("a listing")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    for name in [
        "analysis.json",
        "frames.csv",
        "frame-000.jpg",
        "crop-000-0.jpg",
        "report.html",
        "report.pdf",
        "statement.jws",
        "public.pem",
        "jwks.json",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
    let folder = folders[0].path();
    let page = std::fs::read_to_string(folder.join("report.html")).expect("a page");
    assert!(page.contains("statement.jws beside this report"), "{page}");
    assert!(!page.contains("SERVICE"), "there is no service to ask");
    let report = folder.join("report.pdf");
    let replayed = run(&[
        "replay",
        report.to_str().expect("UTF-8"),
        "videos/genuine.mp4",
        "--key",
        folder.join("jwks.json").to_str().expect("UTF-8"),
    ]);
    assert_eq!(
        replayed.status.code(),
        Some(0),
        "{}{}",
        text(&replayed.stdout),
        text(&replayed.stderr)
    );
}

#[test]
fn a_folder_is_analysed_whole_and_a_batch_goes_on_where_it_was() {
    let root = tempfile::tempdir().expect("a directory");
    let [clips, out] = ["clips", "out"].map(|name| root.path().join(name));
    std::fs::create_dir_all(clips.join("more")).expect("a folder");
    let put = |video: &str, name: &str| {
        std::fs::copy(repository(video), clips.join(name)).expect("a copy");
    };
    put("videos/genuine.mp4", "a.mp4");
    std::fs::write(clips.join("notes.txt"), "no video").expect("a file");
    let [clips_path, out_path] = [&clips, &out].map(|path| path.to_str().expect("UTF-8"));
    let analysed = |more: &[&str]| -> Vec<(String, String)> {
        let arguments = ["analyze", "--json", "--out", out_path, clips_path];
        let output = run(&[&arguments[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let records = text(&output.stdout);
        let record = |line| serde_json::from_str::<Value>(line).expect("a JSON record a line");
        let told = records.lines().map(record);
        told.map(|record| {
            [&record["filename"], &record["id"]].map(|v| v.as_str().unwrap_or_default().to_owned())
        })
        .map(|[name, id]| (name, id))
        .collect()
    };
    let first = analysed(&[]);
    assert_eq!(first.len(), 1);
    put("videos/manipulated.mp4", "more/b.mp4");
    let second = analysed(&[]);
    assert_eq!(second[0], first[0], "the first was not analysed again");
    assert_eq!(second[1].0, "b.mp4");
    let again = analysed(&["--again"]);
    assert_ne!(again[0].1, first[0].1);
    assert_eq!(again.len(), 2);
}

#[test]
fn a_watched_folder_has_its_files_analysed_as_they_come() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = tempfile::tempdir().expect("a directory");
    let mut watching = program()
        .env("FRAMEWITNESS_DATA_DIR", data.path())
        .env("FRAMEWITNESS_SAMPLE_FRAMES", "8")
        .args(["analyze", "--json", "--watch"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    std::fs::copy(
        repository("videos/genuine.mp4"),
        folder.path().join("late.mp4"),
    )
    .expect("a copy");
    let mut line = String::new();
    let mut told = BufReader::new(watching.stdout.take().expect("its output"));
    told.read_line(&mut line).expect("a line");
    watching.kill().expect("it ends");
    watching.wait().expect("it ended");
    let record: Value = serde_json::from_str(&line).expect("a JSON record");
    assert_eq!(record["filename"], "late.mp4");
}

#[test]
fn a_shell_gets_completions_and_a_reader_a_manual() {
    for (shell, word) in [
        ("bash", "_framewitness"),
        ("zsh", "#compdef"),
        ("fish", "complete"),
    ] {
        let output = run(&["completions", shell]);
        assert!(text(&output.stdout).contains(word), "{shell}");
    }
    let page = run(&["man"]);
    assert!(
        text(&page.stdout).contains(".TH framewitness"),
        "{}",
        text(&page.stdout)
    );
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().to_str().expect("UTF-8");
    assert_eq!(run(&["man", path]).status.code(), Some(0));
    assert!(folder.path().join("framewitness-analyze.1").exists());
}

#[tokio::test]
async fn what_the_command_line_analysed_is_in_the_history_of_the_service() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let data = data.to_str().expect("a UTF-8 path");
    let output = run(&[
        "analyze",
        "--json",
        "videos/genuine.mp4",
        "--data-dir",
        data,
    ]);
    let record: Value = serde_json::from_slice(&output.stdout).expect("a JSON record");

    let server = Server::start_in(directory, &[]).await;
    let id = record["id"].as_str().expect("an id");
    let stored = server.get(&format!("/api/v1/predictions/{id}")).await;
    assert_eq!(stored.status(), 200);
    let stored: Value = stored.json().await.expect("JSON");
    let picture = stored["frames"][0]["url"].as_str().expect("a url");
    assert_eq!(server.get(picture).await.status(), 200);
}

#[test]
fn a_signature_holds_for_its_file_and_for_no_other() {
    let data = tempfile::tempdir().expect("a directory");
    let data_dir = data.path().to_str().expect("a UTF-8 path");
    let signed = run(&["sign", "videos/genuine.mp4", "--data-dir", data_dir]);
    assert_eq!(signed.status.code(), Some(0), "{}", text(&signed.stderr));
    let signature = data.path().join("genuine.sig");
    std::fs::write(&signature, &signed.stdout).expect("a signature file");
    let signature = signature.to_str().expect("a UTF-8 path");

    let valid = run(&[
        "verify",
        "videos/genuine.mp4",
        signature,
        "--data-dir",
        data_dir,
    ]);
    assert_eq!(valid.status.code(), Some(0), "{}", text(&valid.stderr));
    let other = run(&[
        "verify",
        "videos/manipulated.mp4",
        signature,
        "--data-dir",
        data_dir,
    ]);
    assert_eq!(other.status.code(), Some(1));
    let garbage = run(&[
        "verify",
        "videos/genuine.mp4",
        "garbage!",
        "--data-dir",
        data_dir,
    ]);
    assert_eq!(garbage.status.code(), Some(1));
    assert!(repository("videos/genuine.mp4").is_file());
}
