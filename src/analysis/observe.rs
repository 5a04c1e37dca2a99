//! What a decode thread finds in a file: facts, frames, people and their aligned crops.
//!
//! Everything here is synchronous and runs on one thread. Each sampled frame is turned into JPEG and
//! crops and then dropped.

use std::fs::File;
use std::time::{Duration, Instant};

use super::{AnalysisError, AnalysisSettings, Artifact, Timings};
use crate::domain::{
    Face, MediaInfo, MediaKind, Reason, Rgb8Image, SampleNote, SampledFrame, Track,
};
use crate::faces::{self, Detector};
use crate::media;

/// Everything seen in one file.
pub(super) struct Observation {
    pub(super) info: MediaInfo,
    pub(super) notes: Vec<SampleNote>,
    pub(super) frames: Vec<ObservedFrame>,
    /// In the order of their numbers.
    pub(super) tracks: Vec<ObservedTrack>,
    pub(super) artifacts: Vec<Artifact>,
    pub(super) timings: Timings,
}

/// One sampled frame.
pub(super) struct ObservedFrame {
    pub(super) frame_index: u64,
    pub(super) time_s: Option<f64>,
    pub(super) artifact: String,
}

/// One person.
pub(super) struct ObservedTrack {
    pub(super) id: u32,
    /// In time order; never empty.
    pub(super) faces: Vec<ObservedFace>,
    /// Why the person cannot be scored; `None` when it can.
    pub(super) obstacle: Option<Reason>,
    pub(super) is_still: bool,
}

/// One face of one person.
pub(super) struct ObservedFace {
    pub(super) sample_index: usize,
    pub(super) face: Face,
    pub(super) sharpness: f32,
    pub(super) crop_artifact: String,
    /// Large and sharp enough to be scored.
    pub(super) usable: bool,
    crop: Option<Rgb8Image>,
}

impl ObservedTrack {
    /// Gives up the usable crops in time order and whether they come from a still image; `None`
    /// when the person cannot be scored.
    pub(super) fn take_clip(&mut self) -> Option<(Vec<Rgb8Image>, bool)> {
        let crops: Vec<_> = (self.faces.iter_mut())
            .filter(|face| face.usable)
            .filter_map(|face| face.crop.take())
            .collect();
        (self.obstacle.is_none()).then_some((crops, self.is_still))
    }
}

/// A face before it is known whose it is.
struct Sighting {
    face: Face,
    crop: Rgb8Image,
    sharpness: f32,
}

/// Looks at a file. `abandoned` says that nobody waits for the result any more.
pub(super) fn observe(
    file: &File,
    detector: &mut Detector,
    settings: &AnalysisSettings,
    abandoned: &dyn Fn() -> bool,
) -> Result<Observation, AnalysisError> {
    let started = Instant::now();
    let info = media::probe(file, &settings.media)?;
    let sample = media::sample(file, &settings.sample, &settings.media)?;

    let mut observer = Observer {
        detector,
        settings,
        faces_time: Duration::ZERO,
        artifacts: Vec::new(),
    };
    let mut frames = Vec::with_capacity(sample.frames.len());
    let mut sightings = Vec::with_capacity(sample.frames.len());
    for (sample_index, frame) in sample.frames.into_iter().enumerate() {
        if abandoned() {
            return Err(AnalysisError::Closed);
        }
        sightings.push(observer.find_faces(&frame.image)?);
        frames.push(observer.keep_frame(sample_index, frame)?);
    }
    let tracks = observer.follow_people(sightings, info.kind)?;

    let Observer {
        faces_time,
        artifacts,
        ..
    } = observer;
    let timings = Timings {
        decode: started.elapsed().saturating_sub(faces_time),
        faces: faces_time,
        ..Timings::default()
    };
    Ok(Observation {
        info,
        notes: sample.notes,
        frames,
        tracks,
        artifacts,
        timings,
    })
}

struct Observer<'a> {
    detector: &'a mut Detector,
    settings: &'a AnalysisSettings,
    faces_time: Duration,
    artifacts: Vec<Artifact>,
}

impl Observer<'_> {
    fn find_faces(&mut self, image: &Rgb8Image) -> Result<Vec<Sighting>, AnalysisError> {
        let started = Instant::now();
        let mut found = self.detector.detect(image)?;
        found.sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()));
        found.truncate(self.settings.max_faces_per_frame);
        let sightings = found
            .into_iter()
            .map(|face| {
                let crop = faces::aligned_crop(image, &face.landmarks)?;
                let sharpness = faces::sharpness(&crop)?;
                Ok(Sighting {
                    face,
                    crop,
                    sharpness,
                })
            })
            .collect();
        self.faces_time += started.elapsed();
        sightings
    }

    fn keep_frame(
        &mut self,
        sample_index: usize,
        frame: SampledFrame,
    ) -> Result<ObservedFrame, AnalysisError> {
        let artifact = self.keep(format!("frame-{sample_index:03}.jpg"), &frame.image)?;
        Ok(ObservedFrame {
            frame_index: frame.frame_index,
            time_s: frame.time_s,
            artifact,
        })
    }

    fn keep(&mut self, name: String, image: &Rgb8Image) -> Result<String, AnalysisError> {
        let bytes = media::encode_jpeg(image, self.settings.jpeg_quality)?;
        self.artifacts.push(Artifact {
            name: name.clone(),
            bytes,
        });
        Ok(name)
    }

    fn follow_people(
        &mut self,
        sightings: Vec<Vec<Sighting>>,
        kind: MediaKind,
    ) -> Result<Vec<ObservedTrack>, AnalysisError> {
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
            .map(|track| self.follow_person(track, &mut sightings, kind))
            .collect()
    }

    fn follow_person(
        &mut self,
        track: Track,
        sightings: &mut [Vec<Option<Sighting>>],
        kind: MediaKind,
    ) -> Result<ObservedTrack, AnalysisError> {
        let mut faces = Vec::with_capacity(track.faces.len());
        for tracked in &track.faces {
            let Some(sighting) = take_sighting(&mut sightings[tracked.sample_index], &tracked.face)
            else {
                continue;
            };
            let name = format!("crop-{:03}-{}.jpg", tracked.sample_index, track.id);
            faces.push(ObservedFace {
                sample_index: tracked.sample_index,
                face: tracked.face,
                sharpness: sighting.sharpness,
                crop_artifact: self.keep(name, &sighting.crop)?,
                usable: is_large(&tracked.face, self.settings)
                    && sighting.sharpness >= self.settings.min_sharpness,
                crop: Some(sighting.crop),
            });
        }
        Ok(ObservedTrack {
            id: track.id,
            obstacle: obstacle(&faces, kind, self.settings),
            faces,
            is_still: kind == MediaKind::Image,
        })
    }
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

fn is_large(face: &Face, settings: &AnalysisSettings) -> bool {
    face.bounds.shorter_side_px() >= settings.min_face_px as f32
}

/// Why these faces do not make a verdict, or `None` when they do.
fn obstacle(
    faces: &[ObservedFace],
    kind: MediaKind,
    settings: &AnalysisSettings,
) -> Option<Reason> {
    let minimum = match kind {
        MediaKind::Image => 1,
        MediaKind::Video => settings.min_scored_frames,
    };
    let usable = faces.iter().filter(|face| face.usable).count() as u32;
    if usable >= minimum {
        return None;
    }
    let largest_px = (faces.iter())
        .map(|face| face.face.bounds.shorter_side_px())
        .fold(0.0, f32::max);
    if largest_px < settings.min_face_px as f32 {
        return Some(Reason::FaceTooSmall {
            largest_px: largest_px.round() as u32,
            minimum_px: settings.min_face_px,
        });
    }
    let sharpest = (faces.iter().filter(|face| is_large(&face.face, settings)))
        .map(|face| face.sharpness)
        .fold(0.0, f32::max);
    if sharpest < settings.min_sharpness {
        return Some(Reason::FaceTooBlurred {
            sharpest,
            minimum: settings.min_sharpness,
        });
    }
    Some(Reason::TooFewFrames { usable, minimum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FaceBox, Landmarks};
    use crate::media::{MediaLimits, SampleOptions};

    fn settings() -> AnalysisSettings {
        AnalysisSettings {
            sample: SampleOptions::default(),
            media: MediaLimits::default(),
            deadline: Duration::from_secs(60),
            decode_threads: 1,
            waiting_places: 0,
            min_face_px: 40,
            min_sharpness: 10.0,
            min_scored_frames: 3,
            max_faces_per_frame: 16,
            max_tracks: 2,
            jpeg_quality: 90,
        }
    }

    fn faces(count: usize, side_px: f32, sharpness: f32) -> Vec<ObservedFace> {
        let settings = settings();
        let face = Face {
            bounds: FaceBox {
                x: 0.0,
                y: 0.0,
                width: side_px,
                height: side_px * 1.2,
            },
            landmarks: Landmarks([[0.0; 2]; 5]),
            detection_score: 0.9,
        };
        (0..count)
            .map(|sample_index| ObservedFace {
                sample_index,
                face,
                sharpness,
                crop_artifact: String::new(),
                usable: is_large(&face, &settings) && sharpness >= settings.min_sharpness,
                crop: None,
            })
            .collect()
    }

    fn code(faces: &[ObservedFace], kind: MediaKind) -> Option<&'static str> {
        obstacle(faces, kind, &settings()).map(|reason| reason.code())
    }

    #[test]
    fn large_sharp_faces_in_enough_frames_meet_no_obstacle() {
        assert_eq!(code(&faces(3, 40.0, 10.0), MediaKind::Video), None);
    }

    #[test]
    fn each_obstacle_is_named_for_what_it_is() {
        let video = MediaKind::Video;
        assert_eq!(code(&faces(9, 39.0, 99.0), video), Some("face-too-small"));
        assert_eq!(code(&faces(9, 80.0, 9.0), video), Some("face-too-blurred"));
        assert_eq!(code(&faces(2, 80.0, 99.0), video), Some("too-few-frames"));
    }

    #[test]
    fn one_good_face_is_enough_in_a_still_image() {
        assert_eq!(code(&faces(1, 80.0, 99.0), MediaKind::Image), None);
        let blurred = code(&faces(1, 80.0, 1.0), MediaKind::Image);
        assert_eq!(blurred, Some("face-too-blurred"));
    }

    #[test]
    fn the_people_seen_longest_are_kept_in_the_order_of_their_numbers() {
        let track = |id, frames| Track {
            id,
            faces: vec![
                crate::domain::TrackedFace {
                    sample_index: 0,
                    face: faces(1, 80.0, 99.0)[0].face,
                };
                frames
            ],
        };
        let mut tracks = vec![track(0, 5), track(1, 1), track(2, 9)];
        keep_longest(&mut tracks, 2);
        let kept: Vec<u32> = tracks.iter().map(|track| track.id).collect();
        assert_eq!(kept, [0, 2]);
    }
}
