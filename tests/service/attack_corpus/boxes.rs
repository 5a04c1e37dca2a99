//! Containers put together byte by byte, to say what no program writes.

use super::{Attack, Expected};
use crate::server::repository;

pub(super) fn all() -> Vec<Attack> {
    let mut attacks = mp4();
    attacks.extend(patched());
    attacks.extend(matroska());
    attacks
}

/// An MP4 box.
fn mp4_box(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u32 + 8).to_be_bytes();
    [&size[..], kind, content].concat()
}

fn file_type() -> Vec<u8> {
    mp4_box(b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41")
}

fn mp4() -> Vec<Attack> {
    let nested = |kind: &[u8; 4], depth: usize| {
        (0..depth).fold(Vec::new(), |inside, _| mp4_box(kind, &inside))
    };
    let with = |moov: Vec<u8>| [file_type(), moov].concat();
    let endless = [
        file_type(),
        b"\0\0\0\x01moov\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
    ]
    .concat();
    let many_tracks = (0..5000)
        .flat_map(|_| mp4_box(b"trak", b""))
        .collect::<Vec<u8>>();
    let table = |kind: &[u8; 4], head: &[u8]| {
        let table = mp4_box(kind, &[head, &[0xff; 64]].concat());
        let stbl = mp4_box(b"stbl", &table);
        let minf = mp4_box(b"minf", &stbl);
        let mdia = mp4_box(b"mdia", &minf);
        with(mp4_box(b"moov", &mp4_box(b"trak", &mdia)))
    };
    let bomb = mp4_box(
        b"cmov",
        &[
            mp4_box(b"dcom", b"zlib"),
            mp4_box(b"cmvd", b"\x7f\xff\xff\xffx\x9c\xed\xc1"),
        ]
        .concat(),
    );
    vec![
        Attack::new(
            "MP4: 1000 moov boxes in each other",
            with(nested(b"moov", 1000)),
            Expected::Unusable,
        ),
        Attack::new(
            "MP4: 100,000 trak boxes in each other",
            with(mp4_box(b"moov", &nested(b"trak", 100_000))),
            Expected::Unusable,
        ),
        Attack::new("MP4: a box of 9 exabytes", endless, Expected::Unusable),
        Attack::new(
            "MP4: 5000 empty tracks",
            with(mp4_box(b"moov", &many_tracks)),
            Expected::Unusable,
        ),
        Attack::new(
            "MP4: 4 billion sample sizes",
            table(b"stsz", b"\0\0\0\0\0\0\0\0\xff\xff\xff\xff"),
            Expected::Unusable,
        ),
        Attack::new(
            "MP4: 4 billion times",
            table(b"stts", b"\0\0\0\0\xff\xff\xff\xff"),
            Expected::Unusable,
        ),
        Attack::new(
            "MP4: 4 billion offsets",
            table(b"co64", b"\0\0\0\0\xff\xff\xff\xff"),
            Expected::Unusable,
        ),
        Attack::new(
            "MP4: a packed header of 2 GB",
            with(mp4_box(b"moov", &bomb)),
            Expected::Unusable,
        ),
        Attack::new(
            "MP4: a type and nothing more",
            file_type(),
            Expected::Unusable,
        ),
        Attack::new(
            "MP4: a header of no box",
            with(b"\0\0\0\0moov".to_vec()),
            Expected::Unusable,
        ),
    ]
}

/// The demo clip with one field of its header changed.
fn patched() -> Vec<Attack> {
    let clip = std::fs::read(repository("videos/genuine.mp4")).expect("a demo clip");
    let patch = |kind: &[u8; 4], at: usize, with: &[u8]| {
        let mut bytes = clip.clone();
        let found = bytes.windows(4).position(|w| w == kind);
        let start = found.unwrap_or_else(|| panic!("the clip has {kind:?}")) + 4 + at;
        bytes[start..start + with.len()].copy_from_slice(with);
        bytes
    };
    let size = |width: u16, height: u16| [width.to_be_bytes(), height.to_be_bytes()].concat();
    vec![
        Attack::new(
            "MP4: a clock of 0 ticks",
            patch(b"mdhd", 12, &[0; 4]),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: a clock of 4 billion ticks",
            patch(b"mdhd", 12, &[0xff; 4]),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: a duration of 4 billion",
            patch(b"mvhd", 16, &[0xff; 4]),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: a frame lasts 0",
            patch(b"stts", 12, &[0; 4]),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: a frame lasts for years",
            patch(b"stts", 12, &[0x7f, 0xff, 0xff, 0xff]),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: samples of 4 GB",
            patch(b"stsz", 4, &[0xff; 4]),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: data in another file",
            patch(b"url ", 0, &[0; 4]),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: 65535 x 65535 in the header",
            patch(b"avc1", 24, &size(65535, 65535)),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: 0 x 0 in the header",
            patch(b"avc1", 24, &size(0, 0)),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: another codec's name",
            patch(b"stsd", 12, b"hvc1"),
            Expected::Documented,
        ),
        Attack::new(
            "MP4: a codec nobody knows",
            patch(b"stsd", 12, b"zzzz"),
            Expected::Documented,
        ),
    ]
}

/// An EBML element with an eight-byte size.
fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    let mut size = (content.len() as u64).to_be_bytes();
    size[0] = 1;
    [id, &size, content].concat()
}

fn matroska() -> Vec<Attack> {
    let head = element(
        &[0x1a, 0x45, 0xdf, 0xa3],
        &element(&[0x42, 0x82], b"matroska"),
    );
    let with = |segment: Vec<u8>| [head.clone(), segment].concat();
    let segment = |content: &[u8]| with(element(&[0x18, 0x53, 0x80, 0x67], content));
    let track = |number: u32| {
        let number = element(&[0xd7], &number.to_be_bytes());
        let video = element(
            &[0xe0],
            &[element(&[0xb0], &[16]), element(&[0xba], &[16])].concat(),
        );
        let parts = [
            number,
            element(&[0x83], &[1]),
            element(&[0x86], b"V_VP8"),
            video,
        ];
        element(&[0xae], &parts.concat())
    };
    let tracks: Vec<u8> = (1..=3000).flat_map(track).collect();
    let nested = (0..10_000).fold(Vec::new(), |inside, _| element(&[0x73, 0x73], &inside));
    let endless = with(vec![
        0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ]);
    let huge_void = segment(&[0xec, 0x01, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    vec![
        Attack::new(
            "MKV: 3000 tracks",
            segment(&element(&[0x16, 0x54, 0xae, 0x6b], &tracks)),
            Expected::Unusable,
        ),
        Attack::new(
            "MKV: 10,000 tags in each other",
            segment(&element(&[0x12, 0x54, 0xc3, 0x67], &nested)),
            Expected::Unusable,
        ),
        Attack::new("MKV: a segment without end", endless, Expected::Unusable),
        Attack::new(
            "MKV: a void of 140 terabytes",
            huge_void,
            Expected::Unusable,
        ),
        Attack::new(
            "MKV: a head and nothing more",
            head.clone(),
            Expected::Unusable,
        ),
    ]
}
