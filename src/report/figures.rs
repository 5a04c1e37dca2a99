//! A frame with its face marked, and the face with the map of where traces were seen.

use std::collections::BTreeMap;

use super::drawing::{Anchor, Area, Colour, Drawing, Mark};
use crate::domain::{FaceBox, FaceObservation, FrameResult, ManipulationMap};

/// Room for a frame, points.
const FRAME_WIDTH: f32 = 320.0;
const FRAME_HEIGHT: f32 = 180.0;
/// Side of the face beside it.
const CROP_SIDE: f32 = 160.0;
/// What a cell of which the model is sure covers.
const SUREST_OPACITY: f32 = 0.6;

type Pictures = BTreeMap<String, Vec<u8>>;

/// The frame, and beside it the face.
pub(super) fn exhibit<'a>(
    frame: &FrameResult,
    face: Option<&FaceObservation>,
    pictures: &'a Pictures,
) -> Vec<Drawing<'a>> {
    let whole = whole(frame, face, pictures);
    let crop = face.map(|face| crop(face, pictures));
    std::iter::once(whole).chain(crop).collect()
}

fn whole<'a>(
    frame: &FrameResult,
    face: Option<&FaceObservation>,
    pictures: &'a Pictures,
) -> Drawing<'a> {
    let description = format!("Frame {}", frame.frame_index);
    let Some((jpeg, width_px, height_px)) = picture(pictures, &frame.frame_artifact) else {
        return gone((FRAME_WIDTH, FRAME_HEIGHT), description);
    };
    let scale = (FRAME_WIDTH / width_px).min(FRAME_HEIGHT / height_px);
    let (width, height) = (width_px * scale, height_px * scale);
    let sheet = sheet(width, height);
    let mut marks = vec![Mark::Picture { area: sheet, jpeg }];
    if let Some(face) = face {
        marks.extend(face_box(&face.bounds, scale));
    }
    Drawing {
        width,
        height,
        marks,
        description,
    }
}

/// A light line within a dark one is seen on every picture.
fn face_box<'a>(bounds: &FaceBox, scale: f32) -> [Mark<'a>; 2] {
    let area = Area {
        x: bounds.x * scale,
        y: bounds.y * scale,
        width: bounds.width * scale,
        height: bounds.height * scale,
    };
    [(Colour::BLACK, 2.6), (Colour::WHITE, 1.2)].map(|(colour, width)| Mark::Outline {
        area,
        colour,
        width,
    })
}

fn crop<'a>(face: &FaceObservation, pictures: &'a Pictures) -> Drawing<'a> {
    let description = format!("Face of person {}", face.track_id);
    let Some((jpeg, ..)) = picture(pictures, &face.crop_artifact) else {
        return gone((CROP_SIDE, CROP_SIDE), description);
    };
    let area = sheet(CROP_SIDE, CROP_SIDE);
    let mut marks = vec![Mark::Picture { area, jpeg }];
    if let Some(map) = &face.manipulation_map {
        marks.extend(shades(map));
    }
    Drawing {
        width: CROP_SIDE,
        height: CROP_SIDE,
        marks,
        description,
    }
}

/// The cells above one half, each over its part of the crop.
fn shades<'a>(map: &ManipulationMap) -> Vec<Mark<'a>> {
    let covered = CROP_SIDE * map.covers_ratio();
    let begin = (CROP_SIDE - covered) / 2.0;
    let side = covered / map.side() as f32;
    let cells = map.cells().iter().enumerate();
    cells
        .filter(|(_, probability)| probability.get() > 0.5)
        .map(|(position, probability)| {
            let (row, column) = (position / map.side(), position % map.side());
            Mark::Fill {
                area: Area {
                    x: begin + side * column as f32,
                    y: begin + side * row as f32,
                    width: side,
                    height: side,
                },
                colour: Colour::VERMILION,
                opacity: (probability.get() - 0.5) * 2.0 * SUREST_OPACITY,
            }
        })
        .collect()
}

/// A picture and its size in pixels; `None` when it is not there or no picture any more.
fn picture<'a>(pictures: &'a Pictures, name: &str) -> Option<(&'a [u8], f32, f32)> {
    let jpeg = pictures.get(name)?;
    let size = imagesize::blob_size(jpeg).ok()?;
    let is_shown = size.width > 0 && size.height > 0;
    is_shown.then_some((jpeg.as_slice(), size.width as f32, size.height as f32))
}

fn sheet(width: f32, height: f32) -> Area {
    Area {
        x: 0.0,
        y: 0.0,
        width,
        height,
    }
}

/// Where a picture would be.
fn gone<'a>((width, height): (f32, f32), description: String) -> Drawing<'a> {
    let line = |text: &str, y: f32| Mark::Text {
        at: (width / 2.0, y),
        text: text.to_owned(),
        size: 9.0,
        colour: Colour::GREY,
        anchor: Anchor::Middle,
    };
    Drawing {
        width,
        height,
        marks: vec![
            Mark::Fill {
                area: sheet(width, height),
                colour: Colour::PALE,
                opacity: 1.0,
            },
            line("The picture is not", height / 2.0 - 5.0),
            line("in the store any more.", height / 2.0 + 8.0),
        ],
        description: format!("{description}: the picture is not in the store any more"),
    }
}
