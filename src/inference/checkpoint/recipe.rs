//! From what a file holds to the tensors of a network.

use tch::Tensor;

use super::{Checkpoint, Element, StoredTensor};

/// How a tensor is made of what the file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inference) enum Recipe {
    Whole(StoredTensor),
    /// Rows of tensors of one shape and type under each other.
    Joined([StoredTensor; 3]),
    Transposed(StoredTensor),
    /// One of three equal shares of the rows, counted from 0.
    Third(StoredTensor, i64),
}

impl Recipe {
    pub(in crate::inference) fn element(&self) -> Element {
        match self {
            Self::Whole(stored)
            | Self::Transposed(stored)
            | Self::Joined([stored, ..])
            | Self::Third(stored, _) => stored.element(),
        }
    }

    pub(in crate::inference) fn shape(&self) -> Vec<i64> {
        match self {
            Self::Whole(stored) => stored.shape().to_vec(),
            Self::Transposed(stored) => stored.shape().iter().rev().copied().collect(),
            Self::Joined([part, ..]) => {
                let mut shape = part.shape().to_vec();
                shape[0] *= 3;
                shape
            }
            Self::Third(joint, _) => {
                let mut shape = joint.shape().to_vec();
                shape[0] /= 3;
                shape
            }
        }
    }

    /// Reads it as [`Checkpoint::read`] does.
    pub(in crate::inference) fn read(&self, file: &Checkpoint) -> Result<Tensor, String> {
        Ok(match self {
            Self::Whole(stored) => file.read(stored)?,
            Self::Transposed(stored) => file.read(stored)?.tr().contiguous(),
            Self::Joined(parts) => {
                let read: Result<Vec<_>, _> = parts.iter().map(|part| file.read(part)).collect();
                Tensor::cat(&read?, 0)
            }
            Self::Third(joint, index) => {
                let rows = joint.shape()[0] / 3;
                file.read(joint)?.narrow(0, index * rows, rows).contiguous()
            }
        })
    }
}
