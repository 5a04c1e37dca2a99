//! Times, counts and lengths that files state wrongly, oddly or not at all.

use super::*;

const H264: &str = "-c:v libx264 -preset veryfast -pix_fmt yuv420p";

#[test]
fn a_variable_frame_rate_is_sampled_by_true_time() {
    let studio = Studio::new();
    // The first second keeps every frame, the second only each fifth: 25 + 5 frames.
    let vf = "-vf select='lt(n,25)+not(mod(n,5))' -vsync vfr";
    let clip = studio.film("a.mkv", NUMBERED, &format!("{vf} {H264}"));
    let sample = sample(&clip, 6).unwrap();
    for frame in &sample.frames {
        let shown_s = number_of(&frame.image) as f64 / 25.0;
        assert!((frame.time_s.unwrap() - shown_s).abs() < 0.002);
    }
    assert_eq!(numbers(&sample), [3, 11, 19, 25, 30, 40]);
}

#[test]
fn times_count_from_the_first_frame_wherever_the_clock_starts() {
    let studio = Studio::new();
    for (name, offset) in [("a.ts", "3600"), ("b.mkv", "5"), ("c.mp4", "-1")] {
        let arguments = format!("{H264} -output_ts_offset {offset}");
        let clip = studio.film(name, NUMBERED, &arguments);
        let sample = sample(&clip, 10).unwrap();
        // Frames before zero may be cut away; those that are left keep their distances.
        let first_kept = number_of(&sample.frames[0].image) - sample.frames[0].frame_index as i64;
        assert!(sample.frames[0].frame_index <= 2, "{name}");
        for frame in &sample.frames {
            let since_first = number_of(&frame.image) - first_kept;
            assert_eq!(frame.frame_index as i64, since_first, "{name}");
            let error_s = frame.time_s.unwrap() - since_first as f64 / 25.0;
            assert!(error_s.abs() < 0.002, "{name}: {:?}", frame.time_s);
        }
    }
}

#[test]
fn an_edit_list_that_cuts_the_start_is_honoured() {
    let studio = Studio::new();
    let whole = studio.film("whole.mp4", NUMBERED, &format!("{H264} -g 50"));
    // Copying from 1 s keeps the key frame at 0 and hides what comes before by an edit list.
    let cut = studio.path("cut.mp4");
    ffmpeg(&[
        "-ss",
        "1",
        "-i",
        whole.to_str().unwrap(),
        "-c",
        "copy",
        cut.to_str().unwrap(),
    ]);
    let sample = sample(&cut, 5).unwrap();
    assert_eq!(numbers(&sample), [27, 32, 37, 42, 47]);
    assert!((sample.frames[0].time_s.unwrap() - 0.08).abs() < 0.002);
}

#[test]
fn fewer_frames_than_asked_for_are_all_taken_and_it_is_said() {
    let studio = Studio::new();
    let clip = studio.film("a.mp4", NUMBERED, &format!("{H264} -frames:v 7"));
    let few = sample(&clip, 30).unwrap();
    assert_eq!(numbers(&few), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(few.notes, [SampleNote::FewFrames { available: 7 }]);

    let single = studio.film("b.mp4", NUMBERED, &format!("{H264} -frames:v 1"));
    let one = sample(&single, 30).unwrap();
    assert_eq!(numbers(&one), [0]);
    assert_eq!(one.frames[0].time_s, Some(0.0));
}

#[test]
fn a_file_without_duration_or_frame_count_is_sampled() {
    let studio = Studio::new();
    // A pipe cannot be rewound to fill in the header.
    let clip = studio.path("live.mkv");
    let shell = format!(
        "ffmpeg -hide_banner -loglevel error -f lavfi -i \"{NUMBERED}\" {H264} -f matroska - > {}",
        clip.display()
    );
    let status = std::process::Command::new("sh")
        .args(["-c", &shell])
        .status()
        .unwrap();
    assert!(status.success(), "these tests need the `ffmpeg` program");
    let info = probe(&clip).unwrap();
    assert_eq!((info.duration_s, info.picture.frame_count), (None, None));
    assert_ten_true_frames(&sample(&clip, 10).unwrap(), "live");
}

#[test]
fn a_broadcast_joined_in_the_middle_starts_at_its_first_whole_picture() {
    let studio = Studio::new();
    let clip = studio.film("a.ts", NUMBERED, &format!("{H264} -bf 2 -g 20"));
    let bytes = std::fs::read(&clip).unwrap();
    let packets = bytes.len() / 188;
    let joined = studio.write("joined.ts", &bytes[packets / 3 * 188..]);
    let sample = sample(&joined, 5).unwrap();
    let shown = numbers(&sample);
    assert!(
        shown.len() == 5 && shown[0] >= 15 && shown.windows(2).all(|w| w[0] < w[1]),
        "{shown:?}"
    );
}

#[test]
fn a_cut_off_file_gives_what_decodes_and_says_so() {
    let studio = Studio::new();
    for (name, arguments) in [
        ("a.mp4", format!("{H264} -g 12 -movflags +faststart")),
        ("b.mkv", format!("{H264} -g 12")),
        ("c.flv", format!("{H264} -g 12")),
    ] {
        let clip = studio.film(name, NUMBERED, &arguments);
        let bytes = std::fs::read(&clip).unwrap();
        let cut = studio.write(&format!("cut-{name}"), &bytes[..bytes.len() * 6 / 10]);
        let sample = sample(&cut, 10).unwrap();
        let shown = numbers(&sample);
        assert_eq!(shown.len(), 10, "{name}: {shown:?}");
        assert!(
            shown.windows(2).all(|w| w[0] < w[1]) && shown[9] < 45,
            "{name}: {shown:?}"
        );
        assert!(
            has_note(&sample, |n| *n == SampleNote::BrokenTail),
            "{name}: {:?}",
            sample.notes
        );
    }
}

/// Of so many frames that whatever is hit, one of them rests on it.
#[test]
fn damage_in_the_middle_is_passed_over_and_counted() {
    let studio = Studio::new();
    let clip = studio.film(
        "a.mkv",
        NUMBERED,
        &format!("{H264} -g 10 -x264-params slices=4"),
    );
    let mut bytes = std::fs::read(&clip).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 600] {
        *byte = byte.wrapping_mul(31).wrapping_add(7);
    }
    let hurt = studio.write("hurt.mkv", &bytes);
    let first = sample(&hurt, 50).unwrap();
    assert!(first.frames.len() > 40, "{}", first.frames.len());
    assert!(numbers(&first).windows(2).all(|w| w[0] < w[1]));
    assert!(
        has_note(&first, |n| matches!(n, SampleNote::DamagedPackets { .. })),
        "{:?}",
        first.notes
    );
    assert!(
        sample(&hurt, 50).unwrap() == first,
        "damage must not make results vary"
    );
}

#[test]
fn a_tail_of_zeros_gives_the_frames_before_it_and_is_noted() {
    let studio = Studio::new();
    let clip = studio.film(
        "a.mp4",
        NUMBERED,
        &format!("{H264} -g 12 -movflags +faststart"),
    );
    let mut bytes = std::fs::read(&clip).unwrap();
    let from = bytes.len() * 7 / 10;
    bytes[from..].fill(0);
    let sample = sample(&studio.write("zeros.mp4", &bytes), 10).unwrap();
    let shown = numbers(&sample);
    assert_eq!(shown.len(), 10, "{shown:?}");
    assert!(shown.windows(2).all(|w| w[0] < w[1]), "{shown:?}");
    assert!(
        has_note(&sample, |n| *n == SampleNote::BrokenTail),
        "{:?}",
        sample.notes
    );
}

#[test]
fn slow_motion_at_240_frames_a_second_is_sampled_like_any_other() {
    let studio = Studio::new();
    let source = "testsrc2=size=160x120:rate=240:duration=4.5";
    let clip = studio.film("slow.mp4", source, H264);
    let sample = sample(&clip, 10).unwrap();
    assert_eq!(sample.frames.len(), 10);
    assert!((sample.frames[9].time_s.unwrap() - 4.275).abs() < 0.01);
}

#[test]
fn a_live_recording_is_as_long_as_what_there_is_to_see() {
    let studio = Studio::new();
    let clip = studio.film(
        "live.mkv",
        NUMBERED,
        &format!("{H264} -output_ts_offset 3600"),
    );
    assert!((probe(&clip).unwrap().duration_s.unwrap() - 2.0).abs() < 0.1);
    assert_ten_true_frames(&sample(&clip, 10).unwrap(), "live.mkv");
}

#[test]
fn a_clock_that_leaps_or_wraps_inside_a_transport_stream_adds_no_time() {
    let studio = Studio::new();
    let piece = |name: &str, offset: &str| {
        let clip = studio.film(
            name,
            NUMBERED,
            &format!("{H264} -output_ts_offset {offset}"),
        );
        std::fs::read(clip).unwrap()
    };
    // The clock of a transport stream has 33 bits at 90 kHz: it wraps after 95443.7 s.
    for (name, first, second) in [
        ("forward.ts", "10", "40000"),
        ("back.ts", "40000", "10"),
        ("wrap.ts", "95440", "95443"),
    ] {
        let bytes = [piece("a.ts", first), piece("b.ts", second)].concat();
        let clip = studio.write(name, &bytes);
        let sample = sample(&clip, 10).unwrap();
        let times: Vec<f64> = sample.frames.iter().map(|f| f.time_s.unwrap()).collect();
        assert!(
            times.windows(2).all(|pair| pair[0] < pair[1]),
            "{name}: {times:?}"
        );
        assert!((3.0..6.5).contains(&times[9]), "{name}: {times:?}");
        let shown = numbers(&sample);
        assert!(shown[0] < 9 && shown[9] > 40, "{name}: {shown:?}");
    }
}
