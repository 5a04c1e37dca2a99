//! The loops inside a verdict that are ours or a library's on one thread, by Criterion: what each costs for one frame,
//! face or file, so that a change to one of them shows before it drowns in a whole answer. `run.py` beside this file
//! stores what came out.

use std::fs::File;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use framewitness::domain::{Face, FaceBox, Landmarks, Logit, ManipulationMap, Rgb8Image};
use framewitness::faces::{self, Detector};
use framewitness::integrity::{Keyring, hash_reader};
use framewitness::media::{self, MediaLimits, SampleOptions};

/// What the service gives a JPEG of a frame.
const JPEG_QUALITY: u8 = 90;
const FULL_HD: (u32, u32) = (1920, 1080);
/// Patches across the frame model's input.
const MAP_SIDE: usize = 24;
const HASHED_BYTES: usize = 16 << 20;
const FRAMES: usize = 30;
const PEOPLE: usize = 10;

criterion_group!(inner_loops, finding, cropping, pictures, proving);
criterion_main!(inner_loops);

/// The detector on one thread, as a decode worker runs it.
fn finding(criterion: &mut Criterion) {
    faces::bound_threads(1).expect("OpenCV takes one thread");
    let mut detector =
        Detector::load(&root().join("models/face-detector-s")).expect("the shipped detector loads");
    let frames = film();
    criterion.bench_function("a look at a whole frame of 640x480", |bench| {
        bench.iter(|| detector.detect(black_box(&frames[0])));
    });
    let all: Vec<&Rgb8Image> = frames.iter().collect();
    let mut group = criterion.benchmark_group("films");
    group.sample_size(10);
    group.bench_function("faces of thirty frames of 640x480", |bench| {
        bench.iter(|| detector.detect_all(black_box(&all), 0.33, &mut |_| ()));
    });
    group.finish();
    let crowd = crowd();
    criterion.bench_function("tracks of ten people through thirty frames", |bench| {
        bench.iter(|| faces::track(black_box(&crowd)));
    });
}

fn cropping(criterion: &mut Criterion) {
    let frame = noise(FULL_HD.0, FULL_HD.1);
    let landmarks = face_at(700.0, 300.0, 400.0).landmarks;
    criterion.bench_function("an aligned crop of a face of 400 px in 1080p", |bench| {
        bench.iter(|| faces::aligned_crop(black_box(&frame), &landmarks));
    });
    let crop = faces::aligned_crop(&frame, &landmarks).expect("landmarks of a face align");
    criterion.bench_function("sharpness of a crop", |bench| {
        bench.iter(|| faces::sharpness(black_box(&crop)));
    });
    let cells: Vec<f32> = (0..MAP_SIDE * MAP_SIDE)
        .map(|cell| (cell % 17) as f32 - 8.0)
        .collect();
    let logit = Logit::new(1.0).expect("one is a number");
    criterion.bench_function("a map of 24x24 contributions", |bench| {
        bench.iter(|| {
            ManipulationMap::of_contributions((MAP_SIDE, 1.0), black_box(&cells), 8.0, logit)
        });
    });
}

fn pictures(criterion: &mut Criterion) {
    let frame = film().swap_remove(0);
    let jpeg = media::encode_jpeg(&frame, JPEG_QUALITY).expect("a frame becomes a JPEG");
    criterion.bench_function("a JPEG of a frame of 640x480", |bench| {
        bench.iter(|| media::encode_jpeg(black_box(&frame), JPEG_QUALITY));
    });
    criterion.bench_function("a frame of a JPEG of 640x480", |bench| {
        bench.iter(|| media::decode_jpeg(black_box(&jpeg)));
    });
}

fn proving(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder for a key");
    let keyring = Keyring::open_or_create(folder.path()).expect("a key is made");
    let bytes = vec![7_u8; HASHED_BYTES];
    let mut group = criterion.benchmark_group("proof");
    group.throughput(Throughput::Bytes(HASHED_BYTES as u64));
    group.sample_size(10);
    group.bench_function("digests of 16 MiB", |bench| {
        bench.iter(|| hash_reader(black_box(bytes.as_slice())));
    });
    group.finish();
    let digest = hash_reader(bytes.as_slice())
        .expect("memory can be read")
        .sha256;
    criterion.bench_function("a signature by RSA with 3072 bits", |bench| {
        bench.iter(|| keyring.sign_file_digest(black_box(&digest)));
    });
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Thirty frames of the demo film.
fn film() -> Vec<Rgb8Image> {
    let file = File::open(root().join("videos/genuine.mp4")).expect("the demo film is there");
    let options = SampleOptions::even(FRAMES as u32);
    let sample =
        media::sample(&file, &options, &MediaLimits::default()).expect("the demo film can be read");
    sample.frames.into_iter().map(|frame| frame.image).collect()
}

/// Always the same picture, on which no pixel tells of its neighbour.
fn noise(width_px: u32, height_px: u32) -> Rgb8Image {
    let bytes = (0..width_px * height_px * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
    Rgb8Image::new(width_px, height_px, bytes.collect()).expect("as many bytes as pixels ask for")
}

/// Ten people side by side who walk a little from frame to frame.
fn crowd() -> Vec<Vec<Face>> {
    let frame = |at: usize| {
        (0..PEOPLE)
            .map(|who| face_at(180.0 * who as f32 + 3.0 * at as f32, 400.0, 120.0))
            .collect()
    };
    (0..FRAMES).map(frame).collect()
}

fn face_at(x: f32, y: f32, side: f32) -> Face {
    let point = |across: f32, down: f32| [x + across * side, y + down * side];
    Face {
        bounds: FaceBox {
            x,
            y,
            width: side,
            height: side,
        },
        landmarks: Landmarks([
            point(0.3, 0.4),
            point(0.7, 0.4),
            point(0.5, 0.6),
            point(0.35, 0.8),
            point(0.65, 0.8),
        ]),
        detection_score: 0.9,
    }
}
