//! The first inputs of each target, made here: small films of every container and codec, pictures,
//! forms, honest reports. `scripts/fuzz.sh --seeds` writes them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::TARGETS;

/// Ending and encoder of a film of 32 by 32 pixels.
const FILMS: [(&str, &str); 17] = [
    ("mp4", "-c:v libx264 -preset ultrafast"),
    (
        "mp4",
        "-c:v libx264 -bf 2 -g 4 -movflags frag_keyframe+empty_moov",
    ),
    (
        "mp4",
        "-c:v libx265 -preset ultrafast -x265-params log-level=none",
    ),
    ("mov", "-c:v prores -profile:v 0 -frames:v 1"),
    (
        "mov",
        "-c:v mjpeg -q:v 20 -metadata make=Acme -metadata com.apple.quicktime.model=M",
    ),
    ("webm", "-c:v libvpx -b:v 20k"),
    ("webm", "-c:v libvpx-vp9 -b:v 20k"),
    ("mkv", "-c:v libaom-av1 -cpu-used 8 -usage realtime"),
    ("mkv", "-c:v libx264 -preset ultrafast -metadata title=t"),
    ("avi", "-c:v mpeg4 -bf 1"),
    ("avi", "-c:v msmpeg4"),
    ("flv", "-c:v flv"),
    ("flv", "-c:v libx264 -preset ultrafast"),
    ("wmv", "-c:v wmv2"),
    ("mpg", "-c:v mpeg2video -r 25"),
    ("ts", "-c:v libx264 -preset ultrafast"),
    ("ts", "-c:v mpeg1video -r 25"),
];
const PICTURES: [(&str, &str); 12] = [
    ("jpg", "-pix_fmt yuvj420p"),
    ("jpg", "-pix_fmt yuvj444p -q:v 31"),
    ("png", "-pix_fmt rgb24"),
    ("png", "-pix_fmt rgba64be"),
    ("png", "-pix_fmt pal8"),
    ("bmp", "-pix_fmt bgr24"),
    ("gif", ""),
    ("webp", "-c:v libwebp -lossless 1"),
    ("webp", "-c:v libwebp -q:v 20"),
    ("gif", "-vf fps=4,rotate=0.3*n"),
    ("webp", "-vf fps=4,rotate=0.3*n -c:v libwebp_anim"),
    ("png", "-vf fps=4,rotate=0.3*n -c:v apng -f apng"),
];
/// Small files of `tests/fixtures/checkpoints`.
const CHECKPOINTS: [&str; 6] = [
    "half.safetensors",
    "head.pth",
    "half.pth",
    "strided.pth",
    "protocol-5.pth",
    "legacy.pth",
];

#[test]
#[ignore = "writes into fuzz/corpus; scripts/fuzz.sh --seeds asks for it"]
fn write_the_first_inputs() {
    for (name, _) in TARGETS {
        let corpus = super::tests::fuzz_folder().join("corpus").join(name);
        fs::create_dir_all(&corpus).unwrap();
        for (number, seed) in seeds(name).into_iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number:02}")), seed).unwrap();
        }
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "checkpoint" => checkpoints(),
        "image" => pictures(),
        "multipart" => forms(),
        "protocol" => crate::analysis::fuzzing::seeds(),
        "signature" => crate::integrity::fuzzing::signature_seeds(),
        "statement" => crate::integrity::fuzzing::statement_seeds(),
        "video" => FILMS
            .map(|made| film("testsrc2=size=32x32:rate=10:duration=0.8", made))
            .into(),
        _ => panic!("no seeds for {target}"),
    }
}

fn film(source: &str, (ending, arguments): (&str, &str)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("film.{ending}"));
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", source])
        .args(arguments.split_whitespace())
        .args(["-fflags", "+bitexact", "-flags:v", "+bitexact"])
        .arg(&path)
        .output()
        .expect("this needs the `ffmpeg` program: run scripts/setup.sh --test");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{ending} {arguments}: {said}");
    fs::read(path).unwrap()
}

fn pictures() -> Vec<Vec<u8>> {
    let source = "testsrc2=size=24x16:rate=1:duration=1";
    let made = PICTURES.map(|made| film(source, made));
    made.into_iter()
        .chain(crate::media::fuzzing::seeds())
        .collect()
}

fn checkpoints() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints");
    let files = CHECKPOINTS.map(|name| fs::read(folder.join(name)).unwrap());
    let scripted = b"Sc__torch__\nA\n)\x81}X\x01\x00\x00\x00xc__torch__\nB\n)\x81}bsb.".to_vec();
    let mut all = Vec::from(files);
    all.extend([crate::inference::fuzzing::pickle_seed(), scripted]);
    all
}

fn forms() -> Vec<Vec<u8>> {
    let part = |disposition: &str, content: &str| {
        format!("--limit\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
    };
    let one = part(
        "name=\"file\"; filename=\"clip.mp4\"",
        "the content of a film",
    );
    let text = part("name=\"signature\"", "abc");
    let other = part("name=\"else\"; filename*=UTF-8''%D0%B2.mp4", "passed over");
    let named = part("name=\"video\"; filename*=UTF-8''%D0%B2.mp4", "x\r\n--limi");
    let empty = part("name=\"file\"; filename=\"../a\"", "");
    let typed = one.replacen("\r\n\r\n", "\r\nContent-Type: video/mp4\r\n\r\n", 1);
    let end = "--limit--\r\n";
    [
        ("\x3f\x01", format!("{one}{end}")),
        ("\x00\x01", format!("{text}{one}{other}{end}")),
        ("\x07\x00", format!("{one}{named}{empty}{text}{end}")),
        ("\x3f\x00", format!("{one}{one}{one}{one}{end}")),
        ("\x3f\x01", one.clone()),
        ("\x3f\x01", format!("preamble\r\n{typed}{end}epilogue")),
        (
            "\x3f\x03",
            format!("multipart/form-data; boundary=\"limit\"\n{one}{end}"),
        ),
        (
            "\x3f\x02",
            format!("multipart/form-data;charset=x;boundary=limit\n{named}{end}"),
        ),
    ]
    .map(|(options, body)| [options.as_bytes(), body.as_bytes()].concat())
    .into()
}
