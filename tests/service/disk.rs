//! A disk that fills up, and folders that turn read-only, under a running service.
//!
//! To be filled, the service gets a small disk of its own: a tmpfs in a mount namespace that ends with it.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::extent;
use crate::held_upload::files_below;
use crate::home::{Backend, Home};
use crate::isolation::until;
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const PREDICT: (Method, &str) = (Method::POST, "/predict");
const CLIP: &str = "videos/genuine.mp4";
const DISK_KIB: u64 = 32 * 1024;

/// A server on a disk of its own.
struct OnDisk {
    server: Server,
    /// Where the disk is from outside of its namespace.
    disk: PathBuf,
}

impl OnDisk {
    async fn start() -> Self {
        let home = Home::untouched();
        let data = home.directory.path().join("data");
        fs::create_dir(&data).expect("a directory");
        let wrapper = home.directory.path().join("on-disk.sh");
        let script = format!(
            "#!/bin/sh\nset -e\nmount -t tmpfs -o size={DISK_KIB}k,mode=700 tmpfs '{}'\nexec \"$@\"\n",
            data.display()
        );
        fs::write(&wrapper, script).expect("a script");
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o700)).expect("a script");
        let mut through = namespace();
        through.arg(&wrapper);
        let settings = [
            ("min_free_disk_bytes", "0"),
            ("result_cache_entries", "0"),
            ("sample_frames", "6"),
        ];
        let server = Server::start_through(through, home, &settings).await;
        let inside = data.strip_prefix("/").expect("an absolute path");
        let disk = Path::new("/proc").join(server.pid().to_string());
        let disk = disk.join("root").join(inside);
        Self { server, disk }
    }

    /// Fills the disk until so many KiB are free.
    fn leave_free(&self, kib: u64) {
        let filler = fs::File::create(self.disk.join("filler")).expect("a file");
        let mut zeros = std::io::repeat(0).take(DISK_KIB * 2048);
        let full = std::io::copy(&mut zeros, &mut &filler).map_err(|error| error.kind());
        assert_eq!(full, Err(ErrorKind::StorageFull));
        let bytes = filler.metadata().expect("a file").len();
        filler
            .set_len(bytes.saturating_sub(kib * 1024))
            .expect("a shorter file");
    }

    fn make_room(&self) {
        fs::remove_file(self.disk.join("filler")).expect("the disk was filled");
    }

    fn uploads(&self) -> Vec<PathBuf> {
        let mut files = files_below(&self.disk.join("uploads"));
        files.retain(|path| path.file_name().is_some_and(|name| name != "lock"));
        files
    }

    /// What the pictures take on the disk, in whole pages.
    fn pictures_kib(&self) -> u64 {
        let pictures = files_below(&self.disk.join("artifacts"));
        let sizes = pictures.iter().filter_map(|path| fs::metadata(path).ok());
        sizes.map(|of| of.len().div_ceil(4096) * 4).sum()
    }

    fn pictures(&self) -> usize {
        files_below(&self.disk.join("artifacts")).len()
    }
}

async fn recorded(server: &Server) -> usize {
    let recent = server.get("/api/v1/predictions/recent?limit=100").await;
    assert_eq!(recent.status(), 200);
    let recent: Value = recent.json().await.expect("JSON");
    recent["predictions"].as_array().map_or(0, Vec::len)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout == b"0\n"
}

/// A command that goes on in a mount namespace of its own.
fn namespace() -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let allowed = Command::new("unshare")
        .args(command.get_args())
        .arg("true")
        .status();
    assert!(
        allowed.is_ok_and(|status| status.success()),
        "this test needs mount namespaces: run it as root, or set kernel.unprivileged_userns_clone=1"
    );
    command
}

#[tokio::test]
async fn wherever_the_disk_gets_full_the_answer_is_507_and_nothing_half_kept_stays() {
    let on_disk = OnDisk::start().await;
    let server = &on_disk.server;
    server.predict(CLIP).await;
    let pictures_each = on_disk.pictures();
    let pictures_kib = on_disk.pictures_kib();
    let mut answered = 1;
    let in_the_upload_or_the_pictures = [0, 64, 152, 300, pictures_kib];
    let around_the_record = (pictures_kib + 100..pictures_kib + 340).step_by(extent::of(30, 12));
    for free_kib in in_the_upload_or_the_pictures
        .into_iter()
        .chain(around_the_record)
    {
        on_disk.leave_free(free_kib);
        let response = server.post_file("/predict", &repository(CLIP)).await;
        if response.status() == 200 {
            answered += 1;
        } else {
            expect_problem(server, PREDICT, response, (507, "storage-full")).await;
        }
        let health = server.get("/health").await;
        let is_well = health.status() == 200;
        assert!(
            is_well,
            "{free_kib} KiB free: {}\n{}",
            health.text().await.expect("text"),
            server.log()
        );
        assert_eq!(recorded(server).await, answered, "{free_kib} KiB free");
        on_disk.make_room();
        assert_eq!(
            on_disk.uploads(),
            Vec::<PathBuf>::new(),
            "{free_kib} KiB free"
        );
        // The end of a job is written as soon as there is room for it.
        let is_tidy = || on_disk.pictures() == answered * pictures_each;
        until(
            &format!("no picture too many, {free_kib} KiB free"),
            is_tidy,
        )
        .await;
    }
    assert!(answered > 1, "there was room for none");
    server.predict(CLIP).await;
    assert_eq!(recorded(server).await, answered + 1);
}

/// A command that goes on without root's leave to write where it may not.
fn bound_by_modes() -> Command {
    if !is_root() {
        return Command::new("env");
    }
    let mut command = Command::new("setpriv");
    command.arg("--bounding-set=-dac_override,-dac_read_search");
    command
}

/// Lets nobody, or the owner again, put anything into the folders of `folder`.
fn set_writable(folder: &Path, writable: bool) {
    let mode = if writable { "u+w" } else { "a-w" };
    let mut find = Command::new("find");
    find.arg(folder)
        .args(["-type", "d", "-exec", "chmod", mode, "{}", "+"]);
    assert!(
        find.status().is_ok_and(|status| status.success()),
        "{find:?}"
    );
}

#[tokio::test]
async fn folders_that_turn_read_only_stop_uploads_alone_until_they_are_writable_again() {
    let home = Home::on(Backend::SqliteAndDisk);
    let settings = [("result_cache_entries", "0")];
    let server = Server::start_through(bound_by_modes(), home, &settings).await;
    let kept = server.predict(CLIP).await;
    set_writable(&server.data_dir(), false);
    for path in ["/predict", "/integrity/sign"] {
        let refused = server.post_file(path, &repository(CLIP)).await;
        let route = (Method::POST, path);
        expect_problem(&server, route, refused, (500, "storage-failed")).await;
    }
    assert_eq!(recorded(&server).await, 1);
    let picture = kept["frames"][0]["url"].as_str().expect("a url");
    for path in ["/health", "/livez", picture] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    set_writable(&server.data_dir(), true);
    server.predict(CLIP).await;
    assert_eq!(recorded(&server).await, 2);
}
