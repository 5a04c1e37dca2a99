//! What the numbers of a head mean.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct Output {
    /// What each number of the head speaks for, in its order. A single number is the logit of the
    /// probability of its label.
    pub(in crate::inference) labels: Vec<Label>,
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
    /// What is wrong for a head of `outputs` numbers.
    pub(super) fn problems(&self, outputs: usize) -> Option<String> {
        let labels = self.labels.as_slice();
        let distinct = !matches!(labels, [a, b] if a == b);
        let allowed = if outputs == 1 {
            r#"["FAKE"] or ["REAL"]: this network gives one number"#
        } else {
            r#"["FAKE", "REAL"] or ["REAL", "FAKE"]: this network gives two numbers"#
        };
        let usable = labels.len() == outputs && distinct;
        (!usable).then(|| format!("output.labels must be {allowed}"))
    }
}

impl Calibration {
    pub(super) fn problems(&self) -> Option<String> {
        let usable = self.scale.is_finite() && self.scale > 0.0 && self.bias.is_finite();
        (!usable).then(|| "calibration.scale must be above 0 and bias finite".into())
    }
}
