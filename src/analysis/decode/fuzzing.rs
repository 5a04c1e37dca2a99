//! Fuzzing what a worker may write to its parent.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::super::settings::small_settings;
use super::super::{AnalysisError, AnalysisSettings};
use super::accept::{Known, accept};
use super::observation::Observation;
use super::wire::{ANSWER_BYTES, Answer, Look, SHORT_MESSAGE_BYTES, Started};
use crate::domain::{CROP_CANVAS_PX, Isolation};
use crate::isolation::{Channel, IsolationError, Region, RegionWriter};
use crate::media::SampleOptions;

/// What a socket takes before anyone reads.
const MOST_INPUT_BYTES: usize = 64 * 1024;
const REGION_BYTES: u64 = 1 << 20;
const SIZE_BYTES: u64 = 999;
/// Longest message that may reach a client.
const LONGEST_MESSAGE_BYTES: usize = 4000;

const ISOLATION: Isolation = Isolation {
    no_new_privileges: true,
    resource_limits: true,
    seccomp: true,
    landlock_abi: None,
};

/// Reads what a worker writes. The first byte tells what the rest is: everything it ever writes, an
/// answer without its length, or a task as the worker itself would read it.
pub fn protocol(input: &[u8]) {
    let [kind, rest @ ..] = input else { return };
    if rest.len() > MOST_INPUT_BYTES {
        return;
    }
    match kind % 3 {
        0 => {
            let mut channel = channel_with(rest);
            let started = channel.receive::<Started>(SHORT_MESSAGE_BYTES, &|| false);
            let _ = started.and_then(|_| hear(&mut channel));
        }
        1 => {
            let length = (rest.len() as u32).to_le_bytes();
            let mut channel = channel_with(&[&length[..], rest].concat());
            let heard = hear(&mut channel);
            // All of it arrived.
            assert!(!matches!(heard, Err(IsolationError::Ended(_))));
        }
        _ => {
            let task = channel_with(rest).receive_with_descriptors::<Look, 0>(SHORT_MESSAGE_BYTES);
            assert!(!matches!(task, Err(IsolationError::Descriptors(_))));
        }
    }
}

/// The parent's end after a worker wrote `bytes` and ended.
fn channel_with(bytes: &[u8]) -> Channel {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets can be made");
    theirs.write_all(bytes).expect("a socket takes that much");
    Channel::new(ours)
}

fn hear(channel: &mut Channel) -> Result<(), IsolationError> {
    let report = match channel.receive::<Answer>(ANSWER_BYTES, &|| false)? {
        Answer::UnderWay { .. } => return Ok(()),
        Answer::Seen(report) => *report,
        Answer::Refused(refusal) => {
            check_message(&AnalysisError::from(refusal));
            return Ok(());
        }
        Answer::Credentials(found) => {
            let told = found.bounded().to_string();
            assert!(!told.contains(char::is_control), "{told:?}");
            return Ok(());
        }
    };
    let settings = settings();
    let known = Known {
        settings: &settings,
        size_bytes: SIZE_BYTES,
        isolation: ISOLATION,
        took: Duration::from_secs(2),
    };
    REGION.with(|region| match accept(report, region, &known) {
        Ok(seen) => check(&seen, &settings),
        Err(distrust) => check_message(&AnalysisError::DecoderMisbehaved(distrust.to_string())),
    });
    Ok(())
}

/// Whatever the worker wrote, it fits a screen and moves no cursor.
fn check_message(error: &AnalysisError) {
    let text = error.to_string();
    assert!(text.len() <= LONGEST_MESSAGE_BYTES, "{} bytes", text.len());
    assert!(!text.contains(char::is_control), "{text:?}");
}

fn check(seen: &Observation, settings: &AnalysisSettings) {
    assert_eq!(seen.info.size_bytes, SIZE_BYTES);
    assert!((1..=settings.sample.most() as usize).contains(&seen.frames.len()));
    assert!(seen.tracks.len() <= settings.max_tracks);
    let faces = || seen.tracks.iter().flat_map(|track| &track.faces);
    for face in faces() {
        assert!(face.sample_index < seen.frames.len());
        assert_eq!(face.usable, face.crop.is_some());
        let side = face
            .crop
            .as_ref()
            .map(|crop| (crop.width_px(), crop.height_px()));
        assert!(side.is_none_or(|side| side == (CROP_CANVAS_PX, CROP_CANVAS_PX)));
    }
    let crops = faces().filter_map(|face| face.crop.as_ref());
    let crop_bytes: usize = crops.map(|crop| crop.pixels().len()).sum();
    let kept_bytes: usize = seen
        .artifacts
        .iter()
        .map(|artifact| artifact.bytes.len())
        .sum();
    assert!(
        (crop_bytes + kept_bytes) as u64 <= REGION_BYTES,
        "more than the region holds"
    );
    let names: BTreeSet<&str> = seen.artifacts.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(
        names.len(),
        seen.artifacts.len(),
        "one name for two pictures"
    );
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    assert!(
        names
            .iter()
            .all(|name| name.chars().all(is_plain) && name.ends_with(".jpg"))
    );
}

thread_local! {
    static REGION: Region = filled_region();
}

/// A picture of nine bytes, then the pixels of a crop; the rest is zeros.
fn filled_region() -> Region {
    const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 1, 2, 3, 0xff, 0xd9];
    let crop = vec![7; (CROP_CANVAS_PX * CROP_CANVAS_PX * 3) as usize];
    let region = Region::create(REGION_BYTES).expect("memory can be shared");
    let descriptor = region.descriptor().try_clone_to_owned();
    let mut writer = RegionWriter::new(descriptor.expect("a descriptor can be duplicated"));
    for bytes in [JPEG, &crop] {
        writer.append(bytes).expect("both fit");
    }
    region
}

fn settings() -> AnalysisSettings {
    AnalysisSettings {
        sample: SampleOptions::even(8),
        ..small_settings()
    }
}

/// What honest workers write.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    use super::accept_tests::honest;
    use super::wire::{PROTOCOL, Ready, Refusal};
    use crate::domain::{ContentCredentials, ModelIdentity, ModelRole};

    fn json(message: &impl serde::Serialize) -> Vec<u8> {
        serde_json::to_vec(message).expect("a message is JSON")
    }
    let framed = |body: &[u8]| [&(body.len() as u32).to_le_bytes()[..], body].concat();
    let ready = Started::Ready(Ready {
        protocol: PROTOCOL.into(),
        isolation: ISOLATION,
        detector: ModelIdentity {
            name: "d".into(),
            version: "1".into(),
            role: ModelRole::Detector,
            sha256: "ab".repeat(32),
            foundation: None,
        },
    });
    let seen = json(&Answer::Seen(Box::new(honest().0)));
    let too_long = json(&Answer::Refused(Refusal::TooLong {
        duration_s: 700.0,
        limit_s: 600.0,
    }));
    let damaged = json(&Answer::Refused(Refusal::Damaged {
        container: "MKV".into(),
    }));
    let under_way = json(&Answer::UnderWay {
        seen: 3,
        frames: 30,
    });
    let look = json(&Look {
        sample: SampleOptions::even(30),
        deadline_ms: 1000,
        face_threads: 2,
        credentials_ms: Some(250),
    });
    let none = json(&Answer::Credentials(Box::new(ContentCredentials::None)));
    vec![
        [vec![0], framed(&json(&ready)), framed(&seen)].concat(),
        [vec![0], framed(&json(&Started::Failed("no".into())))].concat(),
        [vec![1], seen].concat(),
        [vec![1], too_long].concat(),
        [vec![1], damaged].concat(),
        [vec![1], under_way].concat(),
        [vec![1], none].concat(),
        [vec![2], framed(&look)].concat(),
    ]
}
