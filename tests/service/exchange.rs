//! Exchanges as the documents of earlier services show them: sent by curl, read field by field.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::Server;

/// Pictures and other files to send; gone when dropped.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    /// A frame of each demo clip, and files that are no pictures.
    pub(crate) fn new() -> Self {
        let files = Self {
            folder: tempfile::tempdir().expect("a temporary directory"),
        };
        files.take_frame("videos/genuine.mp4", "genuine.jpg");
        files.take_frame("videos/manipulated.mp4", "manipulated.jpg");
        files.take_frame("videos/no-face.mp4", "no-face.jpg");
        let write = |name, text: &str| std::fs::write(files.path(name), text).expect("a file");
        write("empty.jpg", "");
        write("text.jpg", "this is no picture, whatever its name says\n");
        files
    }

    fn take_frame(&self, video: &str, name: &str) {
        std::fs::copy(crate::picture::frame_of(video), self.path(name)).expect("a copy");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A form field of curl that sends the file `name`, as `file=@image.jpg` does.
    pub(crate) fn field(&self, field: &str, name: &str) -> String {
        format!("{field}=@{}", self.path(name).display())
    }
}

/// Runs curl with form fields; its answer is a status and JSON.
pub(crate) async fn post(server: &Server, path: &str, fields: &[String]) -> (u16, Value) {
    let mut command = vec!["-X".to_owned(), "POST".to_owned()];
    command.extend(fields.iter().flat_map(|f| ["-F".to_owned(), f.clone()]));
    curl(server, path, command).await
}

/// Runs `curl URL`.
pub(crate) async fn get(server: &Server, path: &str) -> (u16, Value) {
    curl(server, path, Vec::new()).await
}

async fn curl(server: &Server, path: &str, arguments: Vec<String>) -> (u16, Value) {
    let url = server.url(path);
    let output = tokio::task::spawn_blocking(move || {
        Command::new("curl")
            .args(["-sS", "-w", "\n%{http_code}"])
            .args(arguments)
            .arg(url)
            .stderr(Stdio::inherit())
            .output()
    });
    let output = output.await.expect("curl ran");
    let output = output.expect("curl is installed (scripts/setup.sh --test)");
    let text = String::from_utf8(output.stdout).expect("text");
    let (body, status) = text.rsplit_once('\n').expect("a status");
    let body = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}"));
    (status.parse().expect("a status"), body)
}

/// What a documented field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holds {
    True,
    Bool,
    Text,
    /// RFC 3339, UTC.
    Time,
    /// 0 to 1.
    Fraction,
    /// 0.5 to 1.
    Majority,
    /// 0 to 100.
    Percent,
    /// More than none and less than a minute.
    Seconds,
    Count,
    /// FAKE or REAL.
    Label,
    List,
    Object,
}

/// Asserts that `value` has every one of `fields`, each of its kind and in its range.
pub(crate) fn expect_fields(value: &Value, fields: &[(&str, Holds)]) {
    for (name, holds) in fields {
        let field = &value[name];
        let within =
            |low: f64, high: f64| field.as_f64().is_some_and(|n| (low..=high).contains(&n));
        let fits = match holds {
            Holds::True => *field == true,
            Holds::Bool => field.is_boolean(),
            Holds::Text => field.as_str().is_some_and(|text| !text.is_empty()),
            Holds::Time => is_time(field),
            Holds::Fraction => within(0.0, 1.0),
            Holds::Majority => within(0.5, 1.0),
            Holds::Percent => within(0.0, 100.0),
            Holds::Seconds => within(0.0, 60.0) && field.as_f64() > Some(0.0),
            Holds::Count => field.is_u64(),
            Holds::Label => *field == "FAKE" || *field == "REAL",
            Holds::List => field.is_array(),
            Holds::Object => field.is_object(),
        };
        assert!(fits, "{name} should be {holds:?}: {value:#}");
    }
}

fn is_time(field: &Value) -> bool {
    let text = field.as_str().unwrap_or_default();
    let parsed = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
    text.ends_with('Z') && parsed.is_ok()
}

/// Whether two numbers are the same but for rounding.
pub(crate) fn near(a: &Value, b: f64) -> bool {
    a.as_f64().is_some_and(|a| (a - b).abs() < 1e-5)
}

/// Asserts an error in the shape of the D3 services.
pub(crate) fn expect_failure((status, body): &(u16, Value), expected: u16, code: &str) {
    assert_eq!((*status, &body["code"]), (expected, &code.into()), "{body}");
    assert_eq!(body["success"], false, "{body}");
    expect_fields(body, &[("error", Holds::Text), ("request_id", Holds::Text)]);
}

/// Where a link of an answer leads, as the path of a server's own route.
pub(crate) async fn expect_jpeg(server: &Server, url: &Value) {
    let url = url.as_str().expect("a link");
    let url = if url.starts_with('/') {
        server.url(url)
    } else {
        url.to_owned()
    };
    let response = server.client().get(url).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let bytes = response.bytes().await.expect("a picture");
    assert!(bytes.starts_with(&[0xff, 0xd8]), "no JPEG");
}

/// The memory of a process that is in use now, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let path = Path::new("/proc").join(pid.to_string()).join("status");
    let status = std::fs::read_to_string(path).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes
        .and_then(|k| k.parse::<u64>().ok())
        .expect("VmRSS")
        * 1024
}
