//! Requests of the protocol, as a client makes them.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Body, Error, Method, RequestBuilder, Response};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::held_upload::{files_below, uploads_in_progress};
use crate::server::{Server, repository};

pub(super) const UPLOADS: &str = "/api/v1/uploads";
const BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");

/// A file with a face.
pub(super) fn clip() -> Vec<u8> {
    std::fs::read(repository("videos/manipulated.mp4")).expect("a clip")
}

/// Files of uploads that are not whole.
pub(super) fn partial_files(server: &Server) -> Vec<PathBuf> {
    files_below(&server.data_dir().join("resumable"))
}

/// A request in the version that is spoken.
pub(super) fn tus(server: &Server, method: Method, path: &str) -> RequestBuilder {
    let request = server.client().request(method, server.url(path));
    request.header("tus-resumable", "1.0.0")
}

/// A request that begins an upload.
pub(super) fn begin(server: &Server, length: usize) -> RequestBuilder {
    tus(server, Method::POST, UPLOADS).header("upload-length", length)
}

/// The path of an upload that was begun.
pub(super) async fn begun(server: &Server, length: usize) -> String {
    let created = begin(server, length).send().await.expect("an answer");
    assert_eq!(created.status(), 201);
    let place = created.headers()["location"].to_str();
    place.expect("ASCII").to_owned()
}

/// Sends bytes.
pub(super) async fn patch(server: &Server, path: &str, offset: u64, bytes: &[u8]) -> Response {
    let request = tus(server, Method::PATCH, path).header("upload-offset", offset);
    let request = request.header(BYTES.0, BYTES.1).body(bytes.to_vec());
    request.send().await.expect("an answer")
}

/// Asks how far an upload is.
pub(super) async fn head(server: &Server, path: &str) -> Response {
    let request = tus(server, Method::HEAD, path);
    request.send().await.expect("an answer")
}

/// A PATCH that has sent some of its bytes, and does not say how many there will be.
pub(super) struct HeldPatch {
    rest: mpsc::Sender<Vec<u8>>,
    answer: JoinHandle<Result<Response, Error>>,
}

impl HeldPatch {
    /// Sends `bytes` and returns once the service has written them.
    pub(super) async fn begin(server: &Server, path: &str, offset: u64, bytes: &[u8]) -> Self {
        let before = uploads_in_progress(server).await;
        let (rest, chunks) = mpsc::channel(2);
        rest.send(bytes.to_vec())
            .await
            .expect("room for two chunks");
        let chunks = futures_util::stream::unfold(chunks, |mut chunks| async {
            let chunk: Vec<u8> = chunks.recv().await?;
            Some((Ok::<_, std::io::Error>(chunk), chunks))
        });
        let request = tus(server, Method::PATCH, path).header("upload-offset", offset);
        let request = request.header(BYTES.0, BYTES.1);
        let request = request.body(Body::wrap_stream(chunks));
        let held = Self {
            rest,
            answer: tokio::spawn(request.send()),
        };
        while uploads_in_progress(server).await == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let id = path.rsplit('/').next().expect("a name");
        let file = server.data_dir().join("resumable").join(id).join("bytes");
        let end = offset + bytes.len() as u64;
        while std::fs::metadata(&file).expect("the upload").len() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        held
    }

    /// Sends more and waits for the answer.
    pub(super) async fn finish(self, bytes: &[u8]) -> Response {
        // The service may have hung up already; the answer tells.
        let _ = self.rest.send(bytes.to_vec()).await;
        drop(self.rest);
        let answered = self.answer.await.expect("the request does not panic");
        answered.expect("an answer")
    }

    /// Waits for an answer without sending more.
    pub(super) async fn answer(self) -> Response {
        let answered = self.answer.await.expect("the request does not panic");
        answered.expect("an answer")
    }

    /// Breaks the connection.
    pub(super) async fn abandon(self) {
        self.answer.abort();
        let _ = self.answer.await;
    }
}
