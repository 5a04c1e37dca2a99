//! A worker that sends anything at all.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const LIMIT: u32 = 1 << 16;

fn pair() -> (Channel, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Channel::new(ours), theirs)
}

#[test]
fn a_message_arrives_with_its_descriptors() {
    let (mut parent, theirs) = pair();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "held").unwrap();
    let open = File::open(file.path()).unwrap();
    parent.send(&"look", &[open.as_fd()]).unwrap();
    let mut worker = Channel::new(theirs);
    let (message, [descriptor]): (String, _) = worker.receive_with_descriptors(LIMIT).unwrap();
    let mut text = String::new();
    File::from(descriptor).read_to_string(&mut text).unwrap();
    assert_eq!((message.as_str(), text.as_str()), ("look", "held"));

    worker.send(&7, &[]).unwrap();
    assert_eq!(parent.receive::<u32>(LIMIT, &|| false).unwrap(), 7);
}

#[test]
fn a_message_without_its_descriptors_is_refused() {
    let (mut parent, theirs) = pair();
    parent.send(&"look", &[]).unwrap();
    let received = Channel::new(theirs).receive_with_descriptors::<String, 2>(LIMIT);
    assert!(matches!(received, Err(IsolationError::Descriptors(0))));
}

#[test]
fn descriptors_from_a_worker_are_closed() {
    let open_files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let (mut parent, theirs) = pair();
    let mut worker = Channel::new(theirs);
    let before = open_files();
    let null = File::open("/dev/null").unwrap();
    worker.send(&1, &[null.as_fd(); 3]).unwrap();
    drop(null);
    assert_eq!(parent.receive::<u32>(LIMIT, &|| false).unwrap(), 1);
    // Other tests open and close files at the same time, if they share this process.
    assert!(open_files() <= before + 2);
}

#[test]
fn a_huge_length_is_refused_before_anything_is_allocated() {
    let (mut parent, mut worker) = pair();
    worker.write_all(&u32::MAX.to_le_bytes()).unwrap();
    let received = parent.receive::<u32>(LIMIT, &|| false);
    assert!(
        matches!(received, Err(IsolationError::TooLong { bytes, .. }) if bytes == u64::from(u32::MAX))
    );
}

#[test]
fn a_silent_worker_is_given_up_and_one_that_drips_too() {
    let (mut parent, mut worker) = pair();
    let started = Instant::now();
    let late = || started.elapsed() > Duration::from_millis(100);
    let silent = parent.receive::<u32>(LIMIT, &late);
    assert!(matches!(silent, Err(IsolationError::GivenUp)));

    worker.write_all(&1000_u32.to_le_bytes()).unwrap();
    let dripping = std::thread::spawn(move || {
        while worker.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let received = parent.receive::<u32>(LIMIT, &late);
    assert!(matches!(received, Err(IsolationError::GivenUp)));
    drop(parent);
    dripping.join().unwrap();
}

#[test]
fn a_worker_that_is_gone_is_said_so() {
    let (mut parent, worker) = pair();
    drop(worker);
    assert!(matches!(
        parent.receive::<u32>(LIMIT, &|| false),
        Err(IsolationError::Ended(None))
    ));
    assert!(matches!(
        parent.send(&1, &[]),
        Err(IsolationError::Channel(_))
    ));
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (mut parent, mut worker) = pair();
        worker.write_all(&bytes).unwrap();
        drop(worker);
        let _ = parent.receive::<serde_json::Value>(LIMIT, &|| false);
    }

    #[test]
    fn any_body_of_the_announced_length_is_a_message_or_an_error(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (mut parent, mut worker) = pair();
        worker.write_all(&(body.len() as u32).to_le_bytes()).unwrap();
        worker.write_all(&body).unwrap();
        let received = parent.receive::<Vec<Span>>(LIMIT, &|| false);
        prop_assert!(!matches!(received, Err(IsolationError::GivenUp | IsolationError::Ended(_))));
    }
}
