//! Many requests in a row leave nothing behind.

use std::path::Path;
use std::process::Command;

use futures_util::StreamExt;
use futures_util::stream;

use crate::memory::resident_kib;
use crate::server::{Server, repository};

/// Growth between the 10th and the 60th request that allocators, not leaks, explain. One leaked
/// sample of the clip would be 80 MB.
const ALLOWED_GROWTH_KIB: u64 = 60 * 1024;

/// A 10 s 720p clip of the demo face, made on the spot.
fn clip(directory: &Path) -> Vec<u8> {
    let path = directory.join("clip.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-stream_loop", "-1", "-i"])
        .arg(repository("videos/genuine.mp4"))
        .args([
            "-t",
            "10",
            "-vf",
            "scale=720:720,pad=1280:720:280:0",
            "-c:v",
            "libx264",
        ])
        .args(["-preset", "veryfast", "-pix_fmt", "yuv420p"])
        .arg(&path)
        .status()
        .expect("ffmpeg is needed: run scripts/setup.sh --test");
    assert!(made.success(), "ffmpeg makes the clip");
    std::fs::read(path).expect("the clip")
}

fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

fn children(pid: u32) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
        .expect("a live server")
        .flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .map(|children| children.split_whitespace().count())
        .sum()
}

fn files_under(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_under(&entry.path()),
            Ok(_) | Err(_) => usize::from(entry.file_name() != "lock"),
        })
        .sum()
}

async fn post(server: &Server, clip: &[u8]) {
    let response = server
        .post_bytes("/predict", "clip.mp4", clip.to_vec())
        .await;
    assert_eq!(
        response.status(),
        200,
        "{}",
        response.text().await.unwrap_or_default()
    );
}

#[tokio::test]
async fn sixty_requests_four_at_a_time_leave_no_file_process_descriptor_or_memory() {
    let server = Server::start_with(&[("result_cache_entries", "0")]).await;
    let scratch = tempfile::tempdir().expect("a directory");
    let clip = clip(scratch.path());
    let batch =
        |count: usize| stream::iter(0..count).for_each_concurrent(4, |_| post(&server, &clip));

    batch(10).await;
    let (memory, open) = (resident_kib(server.pid()), descriptors(server.pid()));
    let workers = children(server.pid());
    batch(50).await;

    let grown = resident_kib(server.pid()).saturating_sub(memory);
    assert!(
        grown < ALLOWED_GROWTH_KIB,
        "{memory} KiB grew by {grown} KiB"
    );
    // A kept-alive connection more or less of our own client is no leak.
    let now = descriptors(server.pid());
    assert!(now <= open + 4, "{open} descriptors became {now}");
    // The decode workers, of which no more stay than there are threads for them.
    assert_eq!(children(server.pid()), workers);
    assert_eq!(files_under(&server.data_dir().join("uploads")), 0);
    let stored = std::fs::read_dir(server.data_dir().join("artifacts"))
        .expect("artifacts")
        .flatten();
    let stored = stored.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(stored.count(), 60);
}
