//! What a network says of pictures.

use tch::Tensor;

/// Raw logits of pictures, in 32 bits.
pub(in crate::inference) struct PictureLogits {
    /// `[n, outputs]`, in the order of the manifest.
    pub(in crate::inference) outputs: Tensor,
    /// `[n, side, side]`, row by row: of P(manipulated) of every patch, where the network says it.
    pub(in crate::inference) mask: Option<Tensor>,
}
