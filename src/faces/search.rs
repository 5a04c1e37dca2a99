//! The faces of successive frames, at a cost that follows the faces and not the frames.
//!
//! A look at a whole frame tells who is there; a look through a [`Window`] around a face tells exactly where, at a
//! fifth of the cost or less.
//!
//! 1. Every [`LONGEST_STRIDE`] frames a whole frame is looked at, and more often where frames lie far apart in time.
//! 2. Where two such looks agree (the same faces near the same places), each frame between them is looked at through
//!    one window a face, which shows it wherever between the two places it is. A face that is not found there, or a
//!    picture unlike both ends (a cut), makes it a look at the whole frame.
//! 3. Where they do not agree, the whole frame in the middle is looked at, and each half is treated alike. Two looks
//!    at nobody never agree: what is rarely seen is looked for in every frame.
//! 4. The faces of whole looks are then looked at through windows, too: places of one person that come from
//!    two scales would tremble from frame to frame, and a far face is read at all the pixels that the frame has.
//!
//! What can be missed beside looks at every frame: who comes and goes between two whole looks, at most
//! [`LONGEST_UNSEEN_S`] seconds, in a picture that hardly changes.

use super::FacesError;
use super::window::Window;
use crate::domain::{Face, FaceBox};

/// Most frames from one whole look to the next.
const LONGEST_STRIDE: usize = 8;
/// Most seconds from one whole look to the next.
const LONGEST_UNSEEN_S: f64 = 4.0;
/// Largest ratio of sizes between two looks at one face.
const LARGEST_SIZE_RATIO: f32 = 1.5;
/// Overlap with the place where it should be that makes a face the one looked for. It may have moved unevenly.
const EXPECTED_IOU: f32 = 0.2;
/// Overlap with the whole look's face that makes a closer look one at the same face.
const SAME_IOU: f32 = 0.5;
/// Share of the cost of a whole look that windows may come to.
const MOST_COST: f32 = 0.7;

/// What a search looks with.
pub(super) trait Look {
    /// The faces of a whole frame.
    fn at_whole(&mut self, frame: usize) -> Result<Vec<Face>, FacesError>;
    /// The faces seen through a window, in pixels of the frame.
    fn through(&mut self, frame: usize, window: &Window) -> Result<Vec<Face>, FacesError>;
    /// Width and height of a frame.
    fn size(&self, frame: usize) -> (u32, u32);
    /// Cost of a look through a window, that of a look at the whole frame being 1.
    fn window_cost(&self, frame: usize) -> f32;
    /// Whether two frames show different pictures, not the same one a moment later.
    fn is_cut(&self, one: usize, other: usize) -> bool;
    /// Whether a face is surely one.
    fn is_sure(&self, face: &Face) -> bool;
}

/// Frames from one whole look to the next, for frames that lie `spacing_s` apart. 1 is a whole look at each.
pub(super) fn stride(spacing_s: f64) -> usize {
    if spacing_s > 0.0 {
        ((LONGEST_UNSEEN_S / spacing_s) as usize).clamp(1, LONGEST_STRIDE)
    } else {
        1
    }
}

/// The faces of each of `count` frames. `tell` hears in how many of them they were looked for.
pub(super) fn search(
    look: &mut impl Look,
    count: usize,
    stride: usize,
    tell: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<Face>>, FacesError> {
    let mut search = Search {
        look,
        found: vec![None; count],
        looked_at: 0,
        tell,
    };
    let mut ends: Vec<usize> = (0..count).step_by(stride.max(1)).collect();
    if ends.last().is_some_and(|end| end + 1 < count) {
        ends.push(count - 1);
    }
    for &frame in &ends {
        search.look_at_whole(frame)?;
    }
    for gap in ends.windows(2) {
        search.fill(gap[0], gap[1])?;
    }
    if stride > 1 {
        search.look_closer()?;
    }
    Ok((search.found.into_iter())
        .map(|found| found.map_or_else(Vec::new, Found::into_faces))
        .collect())
}

#[derive(Debug, Clone)]
enum Found {
    Whole(Vec<Face>),
    ThroughWindows(Vec<Face>),
}

impl Found {
    fn faces(&self) -> &[Face] {
        let (Self::Whole(faces) | Self::ThroughWindows(faces)) = self;
        faces
    }

    fn into_faces(self) -> Vec<Face> {
        let (Self::Whole(faces) | Self::ThroughWindows(faces)) = self;
        faces
    }
}

/// One face at both ends of a gap.
struct Pair {
    from: FaceBox,
    to: FaceBox,
    /// Whether it has to be found between them.
    is_sure: bool,
}

impl Pair {
    /// Where it should be at `part` (0 to 1) of the way.
    fn expected(&self, part: f32) -> FaceBox {
        let between = |from: f32, to: f32| from + (to - from) * part;
        FaceBox {
            x: between(self.from.x, self.to.x),
            y: between(self.from.y, self.to.y),
            width: between(self.from.width, self.to.width),
            height: between(self.from.height, self.to.height),
        }
    }
}

struct Search<'a, L> {
    look: &'a mut L,
    found: Vec<Option<Found>>,
    looked_at: usize,
    tell: &'a mut dyn FnMut(usize),
}

impl<L: Look> Search<'_, L> {
    fn keep(&mut self, frame: usize, found: Found) {
        self.found[frame] = Some(found);
        self.looked_at += 1;
        (self.tell)(self.looked_at);
    }

    fn look_at_whole(&mut self, frame: usize) -> Result<(), FacesError> {
        let faces = self.look.at_whole(frame)?;
        self.keep(frame, Found::Whole(faces));
        Ok(())
    }

    fn faces(&self, frame: usize) -> &[Face] {
        self.found[frame].as_ref().map_or(&[], Found::faces)
    }

    /// The frames between two that were looked at whole.
    fn fill(&mut self, first: usize, last: usize) -> Result<(), FacesError> {
        if last - first < 2 {
            return Ok(());
        }
        let Some(pairs) = self.agree(first, last) else {
            let middle = first + (last - first) / 2;
            self.look_at_whole(middle)?;
            self.fill(first, middle)?;
            return self.fill(middle, last);
        };
        for frame in first + 1..last {
            let part = (frame - first) as f32 / (last - first) as f32;
            let is_cut = self.look.is_cut(frame, first) && self.look.is_cut(frame, last);
            let seen = if is_cut {
                None
            } else {
                self.look_between(frame, part, &pairs)?
            };
            match seen {
                Some(faces) => self.keep(frame, Found::ThroughWindows(faces)),
                None => self.look_at_whole(frame)?,
            }
        }
        Ok(())
    }

    /// The faces that both frames show. `None` where a sure one is in one of them alone, where there is no sure one, or
    /// where windows would cost too much.
    fn agree(&self, first: usize, last: usize) -> Option<Vec<Pair>> {
        let frame = self.look.size(first);
        if frame != self.look.size(last) {
            return None;
        }
        let (before, after) = (self.faces(first), self.faces(last));
        let mut taken = vec![false; after.len()];
        let mut pairs = Vec::new();
        for face in before {
            let free = (0..after.len()).filter(|&other| !taken[other]);
            let near =
                free.filter(|&other| is_same_place(frame, &face.bounds, &after[other].bounds));
            let distance = |other: usize| distance(&face.bounds, &after[other].bounds);
            match near.min_by(|&a, &b| distance(a).total_cmp(&distance(b))) {
                Some(other) => {
                    taken[other] = true;
                    pairs.push(Pair {
                        from: face.bounds,
                        to: after[other].bounds,
                        is_sure: self.look.is_sure(face) || self.look.is_sure(&after[other]),
                    });
                }
                None if self.look.is_sure(face) => return None,
                None => {}
            }
        }
        let is_left = |(other, face): (usize, &Face)| !taken[other] && self.look.is_sure(face);
        let is_new = after.iter().enumerate().any(is_left);
        let cost = pairs.len() as f32 * self.look.window_cost(first);
        let agree = !is_new && cost <= MOST_COST && pairs.iter().any(|pair| pair.is_sure);
        agree.then_some(pairs)
    }

    /// One face a pair; `None` where a sure one was not found, or one was found for two.
    fn look_between(
        &mut self,
        frame: usize,
        part: f32,
        pairs: &[Pair],
    ) -> Result<Option<Vec<Face>>, FacesError> {
        let mut faces: Vec<Face> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let Some(window) = Window::around(self.look.size(frame), &pair.from, &pair.to) else {
                return Ok(None);
            };
            let seen = self.look.through(frame, &window)?;
            match closest(&seen, &pair.expected(part), EXPECTED_IOU) {
                Some(face) if is_one_of(&faces, &face) => return Ok(None),
                Some(face) => faces.push(face),
                None if pair.is_sure => return Ok(None),
                None => {}
            }
        }
        Ok(Some(faces))
    }

    /// Places the sure faces of whole looks through windows; their scores stay.
    fn look_closer(&mut self) -> Result<(), FacesError> {
        for frame in 0..self.found.len() {
            if let Some(Found::Whole(faces)) = &self.found[frame] {
                let faces = self.closer(frame, faces.clone())?;
                self.found[frame] = Some(Found::Whole(faces));
            }
        }
        Ok(())
    }

    fn closer(&mut self, frame: usize, mut faces: Vec<Face>) -> Result<Vec<Face>, FacesError> {
        if faces.len() as f32 * self.look.window_cost(frame) > MOST_COST {
            return Ok(faces);
        }
        for face in &mut faces {
            let size = self.look.size(frame);
            let window = Window::around(size, &face.bounds, &face.bounds);
            let Some(window) = window.filter(|_| self.look.is_sure(face)) else {
                continue;
            };
            let seen = self.look.through(frame, &window)?;
            if let Some(closer) = closest(&seen, &face.bounds, SAME_IOU) {
                (face.bounds, face.landmarks) = (closer.bounds, closer.landmarks);
            }
        }
        Ok(faces)
    }
}

fn is_same_place(frame: (u32, u32), one: &FaceBox, other: &FaceBox) -> bool {
    let ratio = (one.area() / other.area()).sqrt();
    (1.0 / LARGEST_SIZE_RATIO..=LARGEST_SIZE_RATIO).contains(&ratio)
        && Window::around(frame, one, other).is_some()
}

fn distance(one: &FaceBox, other: &FaceBox) -> f32 {
    let (one, other) = (one.centre(), other.centre());
    (one.0 - other.0).hypot(one.1 - other.1)
}

fn closest(faces: &[Face], place: &FaceBox, least_iou: f32) -> Option<Face> {
    let shared = |face: &&Face| face.bounds.overlap_ratio(place);
    let best = faces
        .iter()
        .max_by(|a, b| shared(a).total_cmp(&shared(b)))?;
    (shared(&best) >= least_iou).then_some(*best)
}

fn is_one_of(faces: &[Face], face: &Face) -> bool {
    faces
        .iter()
        .any(|other| other.bounds.overlap_ratio(&face.bounds) > SAME_IOU)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
