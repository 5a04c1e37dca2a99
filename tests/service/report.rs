//! Reports of a real analysis, over HTTP, by the tools that people check them with, and by `replay`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::problem::expect_problem;
use crate::server::{Server, repository};

const CLIP: &str = "videos/manipulated.mp4";

/// A server with one analysis, and a folder for what it answers.
struct Case {
    server: Server,
    answer: Value,
    folder: TempDir,
}

impl Case {
    async fn new() -> Self {
        let server = Server::start().await;
        let answer = server.predict(CLIP).await;
        Self {
            server,
            answer,
            folder: tempfile::tempdir().expect("a directory"),
        }
    }

    /// Saves what an address in the answer leads to.
    async fn saved(&self, form: &str) -> PathBuf {
        let address = self.answer["reports"][form].as_str().expect("an address");
        let response = self.server.get(address).await;
        assert_eq!(response.status(), 200, "{address}");
        let path = self.folder.path().join(format!("report.{form}"));
        std::fs::write(&path, response.bytes().await.expect("a body")).expect("written");
        path
    }

    /// `framewitness replay` with the settings of the server.
    fn replay(&self, report: &Path, file: &Path, more: &[&str]) -> Output {
        let mut command = crate::server::program();
        command.arg("replay").args([report, file]).args(more);
        command.arg("--data-dir").arg(self.server.data_dir());
        for (name, value) in [("SAMPLE_FRAMES", "8"), ("FRAME_MODEL_FRAMES", "2")] {
            command.env(format!("FRAMEWITNESS_{name}"), value);
        }
        command.output().expect("the program runs")
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("text")
}

fn said(output: &Output) -> String {
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// The text of a PDF as `pdftotext` of poppler-utils reads it, without line ends and spaces.
fn text_of_pdf(path: &Path) -> String {
    let output = Command::new("pdftotext").arg(path).arg("-").output();
    let output = output.expect("this test runs pdftotext: `apt-get install poppler-utils`");
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).expect("text");
    text.split_whitespace().collect()
}

/// What every report must say, without spaces.
fn facts(answer: &Value) -> Vec<String> {
    let models = answer["models"].as_array().expect("models").iter();
    let digests = models.flat_map(|model| [&model["name"], &model["version"], &model["sha256"]]);
    let probability = answer["probability_fake"].as_f64().expect("a probability");
    let facts = [
        &answer["verdict"],
        &answer["sha256"],
        &answer["filename"],
        &answer["id"],
    ];
    (facts.into_iter().chain(digests))
        .map(|value| value.as_str().expect("text").to_owned())
        .chain([
            format!("{:.2}%", probability * 100.0),
            // Of models/bundle.toml.
            "291of414(70%)".into(),
            "0.929(0.904to0.953)".into(),
            "nonewprivileges,resourcelimits".into(),
        ])
        .collect()
}

#[tokio::test]
async fn page_pdf_and_table_say_what_the_answer_says() {
    let case = Case::new().await;
    let page = text(&case.saved("html").await);
    let compact: String = page.split_whitespace().collect();
    let pdf = text_of_pdf(&case.saved("pdf").await);
    for fact in facts(&case.answer) {
        assert!(compact.contains(&fact), "the page lacks {fact}");
        assert!(pdf.contains(&fact), "the PDF lacks {fact}: {pdf}");
    }
    assert_eq!(
        page.matches("<image ").count(),
        8,
        "four frames, four faces"
    );
    assert!(!page.contains("http://") && !page.contains("https://"));

    let address = case.answer["reports"]["html"].as_str().expect("text");
    let response = case.server.get(address).await;
    let header = |name: &str| response.headers()[name].to_str().expect("ASCII").to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("cache-control"), "private, no-store");
    assert_eq!(
        header("content-disposition"),
        "inline; filename=\"manipulated.report.html\""
    );
    assert!(header("content-security-policy").starts_with("default-src 'none'; img-src data:"));

    let table = text(&case.saved("csv").await);
    let mut table = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<_> = table.records().map(|row| row.expect("a row")).collect();
    let frames = case.answer["frames"].as_array().expect("frames");
    assert_eq!(rows.len(), frames.len());
    for (row, frame) in rows.iter().zip(frames) {
        assert_eq!(row[0], frame["frame_index"].to_string());
    }
}

#[tokio::test]
async fn openssl_accepts_the_statement_by_the_lines_that_the_report_gives() {
    let case = Case::new().await;
    let page = text(&case.saved("html").await);
    let blocks = page.split("<pre class=\"commands\">").skip(1);
    let blocks = blocks.map(|block| block.split_once("</pre>").expect("an end").0);
    let lines = blocks
        .last()
        .expect("commands")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let lines = lines.replace("SERVICE", &case.server.url(""));
    let output = Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", &lines])
        .current_dir(case.folder.path())
        .output()
        .expect("bash runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let (verdict, claims) = stdout.split_once('\n').expect("two lines");
    assert_eq!(verdict, "Verified OK", "{lines}\n{}", said(&output));
    let claims: Value = serde_json::from_str(claims).expect("the signed JSON");
    assert_eq!(claims["file"]["sha256"], case.answer["sha256"]);
    assert_eq!(claims["file"]["filename"], case.answer["filename"]);
    assert_eq!(claims["analysis_id"], case.answer["id"]);
    assert_eq!(claims["verdict"], case.answer["verdict"]);
    assert_eq!(claims["frames"], case.answer["frames_csv_indices"]);
    assert_eq!(claims["conditions"]["sample_frames"], 8);
    let stated = claims["probability_fake"].as_f64().expect("a number");
    let answered = case.answer["probability_fake"].as_f64().expect("a number");
    assert!((stated - answered).abs() < 1e-6);
    let models = claims["models"].as_array().expect("models");
    for (stated, answered) in models
        .iter()
        .zip(case.answer["models"].as_array().expect("models"))
    {
        assert_eq!(stated["sha256"], answered["sha256"]);
        assert_eq!(
            stated["foundation_sha256"],
            answered["foundation"]["sha256"]
        );
    }
}

#[tokio::test]
async fn a_verdict_comes_out_again_of_its_file_and_of_no_other() {
    let case = Case::new().await;
    let (page, pdf) = (case.saved("html").await, case.saved("pdf").await);
    let statement = case.saved("statement").await;
    let clip = repository(CLIP);

    let same = case.replay(&page, &clip, &[]);
    assert_eq!(same.status.code(), Some(0), "{}", said(&same));
    assert!(
        said(&same).ends_with("the same verdict comes out\n"),
        "{}",
        said(&same)
    );

    let pem = case.folder.path().join("public.pem");
    let key = case.server.get("/integrity/public-key?format=pem").await;
    std::fs::write(&pem, key.bytes().await.expect("a key")).expect("written");
    let with_key = ["--key", pem.to_str().expect("UTF-8")];
    let same = case.replay(&pdf, &clip, &with_key);
    assert_eq!(same.status.code(), Some(0), "{}", said(&same));

    let other = case.replay(&statement, &repository("videos/genuine.mp4"), &[]);
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));
    assert!(said(&other).contains("(other-file)"), "{}", said(&other));

    let changed = case.folder.path().join("changed.html");
    std::fs::write(&changed, changed_statement(&text(&page))).expect("written");
    let refused = case.replay(&changed, &clip, &with_key);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(
        said(&refused).contains("(statement-bad-signature)"),
        "{}",
        said(&refused)
    );

    let none = case.replay(&repository("README.md"), &clip, &[]);
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));
    assert!(said(&none).contains("(no-statement)"), "{}", said(&none));
}

/// The page with another verdict in its statement, under the old signature.
fn changed_statement(page: &str) -> String {
    let opening = "id=\"statement\">";
    let (before, rest) = page.split_once(opening).expect("the statement");
    let (token, after) = rest.split_once("</script>").expect("its end");
    let parts: Vec<&str> = token.split('.').collect();
    let mut payload: Vec<u8> = parts[1].bytes().collect();
    let place = 40;
    payload[place] = if payload[place] == b'Q' { b'R' } else { b'Q' };
    let payload = String::from_utf8(payload).expect("ASCII");
    let (head, signature) = (parts[0], parts[2]);
    format!("{before}{opening}{head}.{payload}.{signature}</script>{after}")
}

#[tokio::test]
async fn other_settings_are_named_and_another_key_is_refused() {
    let case = Case::new().await;
    let statement = case.saved("statement").await;
    let mut command = crate::server::program();
    command.arg("replay").arg(&statement).arg(repository(CLIP));
    command.arg("--data-dir").arg(case.server.data_dir());
    command.env("FRAMEWITNESS_SAMPLE_FRAMES", "9");
    let output = command.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("sample_frames: 8 there, 9 here"),
        "{}",
        said(&output)
    );
    assert!(
        said(&output).contains("frame_model_frames: 2 there, 8 here"),
        "{}",
        said(&output)
    );

    let elsewhere = tempfile::tempdir().expect("a directory");
    let mut command = crate::server::program();
    command.arg("replay").arg(&statement).arg(repository(CLIP));
    command.arg("--data-dir").arg(elsewhere.path());
    let output = command.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("(no-keys)"), "{}", said(&output));
    assert!(!elsewhere.path().join("keys").exists(), "no key is made");
}

#[tokio::test]
async fn pictures_that_are_gone_are_said_to_be_and_unknown_names_are_not_found() {
    let case = Case::new().await;
    for picture in case.server.home().pictures() {
        std::fs::remove_file(picture).expect("removed");
    }
    let page = text(&case.saved("html").await);
    assert!(!page.contains("<image "), "every picture is gone");
    assert!(page.contains("in the store any more."));
    assert!(text_of_pdf(&case.saved("pdf").await).contains("inthestoreanymore."));

    let nobody = "/api/v1/predictions/0197a1b2-5b4e-7c3a-9f00-1d2e3f405162";
    for form in ["report.html", "report.pdf", "report.csv", "statement"] {
        let address = format!("{nobody}/{form}");
        let response = case.server.get(&address).await;
        let route = "/api/v1/predictions/{id}/".to_owned() + form;
        expect_problem(
            &case.server,
            (Method::GET, &route),
            response,
            (404, "not-found"),
        )
        .await;
    }
}

#[tokio::test]
async fn a_video_has_a_film_of_what_was_analysed_and_a_picture_has_none() {
    let case = Case::new().await;
    let film = case.saved("annotated_film").await;
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-of", "csv=p=0"])
        .args([
            "-show_entries",
            "stream=codec_name,width,nb_read_packets:format=duration",
        ])
        .arg(&film)
        .output()
        .expect("this test runs ffprobe: `apt-get install ffmpeg`");
    assert!(output.status.success(), "{}", said(&output));
    let facts = String::from_utf8_lossy(&output.stdout).into_owned();
    let facts: Vec<&str> = facts.split(['\n', ',']).filter(|f| !f.is_empty()).collect();
    // Eight pictures, and the last one once more at the end.
    assert_eq!(facts[..3], ["h264", "640", "9"], "{facts:?}");
    let seconds: f64 = facts[3].parse().expect("a duration");
    let stated = case.answer["metadata"]["duration"].as_str().expect("text");
    let stated: f64 = stated.parse().expect("seconds");
    assert!((seconds - stated).abs() < 0.1, "{seconds} for {stated}");

    let face = crate::picture::face();
    let still = (case.server).post_bytes("/predict?format=framewitness", "face.jpg", face);
    let still = still.await;
    let still: Value = still.json().await.expect("JSON");
    assert!(still["reports"]["annotated_film"].is_null(), "{still}");
    let id = still["id"].as_str().expect("an id");
    let address = format!("/api/v1/predictions/{id}/annotated.mp4");
    let none = case.server.get(&address).await;
    assert_eq!(none.status(), 404);
}
