//! ResNeXt (Xie et al., 2017) in torchvision's layout, without its classifier: with stem 64,
//! stages 3-4-6-3 and 32 groups of 4 it is `resnext50_32x4d`.

use tch::{Kind, Tensor};

use super::super::manifest::ResNeXtShape;
use super::super::weights::Scope;
use super::convolution::{ConvNorm, ConvShape, Convolution};
use super::fused::Kernels;

/// Stem, stages and pooling: a picture to one feature.
pub(super) struct ResNeXt {
    stem: Convolution,
    stages: Vec<Vec<Bottleneck>>,
}

impl ResNeXt {
    /// Keys as in `nn.Sequential(*children[:-2])`: 0 and 1 the stem, 4 onwards the stages.
    pub(super) fn take(mut scope: Scope<'_>, shape: &ResNeXtShape, kind: Kind) -> Self {
        let stem = ConvNorm::take(&mut scope, "0", "1", &stem_shape(shape.stem_width));
        let (mut stages, mut kernels) = (Vec::new(), Kernels::default());
        let mut inputs = shape.stem_width;
        for (stage, &count) in shape.layers.iter().enumerate() {
            let mut stage_scope = scope.at(4 + stage);
            let mut blocks = Vec::new();
            for index in 0..count {
                let block = BlockShape {
                    inputs,
                    width: (shape.groups * shape.width_per_group) << stage,
                    outputs: (shape.stem_width * 4) << stage,
                    stride: if stage > 0 && index == 0 { 2 } else { 1 },
                    groups: shape.groups,
                };
                inputs = block.outputs;
                let block_scope = stage_scope.at(index);
                blocks.push(Bottleneck::take(block_scope, &block, kind, &mut kernels));
            }
            stages.push(blocks);
        }
        Self {
            stem: stem.in_kind(kind, &mut kernels),
            stages,
        }
    }

    /// `[n, 3, side, side]` → what there is behind the last stage and, where one is named (counted from
    /// 1), behind `stage`.
    pub(super) fn run(&self, pictures: &Tensor, stage: Option<usize>) -> TrunkFeatures {
        let mut beside = None;
        let maps = self.run_stages(pictures, self.stages.len(), |number, x| {
            if stage == Some(number) {
                beside = Some(pooled(x));
            }
        });
        TrunkFeatures {
            features: pooled(&maps),
            stage: beside,
            maps,
        }
    }

    /// The pooled features after `stage` (counted from 1) alone; what comes later is not run.
    pub(super) fn run_to_stage(&self, pictures: &Tensor, stage: usize) -> Tensor {
        pooled(&self.run_stages(pictures, stage, |_, _| {}))
    }

    /// The first `count` stages; `seen` is shown each stage's number, from 1, and output.
    fn run_stages(
        &self,
        pictures: &Tensor,
        count: usize,
        mut seen: impl FnMut(usize, &Tensor),
    ) -> Tensor {
        let mut x = halve(&self.stem.rectified(pictures));
        for (index, blocks) in self.stages.iter().take(count).enumerate() {
            for block in blocks {
                x = block.run(x);
            }
            seen(index + 1, &x);
        }
        x
    }
}

/// What the trunk makes of pictures.
pub(in crate::inference) struct TrunkFeatures {
    /// `[n, features]` in 32 bits: the mean of `maps` over the grid.
    pub(in crate::inference) features: Tensor,
    /// The pooled features behind the stage that was asked for, `[n, channels of the stage]`.
    pub(in crate::inference) stage: Option<Tensor>,
    /// The last stage's output before pooling, `[n, features, side, side]`.
    pub(in crate::inference) maps: Tensor,
}

/// `[n, channels, height, width]` → `[n, channels]` in 32 bits.
pub(super) fn pooled(x: &Tensor) -> Tensor {
    x.mean_dim([2i64, 3].as_slice(), false, Kind::Float)
}

/// torchvision's first convolution, which halves the picture.
pub(super) fn stem_shape(outputs: i64) -> ConvShape {
    ConvShape {
        inputs: 3,
        outputs,
        kernel: 7,
        stride: 2,
        groups: 1,
    }
}

/// The pooling behind the stem, which halves it again.
pub(super) fn halve(x: &Tensor) -> Tensor {
    x.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)
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
    down: Convolution,
    grouped: Convolution,
    up: Convolution,
    shortcut: Option<Convolution>,
}

impl Bottleneck {
    fn take(mut scope: Scope<'_>, shape: &BlockShape, kind: Kind, kernels: &mut Kernels) -> Self {
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
        let mut part = |conv_name, norm_name, shape| {
            ConvNorm::take(&mut scope, conv_name, norm_name, &shape).in_kind(kind, kernels)
        };
        Self {
            down: part("conv1", "bn1", conv(inputs, width, 1, 1, 1)),
            grouped: part("conv2", "bn2", conv(width, width, 3, stride, groups)),
            up: part("conv3", "bn3", conv(width, outputs, 1, 1, 1)),
            shortcut: reshapes.then(|| {
                let shape = conv(inputs, outputs, 1, stride, 1);
                part("downsample.0", "downsample.1", shape)
            }),
        }
    }

    /// Takes its input, over which the result may be written.
    fn run(&self, x: Tensor) -> Tensor {
        let inner = self.grouped.rectified(&self.down.rectified(&x));
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.run(&x),
            None => x,
        };
        self.up.joined(&inner, shortcut)
    }
}
