//! `framewitness evaluate`: the models measured on files whose truth is known.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{program, repository};

/// A folder with two genuine files, one of them no video, and two manipulated ones, one of them
/// without a face.
fn collection() -> TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    for (name, clip) in [
        ("real/a.mp4", "videos/genuine.mp4"),
        ("fake/swap/b.mp4", "videos/manipulated.mp4"),
        ("fake/landscape/c.mp4", "videos/no-face.mp4"),
        ("real/broken.mp4", "README.md"),
        ("real/notes.txt", "README.md"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::copy(repository(clip), path).expect("a copy");
    }
    folder
}

fn evaluate(source: &Path, out: &Path, more: &[&str]) -> Output {
    let mut command = program();
    command.arg("evaluate").arg(source).arg("--out").arg(out);
    command.args(more).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Rows of a table by the name of their file.
fn rows(path: &Path) -> HashMap<String, Vec<HashMap<String, String>>> {
    let mut table = csv::Reader::from_path(path).expect("a table");
    let mut rows: HashMap<String, Vec<HashMap<String, String>>> = HashMap::new();
    for row in table.deserialize() {
        let row: HashMap<String, String> = row.expect("a row");
        rows.entry(row["name"].clone()).or_default().push(row);
    }
    rows
}

#[test]
fn a_folder_is_measured_and_a_second_run_finds_the_scores_of_the_first() {
    let (folder, out) = (collection(), tempfile::tempdir().expect("a directory"));
    let first = evaluate(folder.path(), out.path(), &[]);
    let (stdout, stderr) = (text(&first.stdout), text(&first.stderr));
    assert_eq!(first.status.code(), Some(1), "one file failed: {stderr}");
    assert!(
        stdout.contains("1 genuine and 2 manipulated files"),
        "{stdout}"
    );
    assert!(
        stdout.contains("1 without anything to score, 1 failed"),
        "{stdout}"
    );
    assert!(stdout.contains("- failed: real/broken.mp4: "), "{stdout}");
    assert!(stdout.contains("| swap | 1 |"), "{stdout}");
    assert!(stdout.contains("Expected calibration error"), "{stdout}");
    let report = fs::read_to_string(out.path().join("report.md")).expect("a report");
    assert!(
        stdout.starts_with(&report),
        "the report is what was printed"
    );

    let videos = rows(&out.path().join("videos.csv"));
    assert_eq!(videos.len(), 4);
    let only = |name: &str| &videos[name][0];
    assert_eq!(only("real/a.mp4")["label"], "genuine");
    assert_eq!(only("fake/swap/b.mp4")["method"], "swap");
    assert_eq!(only("fake/landscape/c.mp4")["verdict"], "INCONCLUSIVE");
    assert_eq!(only("fake/landscape/c.mp4")["reasons"], "no-face");
    assert!(!only("real/broken.mp4")["error"].is_empty());
    let frames = rows(&out.path().join("frames.csv"));
    assert_eq!(frames["real/a.mp4"].len(), 30);
    for plot in ["roc.svg", "reliability.svg", "scores.svg"] {
        let plot = fs::read_to_string(out.path().join(plot)).expect("a plot");
        assert!(plot.starts_with("<svg") && plot.trim_end().ends_with("</svg>"));
    }

    let second = evaluate(folder.path(), out.path(), &[]);
    let again = text(&second.stdout);
    assert!(again.starts_with(&report), "the same figures: {again}");
    assert!(again.contains("3 scores were found"), "{again}");
}

#[test]
fn deepfakebench_scores_a_video_by_the_mean_of_32_frames_and_equals_the_service_in_the_tables() {
    let (folder, out) = (collection(), tempfile::tempdir().expect("a directory"));
    let list = folder.path().join("list.csv");
    fs::write(
        &list,
        "path,label,method,person\nreal/a.mp4,0,,p\nfake/swap/b.mp4,1,=swap,p\n",
    )
    .expect("a list");
    let output = evaluate(&list, out.path(), &["--protocol", "deepfakebench"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let videos = rows(&out.path().join("videos.csv"));
    let frames = rows(&out.path().join("frames.csv"));
    for table in [&videos, &frames] {
        let method = &table["fake/swap/b.mp4"][0]["method"];
        assert_eq!(method, "'=swap", "no spreadsheet runs what a list says");
    }
    for (name, of_video) in &frames {
        let numbers = of_video.iter().map(|row| &row["probability_fake"]);
        let numbers: Vec<f64> = numbers.map(|p| p.parse().expect("a number")).collect();
        assert_eq!(numbers.len(), 32, "{name}");
        let mean = numbers.iter().sum::<f64>() / 32.0;
        let stated: f64 = videos[name][0]["probability_fake"]
            .parse()
            .expect("a number");
        assert!((mean - stated).abs() < 1e-6, "{name}: {mean} and {stated}");
    }
    let metrics = fs::read(out.path().join("metrics.json")).expect("figures");
    let metrics: Value = serde_json::from_slice(&metrics).expect("JSON");
    assert_eq!(
        metrics["figures"]["models"][0]["video"]["auc"]["value"],
        1.0
    );
    assert_eq!(metrics["figures"]["groups"], 1);
    assert_eq!(metrics["about"]["protocol"], "deepfakebench");
    assert_eq!(metrics["about"]["models"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_source_that_says_nothing_about_truth_is_wrong_usage_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::copy(
        repository("videos/genuine.mp4"),
        folder.path().join("a.mp4"),
    )
    .expect("a copy");
    let out = folder.path().join("out");
    let output = evaluate(folder.path(), &out, &[]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("a.mp4") && stderr.contains("fake/METHOD"),
        "{stderr}"
    );
    assert!(!out.exists());
}
