//! From the detector's maps to faces. Pure arithmetic, no OpenCV.
//!
//! Per stride `s` the network gives three maps over a grid of `height/s × width/s` cells: a
//! probability, a box and five points, all relative to the cell at row `r`, column `c`:
//! centre `((c+b0)s, (r+b1)s)`, size `(exp(b2)s, exp(b3)s)`, point n `((k[2n]+c)s, (k[2n+1]+r)s)`.

use crate::domain::{Face, FaceBox, Landmarks};

/// exp() of more than this is larger than any frame; the limit keeps sizes finite.
const LARGEST_LOG_SIZE: f32 = 8.0;

/// The three maps of one level, each channel `rows × columns` floats, row by row.
pub(super) struct Level<'a> {
    pub(super) stride: u32,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// `[1, rows, columns]`, probability 0 to 1.
    pub(super) scores: &'a [f32],
    /// `[4, rows, columns]`.
    pub(super) boxes: &'a [f32],
    /// `[10, rows, columns]`.
    pub(super) points: &'a [f32],
}

/// Faces of at least `threshold`, in pixels of the network's input, in map order.
pub(super) fn candidates(level: &Level<'_>, threshold: f32) -> Vec<Face> {
    let strong = |cell: &usize| level.scores[*cell] >= threshold;
    let cells = (0..level.rows * level.columns).filter(strong);
    cells.filter_map(|cell| face_at(level, cell)).collect()
}

/// `None` when the network gives something that is not a number.
fn face_at(level: &Level<'_>, cell: usize) -> Option<Face> {
    let area = level.rows * level.columns;
    let stride = level.stride as f32;
    let (row, column) = ((cell / level.columns) as f32, (cell % level.columns) as f32);
    let bounds = |channel: usize| level.boxes[channel * area + cell];
    let point = |channel: usize| level.points[channel * area + cell];

    let width = bounds(2).min(LARGEST_LOG_SIZE).exp() * stride;
    let height = bounds(3).min(LARGEST_LOG_SIZE).exp() * stride;
    let x = (column + bounds(0)) * stride - width / 2.0;
    let y = (row + bounds(1)) * stride - height / 2.0;
    let place = |n: usize| {
        [
            (point(2 * n) + column) * stride,
            (point(2 * n + 1) + row) * stride,
        ]
    };
    let landmarks = Landmarks(std::array::from_fn(place));
    let all_finite = [x, y, width, height]
        .iter()
        .chain(landmarks.0.iter().flatten())
        .all(|v| v.is_finite());
    (all_finite && width > 0.0 && height > 0.0).then_some(Face {
        bounds: FaceBox {
            x,
            y,
            width,
            height,
        },
        landmarks,
        detection_score: level.scores[cell].clamp(0.0, 1.0),
    })
}

/// The face in pixels of the original frame, which was scaled by `(x, y)` ratios.
pub(super) fn unscale(face: Face, ratio: (f32, f32)) -> Face {
    let FaceBox {
        x,
        y,
        width,
        height,
    } = face.bounds;
    Face {
        bounds: FaceBox {
            x: x / ratio.0,
            y: y / ratio.1,
            width: width / ratio.0,
            height: height / ratio.1,
        },
        landmarks: Landmarks(face.landmarks.0.map(|[x, y]| [x / ratio.0, y / ratio.1])),
        ..face
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_read_as_the_formula_says() {
        let (mut scores, mut boxes, mut points) = (vec![0.0; 6], vec![0.0; 24], vec![0.0; 60]);
        let cell = 4; // row 1, column 1 of a grid of 2 rows and 3 columns
        scores[cell] = 0.9;
        boxes[cell] = 0.5;
        boxes[2 * 6 + cell] = 2f32.ln();
        points[6 + cell] = -1.0; // y of the right eye
        let level = Level {
            stride: 8,
            rows: 2,
            columns: 3,
            scores: &scores,
            boxes: &boxes,
            points: &points,
        };
        let found = candidates(&level, 0.6);
        assert_eq!(found.len(), 1);
        let FaceBox {
            x,
            y,
            width,
            height,
        } = found[0].bounds;
        assert_eq!((x, y, height), (12.0 - 8.0, 8.0 - 4.0, 8.0));
        assert!((width - 16.0).abs() < 1e-5);
        assert_eq!(found[0].landmarks.0[0], [8.0, 0.0]);
        assert_eq!(found[0].landmarks.0[1], [8.0, 8.0]);
    }

    #[test]
    fn what_is_not_a_number_is_no_face() {
        let (scores, mut boxes, points) = (vec![1.0], vec![0.0; 4], vec![0.0; 10]);
        boxes[2] = f32::NAN;
        boxes[0] = f32::INFINITY;
        let level = Level {
            stride: 8,
            rows: 1,
            columns: 1,
            scores: &scores,
            boxes: &boxes,
            points: &points,
        };
        assert!(candidates(&level, 0.5).is_empty());
    }
}
