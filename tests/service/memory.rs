//! The memory of a service and its decode workers, as the system counts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::isolation::workers;

const WATCH_EVERY: Duration = Duration::from_millis(20);

/// Memory of a process that is in use now; 0 when it is gone.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    status_kib(pid, "VmRSS:")
}

/// Memory that a process has mapped, used or not; 0 when it is gone.
pub(crate) fn mapped_kib(pid: u32) -> u64 {
    status_kib(pid, "VmSize:")
}

fn status_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Looks at the memory of a service and its workers now and then; ends when dropped.
pub(crate) struct Watch {
    peak_kib: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Watch {
    pub(crate) fn start(pid: u32) -> Self {
        let watch = Self {
            peak_kib: Arc::default(),
            over: Arc::default(),
        };
        let (peak, over) = (Arc::clone(&watch.peak_kib), Arc::clone(&watch.over));
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let of_workers: u64 = workers(pid).into_iter().map(resident_kib).sum();
                peak.fetch_max(of_workers + resident_kib(pid), Ordering::Relaxed);
                std::thread::sleep(WATCH_EVERY);
            }
        });
        watch
    }

    pub(crate) fn peak_kib(&self) -> u64 {
        self.peak_kib.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
