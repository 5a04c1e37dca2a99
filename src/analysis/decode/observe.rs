//! Looking at a file, inside the worker: facts, frames, people and their aligned crops.
//!
//! Everything here is synchronous. Faces are found on the calling thread; beside it the frames, which
//! no verdict waits for, become JPEG. Pictures go where [`Pictures`] puts them, the rest into a
//! [`Report`].

use std::fs::File;
use std::time::{Duration, Instant};
use std::{panic, thread};

use super::super::{AnalysisError, AnalysisSettings};
use super::jpegs::Jpegs;
use super::observation::is_usable;
use super::stream_choice;
use super::wire::{Report, ReportedFace, ReportedFrame, ReportedTrack};
use crate::domain::{
    Face, FaceBox, MediaInfo, PixelArea, Rgb8Image, Sample, SampleNote, SampledFrame, Track,
};
use crate::faces::{self, Detector};
use crate::isolation::{RegionWriter, Span};
use crate::media::{self, MediaError, SampleOptions};

/// Where pictures go.
pub(super) trait Pictures {
    /// Keeps `bytes` and tells where.
    fn put(&mut self, bytes: &[u8]) -> Result<Span, AnalysisError>;
}

impl Pictures for RegionWriter {
    fn put(&mut self, bytes: &[u8]) -> Result<Span, AnalysisError> {
        Ok(self.append(bytes)?)
    }
}

/// A face before it is known whose it is.
struct Sighting {
    face: Face,
    crop: Rgb8Image,
    sharpness: f32,
}

/// Looks at a file, and tells in how many of its frames faces were looked for.
pub(super) fn observe(
    file: &File,
    detector: &mut Detector,
    settings: &AnalysisSettings,
    pictures: &mut impl Pictures,
    tell: &mut dyn FnMut(usize, usize),
) -> Result<Report, AnalysisError> {
    let started = Instant::now();
    let (info, streams) = stream_choice::choose(file, detector, settings)?;
    let options = SampleOptions {
        stream: (streams.count > 0).then_some(streams.analysed),
        ..settings.sample
    };
    let sample = media::sample(file, &options, &settings.media)?;

    let mut observer = Observer {
        detector,
        settings,
        faces_time: Duration::ZERO,
        pictures,
    };
    tell(0, sample.frames.len());
    let jpegs = Jpegs::of(&sample.frames, settings.jpeg_quality);
    let (sightings, ()) = beside(
        || jpegs.make(),
        || {
            let sightings = observer.find_all_faces(&sample, tell)?;
            // Of large frames some are left to be made.
            jpegs.make()?;
            Ok(sightings)
        },
    )?;
    let jpegs = jpegs.into_made();
    let frames = observer.keep_frames(&sample.frames, &jpegs)?;
    drop((sample.frames, jpegs));
    let tracks = observer.follow_people(sightings)?;
    let faces_time = observer.faces_time;
    let mut notes = sample.notes;
    if streams.count > 1 {
        notes.push(SampleNote::OtherVideoStreams {
            analysed: streams.analysed,
            streams: streams.count,
        });
    }
    Ok(Report {
        info: MediaInfo {
            duration_s: sample.seen_s.or(info.duration_s),
            ..info
        },
        notes,
        frames,
        tracks,
        decode_s: started.elapsed().saturating_sub(faces_time).as_secs_f64(),
        faces_s: faces_time.as_secs_f64(),
    })
}

/// Does `other` on a thread of its own while `own` runs; the error of `own` counts first.
fn beside<A, B: Send>(
    other: impl FnOnce() -> Result<B, AnalysisError> + Send,
    own: impl FnOnce() -> Result<A, AnalysisError>,
) -> Result<(A, B), AnalysisError> {
    thread::scope(|scope| {
        let other = thread::Builder::new()
            .spawn_scoped(scope, other)
            .map_err(MediaError::from)?;
        let own = own();
        let other = (other.join()).unwrap_or_else(|words| panic::resume_unwind(words));
        Ok((own?, other?))
    })
}

struct Observer<'a, P> {
    detector: &'a mut Detector,
    settings: &'a AnalysisSettings,
    faces_time: Duration,
    pictures: &'a mut P,
}

impl<P: Pictures> Observer<'_, P> {
    /// Those of every frame, in order; tells in how many of them they were looked for.
    fn find_all_faces(
        &mut self,
        sample: &Sample,
        tell: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<Vec<Sighting>>, AnalysisError> {
        let started = Instant::now();
        let images: Vec<_> = sample.frames.iter().map(|frame| &frame.image).collect();
        let found = self
            .detector
            .detect_all(&images, sample.spacing_s(), &mut |looked_at| {
                tell(looked_at, images.len());
            })?;
        let sightings = (images.iter().zip(found))
            .map(|(image, faces)| self.cut_out(image, faces, sample.decoded))
            .collect();
        self.faces_time += started.elapsed();
        sightings
    }

    /// The faces found in `image`, of which `decoded` is true picture (`None`: all of it).
    fn cut_out(
        &self,
        image: &Rgb8Image,
        mut found: Vec<Face>,
        decoded: Option<PixelArea>,
    ) -> Result<Vec<Sighting>, AnalysisError> {
        if let Some(area) = decoded {
            found.retain(|face| is_whole(face, area, image));
        }
        found.sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()));
        found.truncate(self.settings.max_faces_per_frame);
        let sightings = found.into_iter().map(|face| {
            let crop = faces::aligned_crop(image, &face.landmarks)?;
            let sharpness = faces::sharpness(&crop)?;
            Ok(Sighting {
                face,
                crop,
                sharpness,
            })
        });
        sightings.collect()
    }

    fn keep_frames(
        &mut self,
        frames: &[SampledFrame],
        jpegs: &[Vec<u8>],
    ) -> Result<Vec<ReportedFrame>, AnalysisError> {
        let kept = frames.iter().zip(jpegs).map(|(frame, jpeg)| {
            Ok(ReportedFrame {
                frame_index: frame.frame_index,
                time_s: frame.time_s,
                jpeg: self.pictures.put(jpeg)?,
            })
        });
        kept.collect()
    }

    fn keep_jpeg(&mut self, image: &Rgb8Image) -> Result<Span, AnalysisError> {
        let bytes = media::encode_jpeg(image, self.settings.jpeg_quality)?;
        self.pictures.put(&bytes)
    }

    fn follow_people(
        &mut self,
        sightings: Vec<Vec<Sighting>>,
    ) -> Result<Vec<ReportedTrack>, AnalysisError> {
        let started = Instant::now();
        let detections: Vec<Vec<Face>> = (sightings.iter())
            .map(|frame| frame.iter().map(|sighting| sighting.face).collect())
            .collect();
        let mut tracks = faces::confirmed(faces::track(&detections), self.detector.confirm_score());
        keep_longest(&mut tracks, self.settings.max_tracks);
        self.faces_time += started.elapsed();

        let mut sightings: Vec<Vec<Option<Sighting>>> = (sightings.into_iter())
            .map(|frame| frame.into_iter().map(Some).collect())
            .collect();
        (tracks.into_iter())
            .map(|track| self.follow_person(track, &mut sightings))
            .collect()
    }

    fn follow_person(
        &mut self,
        track: Track,
        sightings: &mut [Vec<Option<Sighting>>],
    ) -> Result<ReportedTrack, AnalysisError> {
        let mut faces = Vec::with_capacity(track.faces.len());
        for tracked in &track.faces {
            let Some(sighting) = take_sighting(&mut sightings[tracked.sample_index], &tracked.face)
            else {
                continue;
            };
            let is_usable = is_usable(&tracked.face, sighting.sharpness, self.settings);
            faces.push(ReportedFace {
                sample_index: tracked.sample_index,
                face: tracked.face,
                sharpness: sighting.sharpness,
                jpeg: self.keep_jpeg(&sighting.crop)?,
                pixels: is_usable
                    .then(|| self.pictures.put(sighting.crop.pixels()))
                    .transpose()?,
            });
        }
        Ok(ReportedTrack {
            id: track.id,
            faces,
        })
    }
}

/// Whether all that is judged of a face was decoded. Models would judge the filling, too.
fn is_whole(face: &Face, decoded: PixelArea, image: &Rgb8Image) -> bool {
    let FaceBox {
        x,
        y,
        width,
        height,
    } = face.bounds;
    let bounds = [[x, y], [x + width, y + height]].map(|point| point.map(f64::from));
    let is_decoded =
        |points: &[[f64; 2]]| decoded.holds(points, image.width_px(), image.height_px());
    is_decoded(&bounds)
        && faces::crop_corners(&face.landmarks).is_ok_and(|corners| is_decoded(&corners))
}

/// Keeps the people seen in most frames, in the order of their numbers.
fn keep_longest(tracks: &mut Vec<Track>, max_tracks: usize) {
    tracks.sort_by_key(|track| std::cmp::Reverse(track.faces.len()));
    tracks.truncate(max_tracks);
    tracks.sort_by_key(|track| track.id);
}

fn take_sighting(frame: &mut [Option<Sighting>], face: &Face) -> Option<Sighting> {
    frame
        .iter_mut()
        .find(|slot| slot.as_ref().is_some_and(|sighting| sighting.face == *face))
        .and_then(Option::take)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Landmarks, TrackedFace};

    #[test]
    fn a_face_is_whole_where_its_box_and_its_crop_were_decoded() {
        let face = Face {
            bounds: FaceBox {
                x: 60.0,
                y: 60.0,
                width: 80.0,
                height: 80.0,
            },
            landmarks: Landmarks([
                [84.0, 92.0],
                [116.0, 92.0],
                [100.0, 110.0],
                [87.0, 128.0],
                [113.0, 128.0],
            ]),
            detection_score: 0.9,
        };
        let image = Rgb8Image::new(200, 300, vec![0; 180_000]).unwrap();
        let down_to = |height| PixelArea {
            x: 0,
            y: 0,
            width: 200,
            height,
        };
        assert!(is_whole(&face, down_to(200), &image));
        // The box is decoded, but not all of the wider crop.
        assert!(!is_whole(&face, down_to(141), &image));
        assert!(!is_whole(&face, down_to(100), &image));
    }

    #[test]
    fn the_people_seen_longest_are_kept_in_the_order_of_their_numbers() {
        let face = Face {
            bounds: FaceBox {
                x: 0.0,
                y: 0.0,
                width: 80.0,
                height: 90.0,
            },
            landmarks: Landmarks([[0.0; 2]; 5]),
            detection_score: 0.9,
        };
        let seen = TrackedFace {
            sample_index: 0,
            face,
        };
        let track = |id, frames| Track {
            id,
            faces: vec![seen; frames],
        };
        let mut tracks = vec![track(0, 5), track(1, 1), track(2, 9)];
        keep_longest(&mut tracks, 2);
        let kept: Vec<u32> = tracks.iter().map(|track| track.id).collect();
        assert_eq!(kept, [0, 2]);
    }
}
