//! Texts, playlists, programs and polyglots that call themselves videos, and names that are paths.

use super::{Attack, Expected};
use crate::server::repository;

const NO_MEDIUM: Expected = Expected::Refused(415, "unsupported-media");

pub(super) fn all() -> Vec<Attack> {
    [texts(), playlists(), polyglots(), names()].concat_all()
}

trait ConcatAll {
    fn concat_all(self) -> Vec<Attack>;
}

impl<const N: usize> ConcatAll for [Vec<Attack>; N] {
    fn concat_all(self) -> Vec<Attack> {
        self.into_iter().flatten().collect()
    }
}

fn genuine() -> Vec<u8> {
    std::fs::read(repository("videos/genuine.mp4")).expect("a demo clip")
}

fn texts() -> Vec<Attack> {
    let noise: Vec<u8> = (0..50_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let svg = r#"<?xml version="1.0"?><!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg>&e;</svg>"#;
    vec![
        Attack::new("no byte", "", Expected::Refused(400, "empty-file")),
        Attack::new("one byte", [0_u8], NO_MEDIUM),
        Attack::new("100 kB of zeros", vec![0; 100_000], NO_MEDIUM),
        Attack::new("noise", noise, NO_MEDIUM),
        Attack::new("a letter", "Dear Sir or Madam,\n", NO_MEDIUM),
        Attack::new(
            "a web page",
            "<!doctype html><video src=/etc/passwd>",
            NO_MEDIUM,
        ),
        Attack::new("SVG with an external entity", svg, NO_MEDIUM),
        Attack::new(
            "a shell script",
            "#!/bin/sh\ntouch /tmp/framewitness-attack\n",
            NO_MEDIUM,
        ),
        Attack::new(
            "a program",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(),
            NO_MEDIUM,
        ),
        Attack::new("a PDF", "%PDF-1.7\n1 0 obj\n", NO_MEDIUM),
        Attack::new(
            "an archive",
            b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(),
            NO_MEDIUM,
        ),
        Attack::new(
            "ImageMagick's push graphic-context",
            "push graphic-context\nviewbox 0 0 1 1\nimage over 0,0 0,0 'https://127.0.0.1/x'\npop graphic-context\n",
            NO_MEDIUM,
        ),
        Attack::new("PostScript", "%!PS\n(/etc/passwd) (r) file\n", NO_MEDIUM),
        Attack::new(
            "subtitles",
            "1\n00:00:00,000 --> 10:00:00,000\nhello\n",
            NO_MEDIUM,
        ),
    ]
}

fn playlists() -> Vec<Attack> {
    let here = repository("videos/genuine.mp4").display().to_string();
    let hls = |target: &str| {
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n")
    };
    let key = "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"file:///etc/passwd\"\n#EXTINF:2,\nx.ts\n#EXT-X-ENDLIST\n";
    let mpd = format!(
        "<?xml version=\"1.0\"?><MPD type=\"static\"><Period><BaseURL>{here}</BaseURL></Period></MPD>"
    );
    [
        (
            "ffconcat of a path",
            format!("ffconcat version 1.0\nfile '{here}'\n"),
        ),
        (
            "ffconcat of a sibling",
            "ffconcat version 1.0\nfile genuine.mp4\n".into(),
        ),
        ("ffconcat without its head", format!("file '{here}'\n")),
        ("HLS of a path", hls(&here)),
        ("HLS of a file URL", hls("file:///etc/passwd")),
        ("HLS of a network address", hls("http://127.0.0.1:1/x.ts")),
        ("HLS of concat", hls("concat:/etc/passwd|/etc/hostname")),
        ("HLS with a key file", key.into()),
        (
            "HLS after a byte-order mark",
            format!("\u{feff}{}", hls(&here)),
        ),
        ("DASH", mpd),
        (
            "SDP",
            "v=0\nc=IN IP4 127.0.0.1\nm=video 4000 RTP/AVP 96\na=rtpmap:96 H264/90000\n".into(),
        ),
        (
            "SMIL",
            format!("<smil><body><video src=\"{here}\"/></body></smil>"),
        ),
        (
            "RTSP text",
            "[Reference]\nRef1=http://127.0.0.1:1/\n".into(),
        ),
        ("ffmetadata", ";FFMETADATA1\ntitle=x\n".into()),
        ("an image pattern", "img%05d.png".into()),
        ("a lavfi graph", "movie=/etc/passwd".into()),
    ]
    .into_iter()
    .map(|(label, text)| Attack::new(label, text, NO_MEDIUM))
    .collect()
}

/// Files that are two things at once are taken for the one whose bytes come first, or refused.
fn polyglots() -> Vec<Attack> {
    let (clip, hls) = (genuine(), b"#EXTM3U\n#EXTINF:2,\n/etc/passwd\n".to_vec());
    let jpeg = [&[0xff_u8, 0xd8, 0xff, 0xe0][..], &clip].concat();
    let free = |text: &[u8]| {
        let size = (text.len() as u32 + 8).to_be_bytes();
        [&size[..], b"free", text].concat()
    };
    let after = |tail: &[u8]| [&clip[..], tail].concat();
    vec![
        Attack::new(
            "MP4 type, then a playlist",
            [b"\0\0\0\x18ftypisom\0\0\0\0isomiso2".to_vec(), hls.clone()].concat(),
            Expected::Unusable,
        ),
        Attack::new(
            "GIF, then a playlist",
            [b"GIF89a".to_vec(), hls.clone()].concat(),
            Expected::Unusable,
        ),
        Attack::new("JPEG, then MP4", jpeg, Expected::Unusable),
        Attack::new(
            "MP4, then an archive",
            after(b"PK\x03\x04\x14\0\0\0\x08\0"),
            Expected::Verdict,
        ),
        Attack::new("MP4, then a playlist", after(&hls), Expected::Verdict),
        Attack::new(
            "MP4, then a web page in a free box",
            after(&free(b"<script>alert(1)</script>")),
            Expected::Verdict,
        ),
        Attack::new(
            "a transport stream of playlists",
            b"G#EXTM3U\n".repeat(2000),
            Expected::Documented,
        ),
        Attack::new(
            "RIFF AVI of nothing",
            b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrl".to_vec(),
            Expected::Unusable,
        ),
    ]
}

fn names() -> Vec<Attack> {
    // A video, because its answer shows the name.
    let clip = std::fs::read(repository("videos/no-face.mp4")).expect("a demo clip");
    let long = format!("{}.mp4", "n".repeat(5000));
    [
        "../../../../tmp/framewitness-attack",
        "/tmp/framewitness-attack",
        "..\\..\\windows\\system32\\x.mp4",
        "..",
        ".",
        "a\r\nX-Injected: 1.mp4",
        "a\u{0}b.mp4",
        "\u{1b}[2J\u{1b}]0;x\u{7}.mp4",
        "\u{202e}4pm.exe",
        "$(touch framewitness-attack).mp4",
        "'; DROP TABLE analyses; --.mp4",
        "<img src=x onerror=alert(1)>.mp4",
        "concat:a|b.mp4",
        "CON",
        "   ",
        long.as_str(),
    ]
    .into_iter()
    .map(|name| {
        let label: String = format!("the name {name:?}").chars().take(60).collect();
        // A name that breaks the form is refused with the form; any other is only a name.
        let expected = if name.contains(char::is_control) {
            Expected::Documented
        } else {
            Expected::Verdict
        };
        Attack::new(&label, clip.clone(), expected).named(name)
    })
    .collect()
}
