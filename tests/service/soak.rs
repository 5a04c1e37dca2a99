//! Many requests in a row leave nothing behind.

use std::path::Path;

use futures_util::StreamExt;
use futures_util::stream;

use crate::extent;
use crate::films::film;
use crate::memory::resident_kib;
use crate::server::{Server, repository};

/// Requests before memory is measured, and after.
const WARM: usize = 6;
const MORE: (usize, usize) = (10, 54);
/// Growth over the rest that allocators, not leaks, explain. One leaked sample of the clip would be
/// 22 MB (8 frames), or 80 MB in the long run (30 frames).
const ALLOWED_GROWTH_KIB: u64 = 60 * 1024;

/// A 10 s 720p clip of the demo face.
fn clip() -> Vec<u8> {
    let genuine = repository("videos/genuine.mp4");
    let mut arguments = vec!["-stream_loop", "-1", "-i", genuine.to_str().expect("UTF-8")];
    arguments.extend(["-t", "10", "-vf", "scale=720:720,pad=1280:720:280:0"]);
    arguments.extend([
        "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
    ]);
    std::fs::read(film("clip.mp4", &arguments, &[&genuine])).expect("the clip")
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
async fn many_requests_four_at_a_time_leave_no_file_process_descriptor_or_memory() {
    let frames = extent::of("8", "30");
    let settings = [
        ("result_cache_entries", "0"),
        ("decode_threads", "2"),
        ("sample_frames", frames),
    ];
    let server = Server::start_with(&settings).await;
    let more = extent::of(MORE.0, MORE.1);
    let clip = clip();
    let batch =
        |count: usize| stream::iter(0..count).for_each_concurrent(4, |_| post(&server, &clip));

    batch(WARM).await;
    let (memory, open) = (resident_kib(server.pid()), descriptors(server.pid()));
    let workers = children(server.pid());
    batch(more).await;

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
    // Beside the analyses lies the folder for the files of jobs.
    let stored = stored.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let stored = stored.filter(|name| !name.starts_with('.') && name != "jobs");
    assert_eq!(stored.count(), WARM + more);
}
