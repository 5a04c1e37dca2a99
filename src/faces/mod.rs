//! Detection, tracking and aligned crops: the only place that names OpenCV and ONNX Runtime.
//!
//! 1. [`Detector::detect`] finds faces with five landmarks in a picture, and [`Detector::detect_all`] those
//!    of a film's frames, most of which it looks at through small windows.
//! 2. [`track`] links them through the frames, one [`crate::domain::Track`] a person, and
//!    [`confirmed`] keeps the tracks that are surely people.
//! 3. [`aligned_crop`] puts each face onto a canvas as the networks were trained on it, and
//!    [`sharpness`] says whether the crop shows enough to judge.
//!
//! OpenCV keeps thread-local state: use a [`Detector`] on one thread, and bound OpenCV's own
//! threads with [`bound_threads`], the network's with [`Detector::bound_threads`].

mod assignment;
mod crop;
mod decode;
mod detector;
mod error;
mod film;
mod fit;
mod manifest;
mod network;
mod picture;
mod search;
mod similarity;
mod suppress;
mod track;
mod window;

pub use crop::{aligned_crop, crop_corners, sharpness};
pub use detector::{Detector, bound_threads};
pub use error::FacesError;
pub use track::{confirmed, track};
