//! What the numbers of a head mean.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct Output {
    /// What each number of the head speaks for, in its order. A single number is the logit of the
    /// probability of its label. This or `labels_file`.
    #[serde(default)]
    pub(in crate::inference) labels: Vec<Label>,
    /// A file beside the manifest with one label a line; whoever reads the manifest puts them into
    /// `labels`.
    pub(in crate::inference) labels_file: Option<String>,
    /// Whether an image model's last layer has made probabilities of the logits.
    #[serde(default)]
    pub(in crate::inference) activation: Activation,
}

/// What the numbers of a head are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::inference) enum Activation {
    /// Before softmax or the logistic function.
    #[default]
    Logits,
    /// After it.
    Probabilities,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::inference) enum Label {
    Fake,
    Real,
}

/// `calibrated = scale · raw + bias`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct Calibration {
    pub(in crate::inference) scale: f32,
    pub(in crate::inference) bias: f32,
}

impl Output {
    /// What is wrong for a head of `outputs` numbers; `None` is an image model's, which has as many
    /// as there are labels.
    pub(super) fn problems(&self, outputs: Option<usize>) -> Vec<String> {
        let labels = self.labels.as_slice();
        let distinct = !matches!(labels, [a, b] if a == b);
        let allowed = match outputs {
            Some(1) => r#"["FAKE"] or ["REAL"]: this network gives one number"#,
            Some(_) => r#"["FAKE", "REAL"] or ["REAL", "FAKE"]: this network gives two numbers"#,
            None => "one or two of FAKE and REAL, in the order of the outputs",
        };
        let count = outputs.map_or(1..=2, |outputs| outputs..=outputs);
        let usable = count.contains(&labels.len()) && distinct;
        let activated = self.activation == Activation::Probabilities && outputs.is_some();
        let problems = [
            (!usable).then(|| format!("output.labels must be {allowed}")),
            activated.then(|| {
                "output.activation is for torchscript and onnx: this network gives logits".into()
            }),
        ];
        problems.into_iter().flatten().collect()
    }
}

impl Calibration {
    pub(super) fn problems(&self) -> Option<String> {
        let usable = self.scale.is_finite() && self.scale > 0.0 && self.bias.is_finite();
        (!usable).then(|| "calibration.scale must be above 0 and bias finite".into())
    }
}
