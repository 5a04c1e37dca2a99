//! Files with and without content credentials, whole and changed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::domain::{GeneratedPart, Manifest};

#[path = "../../tests/support/signed.rs"]
mod signed;

use signed::signed;

const LIMIT: Duration = Duration::from_secs(60);

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("videos")
        .join(name)
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn read_bytes(bytes: &[u8], trust_list: Option<&str>) -> ContentCredentials {
    read(&file_of(bytes), trust_list, LIMIT)
}

fn claims(credentials: &ContentCredentials) -> &Manifest {
    credentials.manifest().expect("claims that could be read")
}

#[test]
fn a_signed_video_holds_and_its_signer_counts_only_on_a_trust_list() {
    let (video, authority) = signed(&demo("genuine.mp4"), "video/mp4", "digitalCapture");
    let unchecked = read_bytes(&video, None);
    assert_eq!(unchecked.state(), "untrusted", "{unchecked:?}");
    assert_eq!(unchecked.declared_generated(), None);
    let manifest = claims(&unchecked);
    assert!(!manifest.has_trust_list);
    assert_eq!(manifest.failures, []);
    assert_eq!(manifest.title.as_deref(), Some("A [31mclip"));
    let generator = manifest.generator.as_ref().unwrap();
    assert_eq!(generator.name, "framewitness tests");
    assert_eq!(manifest.signature.algorithm.as_deref(), Some("ed25519"));
    let action = &manifest.actions[0];
    assert_eq!(action.action, "c2pa.created");
    assert_eq!(action.software_agent.as_deref(), Some("Maker 3"));

    assert_eq!(read_bytes(&video, Some(&authority)).state(), "valid");
    let (_, stranger) = signed(&demo("genuine.mp4"), "video/mp4", "digitalCapture");
    let unlisted = read_bytes(&video, Some(&stranger));
    assert_eq!(unlisted.state(), "untrusted", "{unlisted:?}");
    assert!(claims(&unlisted).has_trust_list);
}

#[test]
fn a_generated_video_says_so_until_a_bit_of_it_is_changed() {
    let source = demo("genuine.mp4");
    let (mut video, _) = signed(&source, "video/mp4", "trainedAlgorithmicMedia");
    let declared = read_bytes(&video, None).declared_generated().unwrap();
    assert_eq!(declared.part, GeneratedPart::Whole);
    assert_eq!(declared.generator.as_deref(), Some("Maker 3"));

    // In the last tenth lie pictures.
    let place = video.len() - video.len() / 20;
    video[place] ^= 1;
    let changed = read_bytes(&video, None);
    assert_eq!(changed.state(), "invalid", "{changed:?}");
    assert_eq!(changed.declared_generated(), None);
    let failures = &claims(&changed).failures;
    let code = "assertion.bmffHash.mismatch";
    assert!(failures.iter().any(|f| f.code == code), "{failures:?}");
}

#[test]
fn files_without_a_manifest_and_containers_without_a_place_for_one_have_none() {
    for bytes in [
        std::fs::read(demo("genuine.mp4")).unwrap(),
        // Matroska begins so.
        vec![0x1a, 0x45, 0xdf, 0xa3, 1, 2, 3, 4, 5],
        Vec::new(),
    ] {
        assert_eq!(read_bytes(&bytes, None), ContentCredentials::None);
    }
}

#[test]
fn a_file_that_takes_too_long_is_unreadable_and_not_changed() {
    let (video, _) = signed(&demo("genuine.mp4"), "video/mp4", "digitalCapture");
    let late = read(&file_of(&video), None, Duration::ZERO);
    assert_eq!(late, unreadable("the file took too long"));
}

#[test]
fn boxes_in_boxes_and_cut_files_are_unreadable_or_invalid_and_end() {
    let mut nested = Vec::new();
    for _ in 0..1000 {
        let length = (nested.len() as u32 + 8).to_be_bytes();
        nested = [&length, b"moov".as_slice(), &nested].concat();
    }
    let ftyp = [&20_u32.to_be_bytes(), b"ftypisom\0\0\0\0isom".as_slice()].concat();
    let found = read_bytes(&[ftyp, nested].concat(), None);
    assert_eq!(found.state(), "unreadable", "{found:?}");

    let (video, _) = signed(&demo("genuine.mp4"), "video/mp4", "digitalCapture");
    for part in [1, 2, 3, 10, 50, 90, 99] {
        let cut = read_bytes(&video[..video.len() * part / 100], None);
        assert!(
            matches!(cut.state(), "unreadable" | "invalid" | "none"),
            "{part} %: {cut:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Bytes of the manifest, which lies at the front, are changed as often as those of the whole file.
    #[test]
    fn a_signed_file_that_was_changed_anywhere_ends_in_a_state_and_says_only_what_was_signed(
        at_the_front in prop::collection::vec((0..24_000_usize, any::<u8>()), 0..6),
        anywhere in prop::collection::vec((any::<Index>(), any::<u8>()), 0..3),
    ) {
        let (original, authority) = signed_once();
        let mut video = original.clone();
        for (place, byte) in at_the_front {
            video[place] = byte;
        }
        for (place, byte) in anywhere {
            let place = place.index(video.len());
            video[place] = byte;
        }
        let found = read_bytes(&video, Some(authority));
        if found.state() == "valid" {
            let unchanged = read_bytes(original, Some(authority));
            prop_assert_eq!(claims(&found), claims(&unchanged));
        }
    }
}

/// A signed video and the authority that vouches for its signer; making them takes longer than reading.
fn signed_once() -> &'static (Vec<u8>, String) {
    static SIGNED: OnceLock<(Vec<u8>, String)> = OnceLock::new();
    SIGNED.get_or_init(|| signed(&demo("genuine.mp4"), "video/mp4", "digitalCapture"))
}

#[test]
fn a_trust_list_is_certificates() {
    let (_, authority) = signed(&demo("genuine.mp4"), "video/mp4", "digitalCapture");
    assert_eq!(why_no_trust_list(&authority), None);
    // C2PA's own has a line before each.
    let commented = format!("Subject\tCN=Somebody\n{authority}\n{authority}");
    assert_eq!(why_no_trust_list(&commented), None);
    for nonsense in ["", "certificates", "-----BEGIN CERTIFICATE-----\n!\n"] {
        assert!(why_no_trust_list(nonsense).is_some(), "{nonsense}");
    }
}
