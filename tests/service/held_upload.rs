//! An upload that a test holds in the middle.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Body, Error, Response};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::server::Server;

/// A request of which half the file is sent. The connection breaks when it is dropped.
pub(crate) struct HeldUpload {
    rest: mpsc::Sender<Vec<u8>>,
    second_half: Vec<u8>,
    answer: JoinHandle<Result<Response, Error>>,
}

impl HeldUpload {
    /// Sends the first half of `file` to `path` and returns once the service has begun to read it.
    pub(crate) async fn begin(server: &Server, path: &str, file: &Path) -> Self {
        Self::begin_from(server, (path, "127.0.0.1"), file).await
    }

    /// The same as a proxy would pass it on for a client at `address`.
    pub(crate) async fn begin_from(
        server: &Server,
        (path, address): (&str, &str),
        file: &Path,
    ) -> Self {
        let before = uploads_in_progress(server).await;
        let mut first_half = std::fs::read(file).expect("a readable file");
        let second_half = first_half.split_off(first_half.len() / 2);
        let (rest, chunks) = mpsc::channel(2);
        rest.send(first_half).await.expect("room for two chunks");
        let chunks = futures_util::stream::unfold(chunks, |mut chunks| async {
            let chunk: Vec<u8> = chunks.recv().await?;
            Some((Ok::<_, std::io::Error>(chunk), chunks))
        });
        let part = Part::stream(Body::wrap_stream(chunks)).file_name("held.mp4");
        let request = server.client().post(server.url(path));
        let request = request.header("x-forwarded-for", address);
        let request = request.multipart(Form::new().part("file", part));
        let held = Self {
            rest,
            second_half,
            answer: tokio::spawn(request.send()),
        };
        while uploads_in_progress(server).await == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        held
    }

    /// Sends the second half and waits for the answer.
    pub(crate) async fn finish(self) -> Result<Response, Error> {
        // The service may have hung up already; the answer tells.
        let _ = self.rest.send(self.second_half).await;
        drop(self.rest);
        self.answer.await.expect("the request does not panic")
    }

    /// Waits for an answer without sending more.
    pub(crate) async fn answer(self) -> Result<Response, Error> {
        self.answer.await.expect("the request does not panic")
    }

    /// Breaks the connection.
    pub(crate) async fn abandon(self) {
        self.answer.abort();
        let _ = self.answer.await;
    }
}

impl HeldUpload {
    /// Sends the second half and breaks the connection in the middle of the analysis.
    pub(crate) async fn abandon_after_the_rest(self, server: &Server) {
        let _ = self.rest.send(self.second_half).await;
        drop(self.rest);
        until_analysing(server, 1).await;
        self.answer.abort();
        let _ = self.answer.await;
    }
}

/// Uploads under way, as `/health` tells.
pub(crate) async fn uploads_in_progress(server: &Server) -> u64 {
    let health: serde_json::Value = (server.get("/health").await.json().await).expect("JSON");
    health["uploads_in_progress"].as_u64().expect("a number")
}

/// Waits until so many analyses are at work or wait for their turn.
pub(crate) async fn until_analysing(server: &Server, count: u64) {
    let started = Instant::now();
    loop {
        let health: serde_json::Value = server.get("/health").await.json().await.expect("JSON");
        let analyses = health["analyses_in_progress"].as_u64();
        if analyses.expect("a number") >= count {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{health}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Files of unfinished uploads and unfinished artifacts.
pub(crate) fn leftovers(server: &Server) -> Vec<std::path::PathBuf> {
    let data = server.data_dir();
    let mut files = files_below(&data.join("uploads"));
    files.extend(files_below(&data.join("artifacts/.incoming")));
    files
}

/// Every file under `folder`, which need not exist.
pub(crate) fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
