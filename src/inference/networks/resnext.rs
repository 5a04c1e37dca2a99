//! ResNeXt (Xie et al., 2017) in torchvision's layout, without its classifier: with stem 64,
//! stages 3-4-6-3 and 32 groups of 4 it is `resnext50_32x4d`.

use tch::Tensor;

use super::super::manifest::SequenceArchitecture;
use super::super::weights::Scope;
use super::layers::{ConvNorm, ConvShape};

/// Stem, stages and pooling: a picture to one feature.
pub(super) struct ResNext {
    stem: ConvNorm,
    blocks: Vec<Bottleneck>,
}

impl ResNext {
    /// Keys as in `nn.Sequential(*children[:-2])`: 0 and 1 the stem, 4 onwards the stages.
    pub(super) fn take(mut scope: Scope<'_>, shape: &SequenceArchitecture) -> Self {
        let stem_shape = ConvShape {
            inputs: 3,
            outputs: shape.stem_width,
            kernel: 7,
            stride: 2,
            groups: 1,
        };
        let stem = ConvNorm::take(&mut scope, "0", "1", &stem_shape);
        let mut blocks = Vec::new();
        let mut inputs = shape.stem_width;
        for (stage, &count) in shape.layers.iter().enumerate() {
            let mut stage_scope = scope.at(4 + stage);
            for index in 0..count {
                let block = BlockShape {
                    inputs,
                    width: (shape.groups * shape.width_per_group) << stage,
                    outputs: (shape.stem_width * 4) << stage,
                    stride: if stage > 0 && index == 0 { 2 } else { 1 },
                    groups: shape.groups,
                };
                inputs = block.outputs;
                blocks.push(Bottleneck::take(stage_scope.at(index), &block));
            }
        }
        Self { stem, blocks }
    }

    /// `[n, 3, side, side]` → `[n, features]`.
    pub(super) fn run(&self, pictures: &Tensor) -> Tensor {
        let stem = self.stem.run(pictures).relu_();
        let mut x = stem.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false);
        for block in &self.blocks {
            x = block.run(&x);
        }
        x.mean_dim([2i64, 3].as_slice(), false, None)
    }
}

struct BlockShape {
    inputs: i64,
    width: i64,
    outputs: i64,
    stride: i64,
    groups: i64,
}

/// 1×1 down, grouped 3×3 (which carries the stride), 1×1 up, around a shortcut.
struct Bottleneck {
    down: ConvNorm,
    grouped: ConvNorm,
    up: ConvNorm,
    shortcut: Option<ConvNorm>,
}

impl Bottleneck {
    fn take(mut scope: Scope<'_>, shape: &BlockShape) -> Self {
        let BlockShape {
            inputs,
            width,
            outputs,
            stride,
            groups,
        } = *shape;
        let conv = |inputs, outputs, kernel, stride, groups| ConvShape {
            inputs,
            outputs,
            kernel,
            stride,
            groups,
        };
        let reshapes = stride != 1 || inputs != outputs;
        Self {
            down: ConvNorm::take(&mut scope, "conv1", "bn1", &conv(inputs, width, 1, 1, 1)),
            grouped: ConvNorm::take(
                &mut scope,
                "conv2",
                "bn2",
                &conv(width, width, 3, stride, groups),
            ),
            up: ConvNorm::take(&mut scope, "conv3", "bn3", &conv(width, outputs, 1, 1, 1)),
            shortcut: reshapes.then(|| {
                let shape = conv(inputs, outputs, 1, stride, 1);
                ConvNorm::take(&mut scope.at("downsample"), "0", "1", &shape)
            }),
        }
    }

    fn run(&self, x: &Tensor) -> Tensor {
        let inner = self.down.run(x).relu_();
        let mut sum = self.up.run(&self.grouped.run(&inner).relu_());
        sum += self
            .shortcut
            .as_ref()
            .map_or_else(|| x.shallow_clone(), |s| s.run(x));
        sum.relu_()
    }
}
