//! A square part of a frame around a face, at a size at which the detector reads faces well.

use opencv::core::{Mat, Rect, Size};

use super::{FacesError, picture};
use crate::domain::{Face, FaceBox, Landmarks, Rgb8Image};

/// Side of the square that the detector is given. It holds a face of half that side, which is about the size in
/// the detector's training pictures at which its landmarks are best.
pub(super) const WINDOW_PX: u32 = 192;
/// Room on each side of a face, in its longer sides: what the detector needs to see of a head.
const MARGIN_SIZES: f32 = 0.5;
/// A window that shrinks a face below this is no window for it: landmarks suffer (model card, "scaled to 40 px").
const SMALLEST_FACE_PX: f32 = 48.0;

/// A square in whole pixels of the frame, clipped to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    /// What of the frame is seen.
    seen: Rect,
    /// Its size in the detector's square.
    scaled: Size,
    /// Where in the detector's square it lies; black surrounds it.
    left_px: i32,
    top_px: i32,
}

impl Window {
    /// The window that shows a face wherever between two places it is. `None` where they lie so far apart that the
    /// face would be too small in it, or where there is no picture.
    pub(super) fn around(frame: (u32, u32), from: &FaceBox, to: &FaceBox) -> Option<Self> {
        let (left, top) = (from.x.min(to.x), from.y.min(to.y));
        let right = (from.x + from.width).max(to.x + to.width);
        let bottom = (from.y + from.height).max(to.y + to.height);
        let longest = [from.width, from.height, to.width, to.height]
            .into_iter()
            .fold(0.0, f32::max);
        let needed = (right - left).max(bottom - top) + 2.0 * MARGIN_SIZES * longest;
        // Never scaled up, and never so large that it could not be cut out.
        let side = needed.max(WINDOW_PX as f32).ceil();
        let largest = (2 * frame.0.max(frame.1)).max(WINDOW_PX) as f32;
        // `max` and `min` pass over what is not a number.
        let is_number = [from, to]
            .iter()
            .all(|place| (place.x + place.y + place.area()).is_finite());
        if !is_number || needed <= 0.0 || side > largest {
            return None;
        }
        let ratio = WINDOW_PX as f32 / side;
        let smallest = from.shorter_side_px().min(to.shorter_side_px()) * ratio;
        let is_readable = ratio >= 1.0 || smallest >= SMALLEST_FACE_PX;
        let centre = ((left + right) / 2.0, (top + bottom) / 2.0);
        is_readable
            .then(|| Self::clipped(frame, centre, side))
            .flatten()
    }

    fn clipped(frame: (u32, u32), centre: (f32, f32), side: f32) -> Option<Self> {
        let across = Extent::of(frame.0, centre.0, side)?;
        let down = Extent::of(frame.1, centre.1, side)?;
        Some(Self {
            seen: Rect::new(
                across.start_px,
                down.start_px,
                across.length_px,
                down.length_px,
            ),
            scaled: Size::new(across.scaled_px, down.scaled_px),
            left_px: across.offset_px,
            top_px: down.offset_px,
        })
    }

    /// What the detector is given: [`WINDOW_PX`] squared.
    pub(super) fn apply(&self, image: &Rgb8Image) -> Result<Mat, FacesError> {
        let frame = picture::view(image)?;
        let seen = Mat::roi(&frame, self.seen)
            .map_err(FacesError::while_doing("cut a window out of a frame"))?;
        let square = Size::new(WINDOW_PX as i32, WINDOW_PX as i32);
        let corner = (self.left_px, self.top_px);
        if self.scaled == self.seen.size() {
            picture::place(&seen, square, corner)
        } else {
            picture::place(&picture::shrink(&seen, self.scaled)?, square, corner)
        }
    }

    /// Whether a point of the frame is seen.
    #[cfg(test)]
    pub(super) fn shows(&self, point: (f32, f32)) -> bool {
        let inside =
            |v: f32, start: i32, length: i32| (start as f32..(start + length) as f32).contains(&v);
        inside(point.0, self.seen.x, self.seen.width)
            && inside(point.1, self.seen.y, self.seen.height)
    }

    /// A face of the detector's square in pixels of the frame.
    pub(super) fn to_frame(self, face: Face) -> Face {
        let ratio_x = self.scaled.width as f32 / self.seen.width as f32;
        let ratio_y = self.scaled.height as f32 / self.seen.height as f32;
        let x = |x: f32| (x - self.left_px as f32) / ratio_x + self.seen.x as f32;
        let y = |y: f32| (y - self.top_px as f32) / ratio_y + self.seen.y as f32;
        let bounds = face.bounds;
        Face {
            bounds: FaceBox {
                x: x(bounds.x),
                y: y(bounds.y),
                width: bounds.width / ratio_x,
                height: bounds.height / ratio_y,
            },
            landmarks: Landmarks(face.landmarks.0.map(|point| [x(point[0]), y(point[1])])),
            ..face
        }
    }
}

/// One direction of a window.
struct Extent {
    start_px: i32,
    length_px: i32,
    scaled_px: i32,
    offset_px: i32,
}

impl Extent {
    /// The part of `0..frame_px` that `side` px around `centre` cover. `None` where they cover none.
    fn of(frame_px: u32, centre: f32, side: f32) -> Option<Self> {
        let ratio = WINDOW_PX as f32 / side;
        let from = (centre - side / 2.0).round();
        let start = from.max(0.0);
        let end = (from + side).min(frame_px as f32);
        // What is not a number covers nothing either.
        let length = Some(end - start).filter(|length| *length >= 1.0)?;
        let offset_px = (((start - from) * ratio).round() as i32).min(WINDOW_PX as i32 - 1);
        let scaled_px = ((length * ratio).round() as i32).clamp(1, WINDOW_PX as i32 - offset_px);
        Some(Self {
            start_px: start as i32,
            length_px: length as i32,
            scaled_px,
            offset_px,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn square(x: f32, y: f32, side: f32) -> FaceBox {
        FaceBox {
            x,
            y,
            width: side,
            height: side,
        }
    }

    fn around(place: FaceBox) -> Option<Window> {
        Window::around((1920, 1080), &place, &place)
    }

    #[test]
    fn a_large_face_is_shrunk_to_half_of_the_square_and_a_small_one_is_left_as_it_is() {
        let large = around(square(800.0, 300.0, 400.0)).unwrap();
        assert_eq!(large.seen, Rect::new(600, 100, 800, 800));
        assert_eq!(large.scaled, Size::new(192, 192));
        let small = around(square(800.0, 300.0, 40.0)).unwrap();
        assert_eq!(small.seen.size(), small.scaled);
    }

    #[test]
    fn black_stands_for_what_lies_past_the_edges() {
        let image = Rgb8Image::new(300, 300, vec![200; 270_000]).unwrap();
        let corner = square(-20.0, -20.0, 100.0);
        let window = Window::around((300, 300), &corner, &corner).unwrap();
        let seen = picture::to_image(&window.apply(&image).unwrap()).unwrap();
        assert_eq!((seen.width_px(), seen.height_px()), (WINDOW_PX, WINDOW_PX));
        assert_eq!(seen.pixels().first(), Some(&0));
        assert_eq!(seen.pixels().last(), Some(&200));
    }

    #[test]
    fn places_far_apart_have_no_window_in_common() {
        let (from, to) = (square(100.0, 100.0, 150.0), square(1500.0, 100.0, 150.0));
        assert_eq!(Window::around((1920, 1080), &from, &to), None);
    }

    #[test]
    fn what_lies_outside_of_the_picture_or_is_not_a_number_has_no_window() {
        assert_eq!(around(square(5000.0, 100.0, 100.0)), None);
        assert_eq!(around(square(f32::NAN, 100.0, 100.0)), None);
        assert_eq!(around(square(0.0, 0.0, f32::INFINITY)), None);
        assert_eq!(around(square(0.0, 0.0, 1e30)), None);
    }

    proptest! {
        #[test]
        fn any_window_lies_within_the_frame_and_its_square(
            frame in (1u32..5000, 1u32..5000),
            from in (-2000f32..6000.0, -2000f32..6000.0, 0.1f32..4000.0),
            to in (-2000f32..6000.0, -2000f32..6000.0, 0.1f32..4000.0),
        ) {
            let [from, to] = [from, to].map(|(x, y, side)| square(x, y, side));
            if let Some(window) = Window::around(frame, &from, &to) {
                let Window { seen, scaled, left_px, top_px } = window;
                prop_assert!(seen.x >= 0 && seen.y >= 0 && seen.width > 0 && seen.height > 0);
                prop_assert!(seen.x + seen.width <= frame.0 as i32 && seen.y + seen.height <= frame.1 as i32);
                prop_assert!(left_px >= 0 && left_px + scaled.width <= WINDOW_PX as i32);
                prop_assert!(top_px >= 0 && top_px + scaled.height <= WINDOW_PX as i32);
            }
        }

        #[test]
        fn a_place_in_the_square_is_the_same_place_in_the_frame(
            x in 0f32..1500.0, y in 0f32..700.0, side in 20f32..400.0,
        ) {
            let place = square(x, y, side);
            let window = Window::around((1920, 1080), &place, &place).unwrap();
            let ratio = window.scaled.width as f32 / window.seen.width as f32;
            let inside = |v: f32, start: i32, offset: i32| (v - start as f32) * ratio + offset as f32;
            let face = Face {
                bounds: FaceBox {
                    x: inside(x, window.seen.x, window.left_px),
                    y: inside(y, window.seen.y, window.top_px),
                    width: side * ratio,
                    height: side * ratio,
                },
                landmarks: Landmarks([[0.0; 2]; 5]),
                detection_score: 0.9,
            };
            let back = window.to_frame(face).bounds;
            for (back, place) in [(back.x, x), (back.y, y), (back.width, side), (back.height, side)] {
                prop_assert!((back - place).abs() < 0.03 * side + 4.0, "{back} for {place}");
            }
        }
    }
}
