//! Networks that judge a single picture.

use serde::Deserialize;

use super::super::checkpoint::Naming;
use super::super::image_model::ImageFormat;
use super::{Architecture, Kind, out_of_range, stage_problems};

/// The families; the fields of each stand beside `family`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "family")]
pub(in crate::inference) enum FrameArchitecture {
    #[serde(rename = "clip-vit-d3")]
    ClipVitD3(ClipVitD3),
    #[serde(rename = "clip-vit-linear")]
    ClipVitLinear(ClipVitLinear),
    #[serde(rename = "clip-vit-norm-linear")]
    ClipVitNormLinear(ClipVitNormLinear),
    #[serde(rename = "dinov2-vit")]
    DinoV2(DinoV2Shape),
    #[serde(rename = "resnet")]
    ResNet(ResNetShape),
    /// A module that the file holds whole, code and weights.
    #[serde(rename = "torchscript")]
    TorchScript(Whole),
    /// A graph that the file holds whole.
    #[serde(rename = "onnx")]
    Onnx(Whole),
}

/// A network that its file describes; the manifest has no sizes for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct Whole {}

/// A vision transformer. CLIP's ViT-L/14 is image 224, patch 14, width 1024, 24 layers, 16 heads.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::inference) struct ViTShape {
    /// Side of the input.
    image_px: i64,
    /// Side of a patch.
    pub(in crate::inference) patch_px: i64,
    pub(in crate::inference) width: i64,
    pub(in crate::inference) layers: i64,
    pub(in crate::inference) heads: i64,
}

/// D3: the picture and its shuffled patches, compared by attention. One logit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct ClipVitD3 {
    #[serde(flatten)]
    pub(in crate::inference) tower: ViTShape,
    /// Seed of the patch permutation; this or `permutation`.
    pub(in crate::inference) permutation_seed: Option<i64>,
    /// The patch permutation itself: patch i of the shuffled picture is patch `permutation[i]`.
    pub(in crate::inference) permutation: Option<Vec<i64>>,
}

/// UniversalFakeDetect: one linear layer on CLIP's projected feature. One logit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct ClipVitLinear {
    #[serde(flatten)]
    pub(in crate::inference) tower: ViTShape,
    /// Width of the projected feature; 768 in ViT-L/14.
    pub(in crate::inference) embed_width: i64,
}

/// GenD: one linear layer on the class feature of unit length. Two logits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct ClipVitNormLinear {
    #[serde(flatten)]
    pub(in crate::inference) tower: ViTShape,
}

/// DINOv2 with a head on the class feature beside the mean patch feature. ViT-S/14 is patch 14,
/// width 384, 12 layers, 6 heads; the image has any side that patches fill. One logit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct DinoV2Shape {
    #[serde(flatten)]
    pub(in crate::inference) tower: ViTShape,
    pub(in crate::inference) head: DinoV2Head,
    /// Whether a second head says of every patch how manipulated it looks.
    #[serde(default = "has_mask_head")]
    pub(in crate::inference) mask_head: bool,
    /// Patches along a side of the pictures it learnt its positions on: 518 px, 37 patches.
    #[serde(default = "published_grid")]
    pub(in crate::inference) position_grid: i64,
    /// The patches that it looks at, where it is not all of them.
    pub(in crate::inference) field: Option<PatchField>,
}

/// A rectangle of the grid of patches, `[first row, first column, rows, columns]`. After alignment a
/// face fills the middle of its picture; patches that never hold one cost as much as those that do.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(from = "[i64; 4]")]
pub(in crate::inference) struct PatchField {
    pub(in crate::inference) top: i64,
    pub(in crate::inference) left: i64,
    pub(in crate::inference) rows: i64,
    pub(in crate::inference) columns: i64,
}

impl From<[i64; 4]> for PatchField {
    fn from([top, left, rows, columns]: [i64; 4]) -> Self {
        Self {
            top,
            left,
            rows,
            columns,
        }
    }
}

impl PatchField {
    /// Whether it holds a patch and lies in a grid of so many patches a side.
    fn lies_within(self, grid: i64) -> bool {
        let fits = |first: i64, count: i64| {
            first >= 0 && count >= 1 && first.checked_add(count).is_some_and(|end| end <= grid)
        };
        fits(self.top, self.rows) && fits(self.left, self.columns)
    }
}

/// What reads the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::inference) enum DinoV2Head {
    /// One linear layer.
    Linear,
}

fn has_mask_head() -> bool {
    true
}

fn published_grid() -> i64 {
    37
}

/// torchvision's ResNet of basic blocks. ResNet-18 is stem 64, layers 2-2-2-2. Two logits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct ResNetShape {
    /// Channels of the stem; stage i gives `stem_width·2^i`.
    pub(in crate::inference) stem_width: i64,
    /// Blocks per stage.
    pub(in crate::inference) layers: Vec<i64>,
    /// Where the linear layer stands in the file.
    #[serde(default)]
    pub(in crate::inference) head: ResNetHead,
}

/// Name of a ResNet's linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(in crate::inference) enum ResNetHead {
    #[default]
    #[serde(rename = "fc")]
    Fc,
    /// `fc` is a sequence of dropout and the linear layer.
    #[serde(rename = "fc.1")]
    Fc1,
}

impl FrameArchitecture {
    /// How to read the file of an image model that a user brought whole; `None` for the networks
    /// that are built here from tensors.
    pub(in crate::inference) fn image_format(&self) -> Option<ImageFormat> {
        match self {
            Self::TorchScript(_) => Some(ImageFormat::TorchScript),
            Self::Onnx(_) => Some(ImageFormat::Onnx),
            Self::ClipVitD3(_)
            | Self::ClipVitLinear(_)
            | Self::ClipVitNormLinear(_)
            | Self::DinoV2(_)
            | Self::ResNet(_) => None,
        }
    }
}

impl ViTShape {
    /// Patches along a side.
    pub(in crate::inference) fn grid(&self) -> i64 {
        self.image_px / self.patch_px
    }

    /// Patches in a picture.
    pub(in crate::inference) fn patches(&self) -> i64 {
        self.grid().pow(2)
    }

    fn problems(&self, size_px: i64) -> Vec<String> {
        let mut problems = out_of_range(&[
            ("image_px", self.image_px),
            ("patch_px", self.patch_px),
            ("width", self.width),
            ("layers", self.layers),
            ("heads", self.heads),
        ]);
        if !problems.is_empty() {
            return problems;
        }
        if self.image_px % self.patch_px != 0 {
            problems.push("architecture.patch_px must divide image_px".into());
        }
        if self.width % self.heads != 0 {
            problems.push("architecture.heads must divide width".into());
        }
        if self.image_px != size_px {
            problems.push("architecture.image_px must equal preprocess.size_px".into());
        }
        problems
    }
}

impl ClipVitD3 {
    fn problems(&self, size_px: i64) -> Vec<String> {
        let mut problems = self.tower.problems(size_px);
        match (&self.permutation_seed, &self.permutation) {
            (Some(_), None) => {}
            (None, Some(order)) => {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                if problems.is_empty() && !sorted.into_iter().eq(0..self.tower.patches()) {
                    problems.push(format!(
                        "architecture.permutation must hold each of 0 to {} once",
                        self.tower.patches() - 1
                    ));
                }
            }
            (Some(_), Some(_)) | (None, None) => problems
                .push("architecture needs either permutation_seed or permutation, not both".into()),
        }
        problems
    }
}

impl DinoV2Shape {
    /// Largest grid of positions; keeps the table small enough to count its numbers.
    const LARGEST_GRID: i64 = 256;

    fn problems(&self, size_px: i64) -> Vec<String> {
        let mut problems = self.tower.problems(size_px);
        if !(1..=Self::LARGEST_GRID).contains(&self.position_grid) {
            problems.push(format!(
                "architecture.position_grid must lie between 1 and {}, got {}",
                Self::LARGEST_GRID,
                self.position_grid
            ));
        }
        if let (Some(field), true) = (self.field, problems.is_empty()) {
            let grid = self.tower.grid();
            if !field.lies_within(grid) {
                problems.push(format!(
                    "architecture.field must be [first row, first column, rows, columns] within {grid} patches a side"
                ));
            }
            if !self.mask_head {
                problems.push("architecture.field needs the mask head".into());
            }
        }
        problems
    }
}

impl ResNetShape {
    /// Channels of the last stage, the width of a picture's feature.
    pub(in crate::inference) fn feature_width(&self) -> i64 {
        self.stem_width << (self.layers.len() - 1)
    }

    fn problems(&self, size_px: i64) -> Vec<String> {
        let mut problems = out_of_range(&[("stem_width", self.stem_width)]);
        problems.extend(stage_problems(&self.layers));
        if size_px < 32 {
            problems.push("preprocess.size_px must be at least 32".into());
        }
        problems
    }
}

impl Architecture for FrameArchitecture {
    const KIND: Kind = Kind::Frame;

    fn name(&self) -> &'static str {
        match self {
            Self::ClipVitD3(_) => "clip-vit-d3",
            Self::ClipVitLinear(_) => "clip-vit-linear",
            Self::ClipVitNormLinear(_) => "clip-vit-norm-linear",
            Self::DinoV2(_) => "dinov2-vit",
            Self::ResNet(_) => "resnet",
            Self::TorchScript(_) => "torchscript",
            Self::Onnx(_) => "onnx",
        }
    }

    fn outputs(&self) -> Option<usize> {
        match self {
            Self::ClipVitD3(_) | Self::ClipVitLinear(_) | Self::DinoV2(_) => Some(1),
            Self::ClipVitNormLinear(_) | Self::ResNet(_) => Some(2),
            Self::TorchScript(_) | Self::Onnx(_) => None,
        }
    }

    fn naming(&self) -> Naming {
        match self {
            Self::ClipVitD3(_) | Self::ClipVitLinear(_) | Self::ClipVitNormLinear(_) => {
                Naming::Clip
            }
            Self::DinoV2(_) => Naming::DinoV2,
            Self::ResNet(_) | Self::TorchScript(_) | Self::Onnx(_) => Naming::Own,
        }
    }

    fn problems(&self, size_px: i64) -> Vec<String> {
        match self {
            Self::ClipVitD3(shape) => shape.problems(size_px),
            Self::ClipVitLinear(shape) => {
                let mut problems = shape.tower.problems(size_px);
                problems.extend(out_of_range(&[("embed_width", shape.embed_width)]));
                problems
            }
            Self::ClipVitNormLinear(shape) => shape.tower.problems(size_px),
            Self::DinoV2(shape) => shape.problems(size_px),
            Self::ResNet(shape) => shape.problems(size_px),
            Self::TorchScript(_) | Self::Onnx(_) => Vec::new(),
        }
    }
}
