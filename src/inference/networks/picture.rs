//! What a network says of pictures.

use tch::Tensor;

/// Raw logits of pictures, in 32 bits.
pub(in crate::inference) struct PictureLogits {
    /// `[n, outputs]`, in the order of the manifest.
    pub(in crate::inference) outputs: Tensor,
    /// Where the network sees it; `None` for one that does not say.
    pub(in crate::inference) maps: Option<PictureMaps>,
}

/// Maps of pictures, `[n, side, side]`, row by row.
pub(in crate::inference) enum PictureMaps {
    /// Logits of P(manipulated) of every patch, from a head that was trained to say it.
    Mask(Tensor),
    /// What every cell adds to the logit of FAKE; see [`super::relevance`].
    Contributions(Tensor),
}
