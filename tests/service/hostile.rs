//! What people send that is not a usable video. Each gets the status of the table and a message
//! to act on, nothing is left on disk, and the service goes on.

use reqwest::Method;
use reqwest::multipart::{Form, Part};

use crate::held_upload::leftovers;
use crate::problem::expect_problem;
use crate::server::{Server, repository};

const PREDICT: (Method, &str) = (Method::POST, "/predict");

fn demo(name: &str) -> Vec<u8> {
    std::fs::read(repository(&format!("videos/{name}.mp4"))).expect("a demo clip")
}

/// An FLV file with one second of silence and no picture (Adobe FLV 10.1, annex E).
fn audio_only() -> Vec<u8> {
    const TAG_BYTES: usize = 11;
    let pcm_16_bit_mono_44_khz = 0x3E;
    let mut file = b"FLV\x01\x04\x00\x00\x00\x09\x00\x00\x00\x00".to_vec();
    for millisecond in (0_u32..1000).step_by(100) {
        let sound = [vec![pcm_16_bit_mono_44_khz], vec![0; 8820]].concat();
        let size = (sound.len() as u32).to_be_bytes();
        let time = millisecond.to_be_bytes();
        file.push(8);
        file.extend(&size[1..]);
        file.extend([time[1], time[2], time[3], time[0], 0, 0, 0]);
        file.extend(&sound);
        file.extend(((TAG_BYTES + sound.len()) as u32).to_be_bytes());
    }
    file
}

/// An MP4 whose index (`moov`) never arrived, as when a recording breaks off.
fn without_index() -> Vec<u8> {
    let file = demo("genuine");
    let mut kept = Vec::new();
    let mut rest = file.as_slice();
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let (atom, after) = rest.split_at(size.min(rest.len()));
        if &head[4..] != b"moov" {
            kept.extend(atom);
        }
        rest = after;
    }
    assert!(kept.len() < file.len(), "the demo clip has an index");
    kept
}

#[tokio::test]
async fn files_that_are_no_usable_video_get_the_status_of_the_table() {
    let server = Server::start().await;
    let playlist = b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n".to_vec();
    let concat = b"ffconcat version 1.0\nfile /etc/passwd\n".to_vec();
    for (name, bytes, expected) in [
        (
            "notes.mp4",
            b"A text file that calls itself a video.\n".to_vec(),
            (415, "unsupported-media"),
        ),
        ("empty.mp4", Vec::new(), (400, "empty-file")),
        ("sound.flv", audio_only(), (422, "no-video-stream")),
        ("broken-off.mp4", without_index(), (422, "damaged-media")),
        ("playlist.mp4", playlist, (415, "unsupported-media")),
        ("concat.mp4", concat, (415, "unsupported-media")),
        (
            "noise.mp4",
            (0..50_000_u32).map(|n| ((n * n) >> 3) as u8).collect(),
            (415, "unsupported-media"),
        ),
    ] {
        println!("{name}");
        let response = server.post_bytes("/predict", name, bytes.clone()).await;
        expect_problem(&server, PREDICT, response, expected).await;
        let response = server.post_bytes("/predict_csv", name, bytes).await;
        expect_problem(&server, (Method::POST, "/predict_csv"), response, expected).await;
    }
    assert_eq!(leftovers(&server), Vec::<std::path::PathBuf>::new());
    server.predict("videos/genuine.mp4").await;
}

#[tokio::test]
async fn a_video_that_is_cut_off_is_judged_by_what_is_there_and_says_so() {
    let server = Server::shared().await;
    let mut file = demo("genuine");
    file.truncate(file.len() * 6 / 10);
    let response = server.post_bytes("/predict", "cut.mp4", file).await;
    assert_eq!(response.status(), 200);
    let answer: serde_json::Value = response.json().await.expect("JSON");
    let notes = answer["notes"].as_array().expect("notes");
    assert!(
        notes.iter().any(|note| note["code"] == "broken-tail"),
        "{notes:?}"
    );
    let frames = answer["frames"].as_array().expect("frames");
    assert!(frames.len() > 5, "{} frames", frames.len());
}

#[tokio::test]
async fn requests_that_are_put_together_wrongly_are_told_how_to_do_it() {
    let server = Server::start().await;
    let file = || Part::bytes(demo("genuine")).file_name("v.mp4");
    let post = |form: Form| {
        server
            .client()
            .post(server.url("/predict"))
            .multipart(form)
            .send()
    };

    let missing = post(Form::new().text("comment", "no file"))
        .await
        .expect("an answer");
    let problem = expect_problem(&server, PREDICT, missing, (400, "missing-file")).await;
    assert!(problem["detail"].to_string().contains("file"), "{problem}");

    let twice = post(Form::new().part("file", file()).part("video", file()))
        .await
        .expect("an answer");
    expect_problem(&server, PREDICT, twice, (400, "repeated-field")).await;

    let request = server.client().post(server.url("/predict"));
    let plain = request
        .body(demo("genuine"))
        .send()
        .await
        .expect("an answer");
    expect_problem(&server, PREDICT, plain, (415, "not-multipart")).await;

    let request = server.client().post(server.url("/predict"));
    let request = request.header("content-encoding", "gzip");
    let zipped = request.multipart(Form::new().part("file", file())).send();
    let zipped = zipped.await.expect("an answer");
    let problem = expect_problem(&server, PREDICT, zipped, (415, "encoded-body")).await;
    assert!(problem["detail"].to_string().contains("gzip"), "{problem}");

    let request = server.client().post(server.url("/predict"));
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    let torn = request
        .body("--x\r\nnonsense")
        .send()
        .await
        .expect("an answer");
    expect_problem(&server, PREDICT, torn, (400, "malformed-multipart")).await;
    assert_eq!(leftovers(&server), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_file_may_come_as_video_and_its_name_cannot_be_a_path() {
    let server = Server::shared().await;
    let part = Part::bytes(demo("no-face")).file_name("../../../etc/passwd.mp4");
    let request = server.client().post(server.url("/predict"));
    let response = request
        .multipart(Form::new().part("video", part))
        .send()
        .await;
    let answer: serde_json::Value = response.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["filename"], "passwd.mp4", "{answer}");
}
