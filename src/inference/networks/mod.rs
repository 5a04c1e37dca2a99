//! The two networks, built from the sizes in their manifests and exactly the tensors of their
//! files. Raw logits come out; calibration is done by the caller.

mod clip_vit;
mod d3;
mod layers;
mod resnext;
mod sequence;
mod temporal;

pub(super) use d3::FrameNetwork;
pub(super) use sequence::{ClipLogits, SequenceNetwork};
