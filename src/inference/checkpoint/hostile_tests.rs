//! Damaged and hostile files: an error that names the file and what is wrong, never a panic, never
//! memory beyond the file's size.

use std::fs;

use proptest::prelude::*;

use super::Checkpoint;
use super::planted::{Claim, Planted, archive, assert_refused};
use super::tests::fixture;

#[test]
fn an_honest_archive_written_by_hand_is_read() {
    let planted = Planted::new(&Claim::honest().file());
    let file = Checkpoint::open(&planted.path()).unwrap();
    let tensor = file.read(&file.tensors()["fc.weight"]).unwrap();
    assert_eq!(tensor.size(), [2, 2]);
}

#[test]
fn tensors_that_reach_past_what_is_stored_are_refused() {
    let huge = i64::MAX;
    let cases = [
        (
            Claim {
                count: 5,
                ..Claim::honest()
            },
            "its record has 16 bytes",
        ),
        (
            Claim {
                count: -1,
                ..Claim::honest()
            },
            "its record has 16 bytes",
        ),
        (
            Claim {
                count: huge,
                ..Claim::honest()
            },
            "its record has 16 bytes",
        ),
        (
            Claim {
                storage: "DoubleStorage",
                ..Claim::honest()
            },
            "its record has 16 bytes",
        ),
        (
            Claim {
                count: 3,
                ..Claim::honest()
            },
            "reach past the 3 elements",
        ),
        (
            Claim {
                offset: 1,
                ..Claim::honest()
            },
            "reach past",
        ),
        (
            Claim {
                offset: -1,
                ..Claim::honest()
            },
            "may not be negative",
        ),
        (
            Claim {
                offset: huge,
                ..Claim::honest()
            },
            "reach past",
        ),
        (
            Claim {
                strides: vec![-2, 1],
                ..Claim::honest()
            },
            "may not be negative",
        ),
        (
            Claim {
                strides: vec![huge, 1],
                ..Claim::honest()
            },
            "reach past",
        ),
        (
            Claim {
                strides: vec![huge, huge],
                shape: vec![3, 3],
                ..Claim::honest()
            },
            "overflows",
        ),
        (
            Claim {
                shape: vec![-2, 2],
                ..Claim::honest()
            },
            "may not be negative",
        ),
        (
            Claim {
                shape: vec![2, 3],
                ..Claim::honest()
            },
            "reach past",
        ),
        (
            Claim {
                shape: vec![huge, huge],
                ..Claim::honest()
            },
            "overflows",
        ),
        (
            Claim {
                strides: vec![1],
                ..Claim::honest()
            },
            "does not go with",
        ),
        (
            Claim {
                shape: vec![1; 17],
                strides: vec![1; 17],
                ..Claim::honest()
            },
            "17 dimensions",
        ),
    ];
    for (claim, sentence) in cases {
        assert_refused(&claim.file(), sentence);
    }
}

#[test]
fn a_few_bytes_cannot_claim_a_huge_tensor() {
    let repeated = Claim {
        shape: vec![1 << 20, 1 << 20],
        strides: vec![0, 0],
        ..Claim::honest()
    };
    assert_refused(&repeated.file(), "reach past the 4 elements stored");
    let header =
        br#"{"x":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    assert_refused(&[&length, &header[..]].concat(), "safetensors");
    let header = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    assert_refused(&header, "its header claims");
}

#[test]
fn names_that_would_play_with_a_terminal_are_refused() {
    for name in ["\\u001b[2J".to_owned(), "a\\nb".to_owned(), "x".repeat(501)] {
        let header = format!(r#"{{"{name}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#);
        let length = (header.len() as u64).to_le_bytes();
        let bytes = [&length, header.as_bytes(), &[0]].concat();
        assert_refused(&bytes, "too long for a name or not printable");
    }
}

#[test]
fn archives_that_are_not_pytorchs_are_refused() {
    let pickle = Claim::honest().pickled();
    let data: &[u8] = &[0; 16];
    let records = |extra: (&'static str, &'static [u8])| {
        archive(&[("w/data.pkl", &pickle), ("w/data/0", data), extra])
    };
    for (bytes, sentence) in [
        (archive(&[]), "exactly one folder must hold data.pkl"),
        (
            archive(&[("w/data/0", data)]),
            "exactly one folder must hold data.pkl",
        ),
        (
            archive(&[("data.pkl", &pickle), ("data/0", data)]),
            "exactly one folder",
        ),
        (records(("v/data.pkl", b"N.")), "exactly one folder"),
        (
            archive(&[("w/data.pkl", &pickle)]),
            "record data/0 is missing",
        ),
        (records(("w/byteorder", b"big")), "big-endian"),
        (
            records(("w/byteorder", b"middle")),
            "neither little nor big",
        ),
        (records(("../../etc/cron.d/x", b"")), "not a plain path"),
        (records(("/etc/passwd", b"")), "not a plain path"),
        (records(("w/../../x", b"")), "not a plain path"),
        (records(("w\\..\\x", b"")), "not a plain path"),
        (records(("w/data.pkl/../x", b"")), "not a plain path"),
        (b"PK\x03\x04".to_vec(), "no whole archive"),
    ] {
        assert_refused(&bytes, sentence);
    }
    let fine = Planted::new(&records(("w/byteorder", b"little")));
    fine.load().unwrap();
}

/// Where `needle` occurs last.
fn last(bytes: &[u8], needle: &[u8]) -> usize {
    let mut windows = bytes.windows(needle.len());
    windows.rposition(|window| window == needle).unwrap()
}

#[test]
fn an_archive_that_lies_about_sizes_places_or_compression_is_refused() {
    // Offsets in the directory's entry of a record, counted back from its name.
    let (method, stored, size, place) = (36, 26, 22, 4);
    let honest = Claim::honest().file();
    for (record, field, value, sentence) in [
        ("w/data/0", size, 0x7fff_ffff_u32, "claims 2147483647 bytes"),
        ("w/data/0", stored, 0x7fff_ffff, "more than there are"),
        ("w/data/0", place, 0x7fff_ffff, "no whole archive"),
        ("w/data.pkl", size, 0x7fff_ffff, "claims 2147483647 bytes"),
        ("w/data.pkl", size, 3, "more than there are"),
        ("w/data.pkl", method, 8, "exactly one folder"),
        ("w/data/0", method, 8, "is missing or compressed"),
    ] {
        let mut bytes = honest.clone();
        let at = last(&bytes, record.as_bytes()) - field;
        let width = if field == method { 2 } else { 4 };
        bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        assert_refused(&bytes, sentence);
    }
}

#[test]
fn shared_modules_are_not_unfolded_without_end() {
    // 2^45 attributes if every path to the innermost module were followed.
    let mut nested = b"\x80\x02".to_vec();
    nested.extend(unfolding(45));
    nested.push(b'.');
    let bytes = archive(&[("w/data.pkl", &nested), ("w/constants.pkl", b"")]);
    assert_refused(&bytes, "too many modules");
}

/// A module whose `x` and `y` are one and the same module, `levels` deep.
fn unfolding(levels: u8) -> Vec<u8> {
    let mut inner = b"c__torch__\nA\n)\x81}b".to_vec();
    for level in 0..levels {
        let mut outer = b"c__torch__\nA\n)\x81}X\x01\x00\x00\x00x".to_vec();
        outer.extend(inner);
        outer.extend([b'q', level]);
        outer.extend(b"sX\x01\x00\x00\x00y");
        outer.extend([b'h', level]);
        outer.extend(b"sb");
        inner = outer;
    }
    inner
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    for name in ["plain.pth", "half.safetensors", "expected.safetensors"] {
        let whole = fs::read(fixture(name)).unwrap();
        let planted = Planted::new(&[]);
        let step = if whole.len() > 5000 { 7 } else { 1 };
        for length in (0..whole.len()).step_by(step) {
            fs::write(planted.path(), &whole[..length]).unwrap();
            let problem = planted.load().expect_err(name);
            assert!(problem.contains("weights.pth: "), "{name}: {problem}");
        }
    }
}

#[test]
fn a_pickle_cut_off_anywhere_is_refused() {
    let whole = Claim::honest().pickled();
    for length in 0..whole.len() {
        let cut = &whole[..length];
        let bytes = archive(&[("w/data.pkl", cut), ("w/data/0", &[0; 16])]);
        assert_refused(&bytes, "in data.pkl, opcode at byte");
    }
}

#[test]
fn a_call_of_os_system_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let command = format!("touch {}", trace.display());
    let mut pickle = b"\x80\x02cposix\nsystem\nX".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.bytes());
    pickle.extend(b"\x85R.");
    let bytes = archive(&[("w/data.pkl", &pickle)]);
    assert_refused(
        &bytes,
        "names posix.system, which weights have no use for; refused",
    );
    assert!(!trace.exists());
}

#[test]
fn a_file_shortened_after_it_was_opened_is_an_error_and_no_crash() {
    let planted = Planted::new(&Claim::honest().file());
    let file = Checkpoint::open(&planted.path()).unwrap();
    fs::write(planted.path(), b"PK").unwrap();
    let problem = file.read(&file.tensors()["fc.weight"]).unwrap_err();
    assert!(problem.contains("cannot be read"), "{problem}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn flipped_bits_never_panic(
        name in proptest::sample::select(vec![
            "plain.pth", "strided.pth", "protocol-5.pth", "half.safetensors", "scripted.pt",
        ]),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 0..8u8), 1..4),
    ) {
        let mut bytes = fs::read(fixture(name)).unwrap();
        for (index, bit) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        // A flip among the numbers gives other numbers: that is what the digest is for.
        let _ = Planted::new(&bytes).load();
    }

    #[test]
    fn no_claim_about_a_tensor_panics(
        count in any::<i64>(), offset in -2..6i64,
        layout in proptest::collection::vec((-1..4i64, any::<i64>()), 0..5),
        near in any::<bool>(),
    ) {
        let (shape, strides): (Vec<i64>, Vec<i64>) = layout.into_iter().unzip();
        let near_strides = strides.iter().map(|s| s.rem_euclid(4)).collect();
        let claim = Claim {
            count: if near { count.rem_euclid(5) } else { count },
            offset,
            shape,
            strides: if near { near_strides } else { strides },
            ..Claim::honest()
        };
        let _ = Planted::new(&claim.file()).load();
    }
}
