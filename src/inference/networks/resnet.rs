//! ResNet of basic blocks (He et al., 2016) in torchvision's layout with its classifier: with stem
//! 64 and stages 2-2-2-2 it is `resnet18` with two classes.

use tch::{Kind, Tensor};

use super::super::manifest::{ResNetHead, ResNetShape};
use super::super::weights::Scope;
use super::convolution::{ConvNorm, ConvShape, Convolution};
use super::fused::Kernels;
use super::layers::Linear;
use super::picture::{PictureLogits, PictureMaps};
use super::relevance::{TowardsFake, followed_back, of_pooled};
use super::resnext::{halve, stem_shape};

/// Pictures to two logits.
pub(in crate::inference) struct ResNet {
    stem: Convolution,
    blocks: Vec<BasicBlock>,
    classifier: Linear,
}

impl ResNet {
    /// Keys `conv1`, `bn1`, `layer1` onwards, and the classifier's.
    pub(super) fn take(scope: &mut Scope<'_>, shape: &ResNetShape, kind: Kind) -> Self {
        let stem = ConvNorm::take(scope, "conv1", "bn1", &stem_shape(shape.stem_width));
        let (mut blocks, mut kernels) = (Vec::new(), Kernels::default());
        let mut inputs = shape.stem_width;
        for (stage, &count) in shape.layers.iter().enumerate() {
            let mut stage_scope = scope.at(format_args!("layer{}", stage + 1));
            for index in 0..count {
                let outputs = shape.stem_width << stage;
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let (block_scope, sizes) = (stage_scope.at(index), [inputs, outputs, stride]);
                blocks.push(BasicBlock::take(block_scope, sizes, kind, &mut kernels));
                inputs = outputs;
            }
        }
        let head = match shape.head {
            ResNetHead::Fc => scope.at("fc"),
            ResNetHead::Fc1 => scope.at("fc.1"),
        };
        Self {
            stem: stem.in_kind(kind, &mut kernels),
            blocks,
            classifier: Linear::take(head, shape.feature_width(), 2),
        }
    }

    /// `[n, 3, side, side]` → `[n, 2]`.
    pub(super) fn run(&self, pictures: &Tensor, towards: TowardsFake<'_>) -> PictureLogits {
        let mut x = halve(&self.stem.rectified(pictures));
        for block in &self.blocks {
            x = block.run(x);
        }
        let features = x.mean_dim([2i64, 3].as_slice(), false, Kind::Float);
        let (outputs, gradient) = followed_back(&features, |features| {
            let outputs = self.classifier.run(features);
            let logit = towards(&outputs);
            (outputs, logit)
        });
        PictureLogits {
            outputs,
            maps: Some(PictureMaps::Contributions(of_pooled(&x, &gradient))),
        }
    }
}

/// Two 3×3 convolutions, the first of which carries the stride, around a shortcut.
struct BasicBlock {
    first: Convolution,
    second: Convolution,
    shortcut: Option<Convolution>,
}

impl BasicBlock {
    fn take(
        mut scope: Scope<'_>,
        [inputs, outputs, stride]: [i64; 3],
        kind: Kind,
        kernels: &mut Kernels,
    ) -> Self {
        let mut part = |conv_name, norm_name, inputs, kernel, stride| {
            let shape = ConvShape {
                inputs,
                outputs,
                kernel,
                stride,
                groups: 1,
            };
            ConvNorm::take(&mut scope, conv_name, norm_name, &shape).in_kind(kind, kernels)
        };
        Self {
            first: part("conv1", "bn1", inputs, 3, stride),
            second: part("conv2", "bn2", outputs, 3, 1),
            shortcut: (stride != 1 || inputs != outputs)
                .then(|| part("downsample.0", "downsample.1", inputs, 1, stride)),
        }
    }

    /// Takes its input, over which the result may be written.
    fn run(&self, x: Tensor) -> Tensor {
        let inner = self.first.rectified(&x);
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.run(&x),
            None => x,
        };
        self.second.joined(&inner, shortcut)
    }
}
