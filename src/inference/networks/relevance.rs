//! Which parts of a picture speak for FAKE, for networks without a map of their own.
//!
//! The logit of FAKE is followed back to the last place where the activations still lie on a grid. What
//! a cell contributes is the sum over its channels of activation × ∂logit/∂activation: to first order
//! the part of the logit that would go if the cell were empty.
//!
//! - Behind a convolutional trunk whose features are the mean over the grid, the gradient is the same at
//!   every cell, and this is Grad-CAM (Selvaraju et al., ICCV 2017, section 3) before its ReLU.
//! - In a transformer whose class token is read, the grid is that of the patch tokens that enter the
//!   last block, where alone patches still reach what is read. There the gradient differs from cell to
//!   cell and is not averaged (as in HiResCAM, Draelos and Carin 2020).
//!
//! Only what lies behind that place runs with gradients, which costs about a block more.

use tch::{Kind, Tensor};

/// From raw outputs `[n, outputs]` to what speaks for FAKE, `[n]`; linear.
pub(in crate::inference) type TowardsFake<'a> = &'a dyn Fn(&Tensor) -> Tensor;

/// What `judge` makes of `activations`, without gradients, and the gradient of the logit that it gives
/// beside that, in the shape of `activations`.
pub(super) fn followed_back(
    activations: &Tensor,
    judge: impl FnOnce(&Tensor) -> (Tensor, Tensor),
) -> (Tensor, Tensor) {
    tch::with_grad(|| {
        let leaf = activations.detach().set_requires_grad(true);
        let (outputs, logit) = judge(&leaf);
        let logit = logit.sum(Kind::Float);
        let mut gradients = Tensor::run_backward(&[logit], &[&leaf], false, false);
        let gradient = gradients.pop().expect("one gradient for one input");
        (outputs.detach(), gradient)
    })
}

/// Contributions of the cells of `maps`, `[n, channels, side, side]`, whose mean over the grid are the
/// features of which `gradient`, `[n, channels]`, is the logit's: `[n, side, side]`.
pub(super) fn of_pooled(maps: &Tensor, gradient: &Tensor) -> Tensor {
    let (_, _, height, width) = maps.size4().expect("maps are [n, channels, side, side]");
    let weights = gradient.unsqueeze(-1).unsqueeze(-1);
    let weighted = maps.to_kind(Kind::Float) * weights;
    weighted.sum_dim_intlist([1i64].as_slice(), false, Kind::Float) / (height * width) as f64
}

/// Contributions of patch tokens `[n, patches, width]` of a square grid: `[n, side, side]`.
pub(super) fn of_tokens(tokens: &Tensor, gradient: &Tensor) -> Tensor {
    let (count, patches, _) = tokens.size3().expect("tokens are [n, patches, width]");
    let side = (patches as f64).sqrt().round() as i64;
    let products = tokens.to_kind(Kind::Float) * gradient.to_kind(Kind::Float);
    let sums = products.sum_dim_intlist([2i64].as_slice(), false, Kind::Float);
    sums.view([count, side, side])
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn behind_a_mean_and_a_linear_layer_the_contributions_are_the_whole_logit() {
        tch::manual_seed(7);
        let _guard = tch::no_grad_guard();
        let maps = Tensor::randn([3, 5, 4, 4], (Kind::Float, Device::Cpu));
        let weights = Tensor::randn([5], (Kind::Float, Device::Cpu));
        let features = maps.mean_dim([2i64, 3].as_slice(), false, Kind::Float);
        let (outputs, gradient) = followed_back(&features, |features| {
            let logit = features.matmul(&weights);
            (logit.unsqueeze(1), logit)
        });
        let contributions = of_pooled(&maps, &gradient);
        let whole = contributions.sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Float);
        let off = f64::try_from((whole - outputs.squeeze_dim(1)).abs().max()).unwrap();
        assert!(off < 1e-5, "{off}");
        assert!(!outputs.requires_grad());
    }

    #[test]
    fn a_token_that_is_not_read_contributes_nothing() {
        let _guard = tch::no_grad_guard();
        let tokens = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([1, 4, 3]);
        let (_, gradient) = followed_back(&tokens, |tokens| {
            let read = tokens.select(1, 2).select(1, 1) * 2.0;
            (read.shallow_clone(), read)
        });
        let contributions = Vec::<f32>::try_from(of_tokens(&tokens, &gradient).view([4])).unwrap();
        assert_eq!(contributions, [0.0, 0.0, 14.0, 0.0]);
    }
}
