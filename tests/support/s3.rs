//! A real server of the S3 protocol for one test, in this process: signatures are checked, objects
//! are files in a temporary folder, and it can be away and come back.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::sync::oneshot;

pub(crate) const ACCESS_KEY: &str = "examiner";
/// No answer, error or log line may contain it.
pub(crate) const SECRET_KEY: &str = "correct-horse-battery-staple";
pub(crate) const BUCKET: &str = "deepfake-results";

/// A running server; ended when dropped.
pub(crate) struct S3 {
    directory: TempDir,
    port: u16,
    running: Option<Running>,
    /// Its port while it is away, so that no connection of another test is given it.
    held: Option<OwnedFd>,
}

struct Running {
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl S3 {
    /// Starts a server with one empty bucket.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(directory.path().join(BUCKET)).expect("a bucket");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let mut server = Self {
            directory,
            port,
            running: None,
            held: None,
        };
        server.serve(listener);
        server
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Paths of the stored objects, without the bucket.
    pub(crate) fn objects(&self) -> Vec<PathBuf> {
        let bucket = self.directory.path().join(BUCKET);
        let mut found = Vec::new();
        collect_files(&bucket, &mut found);
        let relative = |path: &PathBuf| path.strip_prefix(&bucket).map(Path::to_path_buf);
        let mut objects: Vec<_> = found.iter().flat_map(relative).collect();
        objects.sort();
        objects
    }

    /// Goes away: open connections break, new ones are refused.
    pub(crate) fn stop(&mut self) {
        self.end();
        self.held = Some(hold(self.port));
    }

    fn end(&mut self) {
        if let Some(Running { end, thread }) = self.running.take() {
            // It may have ended by itself, which its thread's end then tells.
            let _ = end.send(());
            thread.join().expect("the S3 server ends in order");
        }
    }

    /// Comes back at the same address with what it had.
    pub(crate) fn start_again(&mut self) {
        let held = self.held.take().expect("a server that went away");
        listen(&held, 128).expect("its own port");
        self.serve(TcpListener::from(held));
    }

    fn serve(&mut self, listener: TcpListener) {
        let files = FileSystem::new(self.directory.path()).expect("a folder of buckets");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, service) => {}
                    _ = ended => {}
                }
            });
        });
        self.running = Some(Running { end, thread });
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.end();
    }
}

/// A socket that has `port` and refuses connections.
fn hold(port: u16) -> OwnedFd {
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    // Connections that were closed just now still have the port.
    sockopt::set_socket_reuseaddr(&held, true).expect("an own socket");
    bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).expect("its own port");
    held
}

async fn accept(listener: TcpListener, service: S3Service) {
    listener.set_nonblocking(true).expect("an own listener");
    let listener = tokio::net::TcpListener::from_std(listener).expect("an own listener");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let service = service.clone();
        tokio::spawn(async move {
            let connection = Builder::new(TokioExecutor::new());
            // A client that hangs up ends its connection, which is nobody's failure.
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn collect_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_files(&path, found);
        } else {
            found.push(path);
        }
    }
}
