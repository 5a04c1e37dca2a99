//! Published networks as manifests: sizes, preprocessing and label order as their authors' code
//! has them.
//!
//! Faces come to every network as the aligned canvas, 1.3 times the face template. Where the
//! published program cut faces without a margin, the centre of the canvas is used
//! (`centre_ratio = 0.77`); where it looked at whole pictures, the whole canvas.

use clap::ValueEnum;

const IMAGENET: Normalisation = Normalisation {
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
};
const CLIP: Normalisation = Normalisation {
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    std: [0.268_629_54, 0.261_302_58, 0.275_777_11],
};
const NONE: Normalisation = Normalisation {
    mean: [0.0, 0.0, 0.0],
    std: [1.0, 1.0, 1.0],
};

/// Side of the canvas that faces are aligned on.
const CANVAS_PX: u32 = framewitness::domain::CROP_CANVAS_PX;
/// Undoes the canvas' margin of 1.3.
const WITHOUT_MARGIN: f64 = 0.77;

const RESNEXT50: &str =
    "stem_width = 64\nlayers = [3, 4, 6, 3]\ngroups = 32\nwidth_per_group = 4\n";
const DINOV2_VIT_S14: &str = "image_px = 224\npatch_px = 14\nwidth = 384\nlayers = 12\nheads = 6\n";
const VIT_L14: &str = "image_px = 224\npatch_px = 14\nwidth = 1024\nlayers = 24\nheads = 16\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// ResNeXt-50, two-layer BiLSTM, 4 heads, GELU (deep_fake_api).
    SeedBilstm,
    /// Its twin with 8 heads and ReLU; the file does not tell them apart.
    SeedBilstmRelu8,
    /// The one-layer network before it.
    SeedBilstmOld,
    /// ResNeXt-50 and LSTM (abhijitjadhav1998).
    JadhavLstm,
    /// CLIP ViT-L/14 with the D3 head.
    D3VitL14,
    /// CLIP ViT-L/14 with UniversalFakeDetect's head.
    UfdVitL14,
    /// GenD on CLIP ViT-L/14.
    GendVitL14,
    /// DINOv2 ViT-S/14 with a linear head on the class and the mean patch feature.
    #[value(name = "dinov2-vit-s14")]
    DinoV2VitS14,
    /// torchvision's ResNet-18 with two classes.
    Resnet18,
    /// A TorchScript module: code that will run in this program.
    Torchscript,
    /// An ONNX classifier, dynamic-quantised ones included.
    Onnx,
}

struct Normalisation {
    mean: [f64; 3],
    std: [f64; 3],
}

/// What a preset says; the rest of the manifest is about the files.
pub(super) struct Shape {
    pub(super) kind: &'static str,
    /// Ways the `[architecture]` may read; the first that fits the file is taken.
    pub(super) architectures: Vec<String>,
    /// The `[preprocess]`.
    pub(super) preprocess: String,
    /// Labels in the order of the outputs, where the preset fixes them.
    pub(super) labels: &'static [&'static str],
    /// Where the tensors of `--head` belong; `None`: the network takes no second file.
    pub(super) head_prefix: Option<&'static str>,
    /// What the card says beside whose weights they are.
    pub(super) remark: &'static str,
}

impl Preset {
    /// `d3-vit-l14` and so on, as on the command line.
    pub(super) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether the user chooses labels, size and activation.
    pub(super) fn is_image_model(self) -> bool {
        matches!(self, Self::Torchscript | Self::Onnx)
    }

    /// `size_px` is the input's side where the preset does not fix it.
    pub(super) fn shape(self, size_px: u32) -> Shape {
        match self {
            Self::SeedBilstm => bilstm(4, "gelu", "One of two networks with these very tensors (see seed-bilstm-relu8): the newer published program has 4 heads and GELU."),
            Self::SeedBilstmRelu8 => bilstm(8, "relu", "One of two networks with these very tensors (see seed-bilstm): the older published program has 8 heads and ReLU."),
            Self::SeedBilstmOld => sequence(
                format!("family = \"resnext-bilstm-mean\"\n{RESNEXT50}lstm_layers = 1\nlstm_hidden = 2048\nbatch_first = false\nmax_frames = 200\n"),
                preprocess(112, WITHOUT_MARGIN, &NONE),
                "As published, each frame is a sequence of one (batch_first = false). The published program fed whole frames in BGR order; here it gets aligned faces in RGB.",
            ),
            Self::JadhavLstm => sequence(
                format!("family = \"resnext-lstm\"\n{RESNEXT50}lstm_layers = 1\nlstm_hidden = 2048\npooling = \"last\"\nbatch_first = false\nmax_frames = 200\n"),
                preprocess(112, WITHOUT_MARGIN, &IMAGENET),
                "As published, each frame is a sequence of one (batch_first = false) and the last decides (pooling = \"last\"); its training took the mean.",
            ),
            Self::D3VitL14 => frame(
                format!("family = \"clip-vit-d3\"\n{VIT_L14}permutation_seed = 418\n"),
                preprocess(224, 1.0, &CLIP),
                &["FAKE"],
                Some("attention_head."),
                "The published program draws a new patch permutation at every call; here it is drawn once, from seed 418.",
            ),
            Self::UfdVitL14 => frame(
                format!("family = \"clip-vit-linear\"\n{VIT_L14}embed_width = 768\n"),
                format!("fit = \"centre-crop\"\n{}", preprocess(224, 1.0, &CLIP)),
                &["FAKE"],
                Some("fc."),
                "Trained on whole generated pictures, not on faces.",
            ),
            Self::GendVitL14 => frame(
                format!("family = \"clip-vit-norm-linear\"\n{VIT_L14}"),
                format!("fit = \"shorter-side\"\n{}", preprocess(224, 1.0, &CLIP).replace("bilinear", "bicubic")),
                &["REAL", "FAKE"],
                None,
                "The published crop has the template and margin of this program's canvas; the landmarks come from another detector.",
            ),
            Self::DinoV2VitS14 => Shape {
                architectures: ["true", "false"]
                    .map(|mask_head| format!("family = \"dinov2-vit\"\n{DINOV2_VIT_S14}head = \"linear\"\nmask_head = {mask_head}\n"))
                    .into(),
                ..frame(String::new(), preprocess(224, 1.0, &IMAGENET), &["FAKE"], Some("head."), "The head is one's own: DINOv2 is published without one. It reads 768 numbers, the class feature and then the mean patch feature.")
            },
            Self::Resnet18 => Shape {
                architectures: ["fc.1", "fc"]
                    .map(|head| format!("family = \"resnet\"\nstem_width = 64\nlayers = [2, 2, 2, 2]\nhead = \"{head}\"\n"))
                    .into(),
                ..frame(String::new(), preprocess(size_px, 1.0, &IMAGENET), &["REAL", "FAKE"], None, "Output 0 is taken for real and 1 for fake unless a labels file says otherwise.")
            },
            Self::Torchscript => image_model("torchscript", size_px, "A TorchScript module is a program: it runs inside this one. Use only files whose origin you trust."),
            Self::Onnx => image_model("onnx", size_px, "Colours are normalised as for ImageNet; change [preprocess] in manifest.toml where the model was trained otherwise."),
        }
    }
}

fn bilstm(heads: u32, activation: &str, remark: &'static str) -> Shape {
    sequence(
        format!(
            "family = \"resnext-bilstm\"\n{RESNEXT50}lstm_layers = 2\nlstm_hidden = 512\nattention_heads = {heads}\nactivation = \"{activation}\"\nmax_frames = 200\n"
        ),
        preprocess(180, WITHOUT_MARGIN, &IMAGENET),
        remark,
    )
}

fn sequence(architecture: String, preprocess: String, remark: &'static str) -> Shape {
    Shape {
        kind: "sequence",
        ..frame(architecture, preprocess, &["FAKE", "REAL"], None, remark)
    }
}

fn image_model(family: &str, size_px: u32, remark: &'static str) -> Shape {
    let architecture = format!("family = \"{family}\"\n");
    frame(
        architecture,
        preprocess(size_px, 1.0, &IMAGENET),
        &[],
        None,
        remark,
    )
}

fn frame(
    architecture: String,
    preprocess: String,
    labels: &'static [&'static str],
    head_prefix: Option<&'static str>,
    remark: &'static str,
) -> Shape {
    Shape {
        kind: "frame",
        architectures: vec![architecture],
        preprocess,
        labels,
        head_prefix,
        remark,
    }
}

fn preprocess(size_px: u32, centre_ratio: f64, normalisation: &Normalisation) -> String {
    let Normalisation { mean, std } = normalisation;
    format!(
        "canvas_px = {CANVAS_PX}\nsize_px = {size_px}\nresize = \"bilinear\"\ncentre_ratio = {centre_ratio:?}\nmean = {mean:?}\nstd = {std:?}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid_toml_in_all_its_parts() {
        for preset in Preset::value_variants() {
            let shape = preset.shape(224);
            assert!(!shape.architectures.is_empty());
            for text in shape.architectures.iter().chain([&shape.preprocess]) {
                let table: toml::Table = text.parse().unwrap();
                assert!(!table.is_empty(), "{}", preset.name());
            }
            assert!(matches!(shape.kind, "sequence" | "frame"));
            assert_eq!(preset.is_image_model(), shape.labels.is_empty());
        }
    }
}
