//! Files that are no video, too much video, or meant to do harm.

use std::time::{Duration, Instant};

use super::*;

const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

fn code(result: Result<Sample, MediaError>) -> &'static str {
    result.expect_err("this must be refused").code()
}

/// Both entrances refuse `path` with `expected`.
#[track_caller]
fn assert_refused(path: &Path, expected: &str) {
    assert_eq!(
        probe(path).expect_err("probe must refuse").code(),
        expected,
        "probe"
    );
    assert_eq!(code(sample(path, 10)), expected, "sample");
}

fn sample_within(path: &Path, limits: MediaLimits) -> Result<Sample, MediaError> {
    super::super::sample(
        &File::open(path).unwrap(),
        &SampleOptions::default(),
        &limits,
    )
}

#[test]
fn what_is_no_video_is_refused_by_kind() {
    let studio = Studio::new();
    assert_refused(&studio.write("empty.mp4", b""), "empty-file");
    assert_refused(
        &studio.write("note.mp4", b"Dear Sir or Madam,\n"),
        "unsupported-media",
    );
    assert_refused(
        &studio.write("page.mp4", b"<!doctype html><video src=x>"),
        "unsupported-media",
    );
    assert_refused(
        &studio.write("zeros.mp4", &[0; 100_000]),
        "unsupported-media",
    );
    let noise: Vec<u8> = (0..50_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    assert_refused(&studio.write("noise.mp4", &noise), "unsupported-media");
}

#[test]
fn sound_alone_is_refused_with_and_without_cover_art() {
    let studio = Studio::new();
    for (name, arguments) in [
        ("a.mp3", ""),
        ("a.wav", ""),
        ("a.flac", ""),
        ("a.mka", "-c:a aac"),
    ] {
        assert_refused(
            &studio.film(name, "sine=duration=1", arguments),
            "no-video-stream",
        );
    }
    let cover = studio.film(
        "cover.jpg",
        "color=red:size=64x64:duration=0.04",
        "-frames:v 1",
    );
    let song = studio.path("song.m4a");
    let sound = studio.film("a.m4a", "sine=duration=1", "");
    assert_refused(&sound, "unsupported-media");
    ffmpeg(&[
        "-i",
        sound.to_str().unwrap(),
        "-i",
        cover.to_str().unwrap(),
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-disposition:v:0",
        "attached_pic",
        song.to_str().unwrap(),
    ]);
    assert_refused(&song, "unsupported-media");
}

#[test]
fn what_is_known_and_not_read_is_refused_by_its_name() {
    let studio = Studio::new();
    for (head, name) in [
        (&b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom"[..], "Canon CR3"),
        (
            b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl ",
            "JPEG XL",
        ),
        (b"\xff\x0a\x00\x10\xb0\x13", "JPEG XL"),
        (b"\0\0\0\x1cftypM4B \0\0\x02\0M4B isomiso2", "audio book"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
    ] {
        // The name of a file is never asked.
        let file = studio.write("holiday.mp4", &[head, &[0; 4000]].concat());
        assert_refused(&file, "unsupported-media");
        let text = sample(&file, 1).unwrap_err().to_string();
        assert!(
            text.contains(name) && text.contains("send a JPEG"),
            "{text}"
        );
    }
    let brand = studio.write("a.mp4", b"\0\0\0\x14ftypwhat\0\0\0\0ever");
    assert_refused(&brand, "unsupported-media");
}

#[test]
fn a_playlist_opens_no_other_file() {
    let studio = Studio::new();
    let secret = studio.film("secret.mp4", NUMBERED, H264);
    let name = secret.file_name().unwrap().to_str().unwrap();
    let concat = format!("ffconcat version 1.0\nfile {name}\n");
    let hls = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{name}\n#EXT-X-ENDLIST\n");
    let dash = format!("<?xml version=\"1.0\"?><MPD><BaseURL>{name}</BaseURL></MPD>");
    for (name, text) in [("c.mp4", concat), ("h.mp4", hls), ("d.mp4", dash)] {
        assert_refused(&studio.write(name, text.as_bytes()), "unsupported-media");
    }
}

#[test]
fn other_containers_and_codecs_are_refused() {
    let studio = Studio::new();
    assert_refused(
        &studio.film("a.nut", NUMBERED, "-c:v mpeg4"),
        "unsupported-media",
    );
    assert_refused(&studio.film("b.y4m", NUMBERED, ""), "unsupported-media");
    assert_refused(&studio.film("c.h264", NUMBERED, H264), "unsupported-media");
    assert_refused(
        &studio.film("d.mkv", NUMBERED, "-c:v ffv1"),
        "unsupported-codec",
    );
}

#[test]
fn a_truncated_header_is_damage_not_an_unknown_format() {
    let studio = Studio::new();
    // The index of this MP4 comes last and is cut off.
    let clip = studio.film("a.mp4", NUMBERED, H264);
    let bytes = std::fs::read(&clip).unwrap();
    assert_refused(
        &studio.write("cut.mp4", &bytes[..bytes.len() / 2]),
        "damaged-media",
    );
    assert_refused(&studio.write("stub.mp4", &bytes[..20]), "damaged-media");
}

#[test]
fn a_header_without_pictures_has_no_frames() {
    let studio = Studio::new();
    let clip = studio.film("a.mp4", NUMBERED, &format!("{H264} -movflags +faststart"));
    let bytes = std::fs::read(&clip).unwrap();
    let data = bytes.windows(4).position(|w| w == b"mdat").unwrap();
    let headless = studio.write("headless.mp4", &bytes[..data + 4]);
    assert_eq!(code(sample(&headless, 10)), "no-frames");
}

#[test]
fn too_long_too_many_and_too_large_are_refused_before_decoding() {
    let studio = Studio::new();
    let long = studio.film(
        "long.mp4",
        "color=size=16x16:rate=10:duration=7200",
        "-c:v libx264 -preset ultrafast -g 1000",
    );
    let started = Instant::now();
    assert_refused(&long, "too-long");
    assert!(started.elapsed() < Duration::from_secs(5));

    let many = studio.film(
        "many.mp4",
        "color=size=16x16:rate=1000:duration=73",
        "-c:v libx264 -preset ultrafast -g 1000",
    );
    assert_refused(&many, "too-many-frames");

    let large = studio.film(
        "large.mp4",
        "color=size=8192x8192:rate=1:duration=1",
        "-c:v mjpeg -pix_fmt yuvj420p -q:v 31 -frames:v 1",
    );
    assert_refused(&large, "too-many-pixels");
}

#[test]
fn a_long_video_that_hides_its_length_is_refused() {
    let studio = Studio::new();
    let clip = studio.film(
        "live.mkv",
        "color=size=16x16:rate=5:duration=700",
        &format!("{H264} -live 1"),
    );
    assert_eq!(probe(&clip).unwrap().duration_s, None);
    assert_eq!(code(sample(&clip, 10)), "too-long");
}

/// The container says 160x120, the stream inside is larger than the limit.
#[test]
fn a_stream_larger_than_its_container_says_is_refused() {
    let studio = Studio::new();
    let clip = studio.film("a.mkv", "testsrc2=size=640x480:rate=25:duration=1", H264);
    let bytes = std::fs::read(&clip).unwrap();
    // EBML: PixelWidth B0 82 0280, PixelHeight BA 82 01E0.
    let lie = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let at = bytes
            .windows(from.len())
            .position(|w| w == from)
            .expect("the header states its size");
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let bytes = lie(&bytes, &[0xb0, 0x82, 0x02, 0x80], &[0xb0, 0x82, 0x00, 0xa0]);
    let bytes = lie(&bytes, &[0xba, 0x82, 0x01, 0xe0], &[0xba, 0x82, 0x00, 0x78]);
    let liar = studio.write("liar.mkv", &bytes);
    let limits = MediaLimits {
        max_pixels: 200 * 200,
        ..MediaLimits::default()
    };
    let refused = code(sample_within(&liar, limits));
    assert!(
        ["too-many-pixels", "no-frames"].contains(&refused),
        "{refused}"
    );
}

#[test]
fn too_many_streams_are_refused() {
    let studio = Studio::new();
    let clip = studio.film(
        "a.mkv",
        NUMBERED,
        &format!("{}{H264} -frames:v 5", "-map 0 ".repeat(6)),
    );
    let limits = MediaLimits {
        max_streams: 4,
        ..MediaLimits::default()
    };
    assert_eq!(code(sample_within(&clip, limits)), "too-many-streams");
}

#[test]
fn more_streams_than_usual_are_read_where_the_limit_allows_them() {
    // Attachments are streams too.
    let studio = Studio::new();
    let note = studio.write("note.txt", b"note");
    let attached = format!("-attach {} ", note.display()).repeat(300);
    let options = format!("{H264} -frames:v 5 {attached} -metadata:s:t mimetype=text/plain");
    let clip = studio.film("a.mkv", NUMBERED, &options);
    let read = |max_streams| {
        let limits = MediaLimits {
            max_streams,
            ..MediaLimits::default()
        };
        sample_within(&clip, limits)
    };
    assert!(read(301).is_ok());
    assert_eq!(code(read(300)), "too-many-streams");
}

#[test]
fn the_deadline_ends_decoding() {
    let studio = Studio::new();
    let clip = studio.film("a.mp4", "testsrc2=size=1280x720:rate=60:duration=10", H264);
    let limits = MediaLimits {
        deadline: Duration::from_millis(150),
        ..MediaLimits::default()
    };
    let started = Instant::now();
    assert_eq!(code(sample_within(&clip, limits)), "deadline-exceeded");
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn the_cursor_of_the_file_stays_where_it_is() {
    use std::io::{Seek, SeekFrom};
    let studio = Studio::new();
    let clip = studio.film("a.mp4", NUMBERED, H264);
    let mut file = File::open(&clip).unwrap();
    file.seek(SeekFrom::Start(17)).unwrap();
    super::super::sample(&file, &SampleOptions::default(), &MediaLimits::default()).unwrap();
    assert_eq!(file.stream_position().unwrap(), 17);
}
