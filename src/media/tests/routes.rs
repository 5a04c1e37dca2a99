//! Seeking, decoding through and surveying give the same frames.

use super::super::index::PacketIndex;
use super::*;

/// 150 frames of moving picture.
const MOVING: &str = "testsrc2=size=160x120:rate=25:duration=6";

/// Asserts that all routes give equal pixels, indices and times, and returns one of them together
/// with the route that the wish to seek led to.
#[track_caller]
fn assert_routes_agree(clip: &Path, frames: u32) -> (Sample, Route) {
    let take = |strategy| sample_along(clip, frames, strategy).unwrap();
    let (through, route) = take(Strategy::Through);
    assert_eq!(route, Route::Through);
    let (surveyed, route) = take(Strategy::Survey);
    assert_eq!(route, Route::Survey);
    let (sought, route) = take(Strategy::Seek);
    for (other, route) in [(surveyed, Route::Survey), (sought, route)] {
        assert_eq!(places(&other), places(&through), "{route:?}: places");
        assert!(
            other == through,
            "{route:?}: pixels differ from decoding through"
        );
    }
    (through, route)
}

/// Index and time of each frame.
fn places(sample: &Sample) -> Vec<(u64, Option<f64>)> {
    let frames = sample.frames.iter();
    frames.map(|f| (f.frame_index, f.time_s)).collect()
}

#[test]
fn closed_groups_of_pictures() {
    let studio = Studio::new();
    for (name, arguments) in [
        ("a.mp4", "-c:v libx264 -pix_fmt yuv420p -bf 3 -g 10"),
        ("a.ts", "-c:v libx264 -pix_fmt yuv420p -bf 3 -g 10"),
        (
            "b.mkv",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none:open-gop=0:keyint=10",
        ),
        (
            "c.webm",
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 10",
        ),
        ("d.avi", "-c:v mjpeg -pix_fmt yuvj420p"),
    ] {
        let clip = studio.film(name, MOVING, arguments);
        let (sample, route) = assert_routes_agree(&clip, 5);
        assert_eq!((sample.frames.len(), route), (5, Route::Seeking), "{name}");
        assert_eq!(sample.notes, [], "{name}");
    }
}

/// Every route but the survey leaves those out.
#[test]
fn pictures_of_av1_that_nothing_refers_to_are_known_and_the_others_are_the_same_without_them() {
    let studio = Studio::new();
    for (name, least_share, arguments) in [
        ("a.mp4", 0.2, "-c:v libsvtav1 -preset 10 -g 60"),
        ("a.mkv", 0.2, "-c:v libsvtav1 -preset 12 -g 150"),
        (
            "b.webm",
            0.05,
            "-c:v libaom-av1 -cpu-used 8 -lag-in-frames 19 -g 60 -b:v 300k",
        ),
        (
            "b.mp4",
            0.0,
            "-c:v libaom-av1 -usage realtime -cpu-used 8 -g 60 -b:v 300k",
        ),
    ] {
        let clip = studio.film(name, MOVING, arguments);
        for frames in [5, 12] {
            assert_routes_agree(&clip, frames);
        }
        let share = spare_share(&clip);
        assert!(share >= least_share, "{name}: {share}");
    }
}

/// Of the packets of a clip, the share that nothing refers to.
fn spare_share(clip: &Path) -> f64 {
    let file = File::open(clip).unwrap();
    let limits = MediaLimits::default();
    let options = SampleOptions::even(5);
    let mut source = task(&file, &options, &limits).unwrap().open().unwrap();
    let entries = PacketIndex::scan(&mut source, &limits).unwrap().entries;
    entries.iter().filter(|entry| entry.is_spare).count() as f64 / entries.len() as f64
}

#[test]
fn open_groups_of_pictures() {
    let studio = Studio::new();
    for (name, arguments) in [
        (
            "a.mp4",
            "-c:v libx264 -pix_fmt yuv420p -bf 3 -g 10 -x264-params open-gop=1",
        ),
        (
            "b.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none:open-gop=1:keyint=10:bframes=3",
        ),
        ("d.ts", "-c:v mpeg2video -bf 2 -g 10 -q:v 3"),
        (
            "e.mp4",
            "-c:v libx264 -pix_fmt yuv420p -g 10 -x264-params intra-refresh=1",
        ),
    ] {
        let clip = studio.film(name, MOVING, arguments);
        assert_eq!(assert_routes_agree(&clip, 5).0.frames.len(), 5, "{name}");
    }
}

/// FFmpeg undoes a fault of x264 before build 151 in High 4:4:4 only when it knows the build, which
/// the first packet alone tells. A current stream that claims an old build is made unreadable by
/// that, so a route that skips the first packet and still reads it well has lost the claim.
#[test]
fn high_444_by_an_old_x264_is_decoded_knowing_the_build() {
    let studio = Studio::new();
    let arguments = "-c:v libx264 -profile:v high444 -pix_fmt yuv444p -preset medium -g 10 -crf 12";
    let current = studio.film("current.mp4", MOVING, arguments);
    let (as_current, route) = assert_routes_agree(&current, 5);
    assert_eq!(route, Route::Seeking);
    assert_eq!(as_current.notes, []);

    let mut bytes = std::fs::read(&current).unwrap();
    let banner = b"x264 - core ";
    let at = bytes
        .windows(banner.len())
        .position(|w| w == banner)
        .expect("x264 signs its stream");
    bytes[at + banner.len()..at + banner.len() + 3].copy_from_slice(b"148");
    let claims_old = studio.write("old.mp4", &bytes);
    let (sought, route) = sample_along(&claims_old, 5, Strategy::Seek).unwrap();
    assert_eq!(route, Route::Survey, "seeking has lost the build");
    assert!(sought == sample_along(&claims_old, 5, Strategy::Through).unwrap().0);
    assert!(sought.frames != as_current.frames);
}

#[test]
fn interlaced_video_is_deinterlaced_alike_on_every_route() {
    let studio = Studio::new();
    for (name, arguments) in [
        (
            "a.mp4",
            "-vf tinterlace=interleave_top -c:v libx264 -flags +ildct+ilme -pix_fmt yuv420p -g 10 -bf 2",
        ),
        (
            "b.ts",
            "-vf tinterlace=interleave_top -c:v mpeg2video -flags +ildct+ilme -q:v 2 -g 10 -bf 2",
        ),
    ] {
        let clip = studio.film(name, "testsrc2=size=160x120:rate=50:duration=6", arguments);
        let (sample, route) = assert_routes_agree(&clip, 5);
        assert_eq!(route, Route::Seeking, "{name}");
        let comb = sample
            .frames
            .iter()
            .map(|f| combing(&f.image))
            .fold(0.0, f64::max);
        assert!(comb < 12.0, "{name}: lines alternate by {comb} on average");
    }
}

/// How much lines differ from both neighbours in the same direction, on average.
fn combing(image: &Rgb8Image) -> f64 {
    let green = |x, y| f64::from(pixel(image, x, y)[1]);
    let mut sum = 0.0;
    for y in 1..image.height_px() - 1 {
        for x in 0..image.width_px() {
            let (up, down) = (green(x, y) - green(x, y - 1), green(x, y) - green(x, y + 1));
            sum += if up * down > 0.0 {
                up.abs().min(down.abs())
            } else {
                0.0
            };
        }
    }
    sum / f64::from(image.width_px() * image.height_px())
}

#[test]
fn the_same_file_gives_the_same_pixels_whatever_the_number_of_threads() {
    let studio = Studio::new();
    let clip = studio.film("a.mp4", MOVING, "-c:v libx264 -pix_fmt yuv420p -bf 3");
    let with_threads = |decoder_threads| {
        let limits = MediaLimits {
            decoder_threads,
            ..MediaLimits::default()
        };
        let file = File::open(&clip).unwrap();
        super::super::sample(&file, &SampleOptions::even(6), &limits).unwrap()
    };
    let single = with_threads(1);
    assert!(with_threads(4) == single);
    assert!(with_threads(4) == single);
}

/// The formats whose decoders conceal damage, and one whose decoder does not.
#[test]
fn a_damaged_file_gives_the_same_frames_and_notes_whatever_the_number_of_threads() {
    let studio = Studio::new();
    let source = "testsrc2=size=640x360:rate=25:duration=4";
    for (name, arguments) in [
        ("a.mp4", "-c:v libx264 -pix_fmt yuv420p -bf 3 -g 25"),
        (
            "b.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3:keyint=25",
        ),
        (
            "c.webm",
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25",
        ),
    ] {
        let sound = std::fs::read(studio.film(name, source, arguments)).unwrap();
        for part in 2..8 {
            let mut bytes = sound.clone();
            let at = bytes.len() * part / 9;
            bytes[at..at + 3].fill(0x55);
            let damaged = studio.write(name, &bytes);
            let with_threads = |decoder_threads| {
                let limits = MediaLimits {
                    decoder_threads,
                    ..MediaLimits::default()
                };
                let file = File::open(&damaged).unwrap();
                super::super::sample(&file, &SampleOptions::even(12), &limits)
                    .map_err(|error| error.code())
            };
            let single = with_threads(1);
            assert!(with_threads(2) == single, "{name}, damaged at {part}/9");
            assert!(with_threads(4) == single, "{name}, damaged at {part}/9");
        }
    }
}

#[test]
fn the_cheaper_route_is_chosen_by_the_key_frames() {
    let studio = Studio::new();
    let chosen = |name, arguments: &str| {
        let clip = studio.film(
            name,
            MOVING,
            &format!("-c:v libx264 -pix_fmt yuv420p {arguments}"),
        );
        let route = |frames| sample_along(&clip, frames, Strategy::Automatic).unwrap().1;
        (route(2), route(30))
    };
    assert_eq!(
        chosen("dense.mp4", "-g 5"),
        (Route::Seeking, Route::Through)
    );
    assert_eq!(
        chosen("sparse.mp4", "-g 500"),
        (Route::Through, Route::Through)
    );
    assert_eq!(
        chosen("untimed.avi", "-g 5 -bf 2"),
        (Route::Survey, Route::Survey)
    );
}
