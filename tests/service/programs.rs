//! The two programs: what each carries, and what they are started with.

use std::fs;
use std::process::Command;

use crate::home::Home;
use crate::isolation::workers;
use crate::server::{Server, program};

fn environment(pid: u32) -> Vec<String> {
    let read = fs::read(format!("/proc/{pid}/environ")).expect("a process of ours");
    let text = String::from_utf8_lossy(&read).into_owned();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[tokio::test]
async fn a_worker_is_a_program_of_its_own_that_carries_no_libtorch() {
    let server = Server::shared().await;
    let holds = |pid: u32, library: &str| {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"));
        maps.expect("a process of ours").contains(library)
    };
    assert!(holds(server.pid(), "/libtorch_cpu.so"));
    let workers = workers(server.pid());
    assert!(!workers.is_empty());
    for pid in workers {
        let program = fs::read_link(format!("/proc/{pid}/exe")).expect("a process of ours");
        assert!(program.ends_with("framewitness-decode"), "{program:?}");
        assert!(holds(pid, "/libonnxruntime.so.1"));
        assert!(!holds(pid, "/libtorch_cpu.so"));
    }
}

#[tokio::test]
async fn libraries_are_told_how_to_wait_and_keep_memory_unless_somebody_chose_it() {
    let told = environment(Server::shared().await.pid());
    for variable in [
        "OMP_WAIT_POLICY=passive",
        "MALLOC_MMAP_THRESHOLD_=4294967296",
        "MALLOC_TRIM_THRESHOLD_=17179869184",
    ] {
        assert!(told.iter().any(|told| told == variable), "{told:?}");
    }
    // So many that there is no room for them before the libraries are ready.
    let many = (0..3000).map(|n| format!("MANY_{n}=x"));
    let mut through = Command::new("env");
    through.arg("OMP_WAIT_POLICY=active").args(many);
    let server = Server::start_through(through, Home::new(), &[]).await;
    let told = environment(server.pid());
    let count = |start: &str| told.iter().filter(|told| told.starts_with(start)).count();
    assert_eq!(count("OMP_WAIT_POLICY=active"), 1);
    assert_eq!(count("OMP_WAIT_POLICY="), 1);
    assert_eq!(count("MALLOC_MMAP_THRESHOLD_=4294967296"), 1);
    assert_eq!(count("MANY_"), 3000);
}

#[test]
fn without_onnx_runtime_the_start_says_what_is_missing_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("libonnxruntime.so.1"), "no library").expect("a folder of ours");
    let output = program()
        .env("LD_LIBRARY_PATH", folder.path())
        .args(["serve", "--bind", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path().join("data"))
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in ["ONNX Runtime (libonnxruntime.so.1)", "scripts/setup.sh"] {
        assert!(said.contains(words), "no {words:?} in: {said}");
    }
}
