//! `framewitness models pull` against a server that breaks off, ignores ranges and sends other bytes.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::thread;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::server::program;

/// What the server does with one request.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// Promises everything from where it was asked and closes after so many bytes of it.
    BreakOffAfter(usize),
    /// Sends what was asked for.
    Serve,
    /// Sends everything, whatever range was asked for.
    IgnoreRange,
    NotFound,
}

/// A server of one file that takes its turns in order and remembers where each request began.
struct FileServer {
    url: String,
    starts: Arc<Mutex<Vec<usize>>>,
}

impl FileServer {
    fn start(file: Vec<u8>, turns: Vec<Turn>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/file", listener.local_addr().expect("an address"));
        let starts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&starts);
        thread::spawn(move || {
            for (turn, stream) in turns.into_iter().zip(listener.incoming()) {
                let mut stream = stream.expect("a connection");
                let start = range_start(&stream);
                seen.lock().expect("the list").push(start.unwrap_or(0));
                // A client that has had enough may close early.
                let _ = answer(&mut stream, &file, start, turn);
            }
        });
        Self { url, starts }
    }

    fn starts(&self) -> Vec<usize> {
        self.starts.lock().expect("the list").clone()
    }
}

fn range_start(stream: &TcpStream) -> Option<usize> {
    let mut start = None;
    for line in BufReader::new(stream).lines() {
        let line = line.expect("a request").to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().ok();
        }
    }
    start
}

fn answer(
    stream: &mut TcpStream,
    file: &[u8],
    start: Option<usize>,
    turn: Turn,
) -> std::io::Result<()> {
    let start = match turn {
        Turn::NotFound => {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
        Turn::IgnoreRange => None,
        Turn::BreakOffAfter(_) | Turn::Serve => start,
    };
    let rest = &file[start.unwrap_or(0)..];
    let head = match start {
        None => "HTTP/1.1 200 OK\r\n".to_owned(),
        Some(start) => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{}\r\n",
            file.len() - 1,
            file.len()
        ),
    };
    let length = rest.len();
    write!(
        stream,
        "{head}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    let sent = match turn {
        Turn::BreakOffAfter(bytes) => &rest[..bytes],
        Turn::Serve | Turn::IgnoreRange | Turn::NotFound => rest,
    };
    stream.write_all(sent)
}

fn file() -> Vec<u8> {
    (0..300_000_u32)
        .map(|n| (n.wrapping_mul(n) >> 5) as u8)
        .collect()
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn pull(models: &Path, arguments: &[&str]) -> Output {
    let mut command = program();
    command.args(["models", "pull"]).args(arguments);
    command.arg("--models-dir").arg(models);
    command.output().expect("the program runs")
}

fn error(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Names in `downloads`.
fn downloads(models: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(models.path().join("downloads")).expect("a listing");
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut names: Vec<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_transfer_that_breaks_off_goes_on_from_there_and_the_file_is_whole() {
    let (models, file) = (tempfile::tempdir().expect("a directory"), file());
    let turns = vec![
        Turn::BreakOffAfter(100_000),
        Turn::BreakOffAfter(50_000),
        Turn::Serve,
    ];
    let server = FileServer::start(file.clone(), turns);
    let arguments = ["mine.pt", "--from", &server.url, "--sha256", &digest(&file)];
    let output = pull(models.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(server.starts(), [0, 100_000, 150_000]);
    let path = models.path().join("downloads/mine.pt");
    assert_eq!(fs::read(&path).expect("the file"), file);
    assert_eq!(downloads(&models), ["mine.pt"]);

    // It is there: nobody is asked again.
    let output = pull(models.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(server.starts().len(), 3);
}

#[test]
fn what_one_run_has_fetched_the_next_run_keeps() {
    let (models, file) = (tempfile::tempdir().expect("a directory"), file());
    // The second connection gives nothing more, so the run ends.
    let turns = vec![
        Turn::BreakOffAfter(100_000),
        Turn::BreakOffAfter(0),
        Turn::Serve,
    ];
    let server = FileServer::start(file.clone(), turns);
    let sha256 = digest(&file);
    let arguments = ["mine.pt", "--from", &server.url, "--sha256", &sha256];
    let message = error(&pull(models.path(), &arguments));
    assert!(
        message.contains("100000 bytes") && message.contains("again"),
        "{message}"
    );
    assert_eq!(downloads(&models), ["mine.pt.part"]);
    let output = pull(models.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(server.starts(), [0, 100_000, 100_000]);
    assert_eq!(downloads(&models), ["mine.pt"]);
}

#[test]
fn a_server_that_ignores_ranges_starts_the_file_over() {
    let (models, file) = (tempfile::tempdir().expect("a directory"), file());
    let turns = vec![Turn::BreakOffAfter(1000), Turn::IgnoreRange];
    let server = FileServer::start(file.clone(), turns);
    let arguments = ["mine.pt", "--from", &server.url, "--sha256", &digest(&file)];
    let output = pull(models.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let path = models.path().join("downloads/mine.pt");
    assert_eq!(fs::read(&path).expect("the file"), file);
}

#[test]
fn other_bytes_than_the_expected_ones_are_never_kept() {
    let (models, file) = (tempfile::tempdir().expect("a directory"), file());
    let mut changed = file.clone();
    changed[200_000] ^= 1;
    let server = FileServer::start(changed, vec![Turn::Serve]);
    let arguments = ["mine.pt", "--from", &server.url, "--sha256", &digest(&file)];
    let message = error(&pull(models.path(), &arguments));
    assert!(message.contains("not the expected file"), "{message}");
    assert_eq!(downloads(&models), Vec::<String>::new());
}

#[test]
fn a_public_checkpoint_keeps_its_digest_and_size_wherever_it_comes_from() {
    for (name, bytes) in [
        ("ufd-fc", vec![7; 4083]),
        ("ufd-fc", vec![7; 100_000]),
        ("d3-classifier", vec![7; 4083]),
    ] {
        let models = tempfile::tempdir().expect("a directory");
        let server = FileServer::start(bytes, vec![Turn::Serve]);
        let message = error(&pull(models.path(), &[name, "--from", &server.url]));
        assert!(message.contains(&server.url), "{message}");
        assert_eq!(downloads(&models), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_cannot_be_had_is_said_with_what_to_do_instead() {
    let models = tempfile::tempdir().expect("a directory");
    let server = FileServer::start(vec![], vec![Turn::NotFound]);
    let message = error(&pull(models.path(), &["ufd-fc", "--from", &server.url]));
    assert!(message.contains("404"), "{message}");
    // A port that nobody listens on.
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/file", closed.local_addr().expect("an address"));
    drop(closed);
    let message = error(&pull(models.path(), &["ufd-fc", "--from", &url]));
    assert!(message.contains("Without a network"), "{message}");
    let message = error(&pull(models.path(), &["no-such"]));
    assert!(message.contains("gend-clip-l14"), "{message}");
}
