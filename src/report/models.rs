//! Which models spoke, and how often they were wrong where the truth was known.

use super::Material;
use super::document::Block;
use super::numbers::{percent_or_dash, share};
use crate::domain::{Estimate, Measured, ModelRole, ModelScore};

/// Every model by its digests, then what was measured on all of them together.
pub(super) fn models<'a>(material: &Material<'_>) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    for model in &material.analysis.models {
        blocks.push(Block::Facts(identity(model)));
    }
    if material.measured.is_empty() {
        blocks.push(Block::Paragraph(
            "Error rates: not known. The models that took part are not the ones that the service \
             has measurements of, so that nothing can be said about how often they are wrong."
                .into(),
        ));
        return blocks;
    }
    blocks.push(Block::Paragraph(
        "Measured on files whose truth was known, all models together and at the thresholds of \
         this report. Other files give other rates: the nearer yours are to these, the more they say."
            .into(),
    ));
    for measured in material.measured {
        blocks.extend(measurement(measured));
    }
    blocks.push(Block::Paragraph(
        "AUC is how often a forged file gets a higher score than a genuine one: 0.5 is guessing, 1 \
         never fails. In brackets the interval in which it lies with 95 % certainty."
            .into(),
    ));
    blocks
}

fn identity(model: &ModelScore) -> Vec<(&'static str, String)> {
    let role = match model.role {
        ModelRole::Detector => "Detector, finds faces",
        ModelRole::Sequence => "Sequence model, judges a person over time",
        ModelRole::Frame => "Frame model, judges single faces",
    };
    let mut facts = vec![
        (role, format!("{}, version {}", model.name, model.version)),
        ("SHA-256 of its weights", model.sha256.clone()),
    ];
    if let Some(foundation) = &model.foundation {
        facts.push((
            "Rests on",
            format!(
                "{} ({}; {}), SHA-256 {}",
                foundation.name, foundation.source, foundation.licence, foundation.sha256
            ),
        ));
    }
    if model.role != ModelRole::Detector {
        let alone = percent_or_dash(model.probability_fake);
        facts.push(("Its own probability", alone));
    }
    facts
}

fn measurement<'a>(measured: &Measured) -> [Block<'a>; 3] {
    let (genuine, forged) = (&measured.genuine, &measured.forged);
    let mut ranking = vec![("AUC, all models", estimate(&measured.auc))];
    let alone = measured.models.iter().map(|model| {
        let auc = estimate(&model.auc);
        ("AUC, one model", format!("{}: {auc}", model.name))
    });
    ranking.extend(alone);
    ranking.push(("Scored", measured.protocol.clone()));
    let row = |what: &str, answers: &crate::domain::Answers| {
        let files = answers.files();
        vec![
            what.to_owned(),
            share(answers.fake, files),
            share(answers.inconclusive, files),
            share(answers.real, files),
        ]
    };
    [
        Block::Paragraph(format!("On {}:", measured.data)),
        Block::Table {
            header: vec!["", "called FAKE", "INCONCLUSIVE", "called REAL"],
            rows: vec![row("genuine files", genuine), row("forged files", forged)],
        },
        Block::Facts(ranking),
    ]
}

/// The value and its interval, each with as many decimals as the most exact of the three was stated with.
fn estimate(estimate: &Estimate) -> String {
    let ((low, high), value) = (estimate.interval(), estimate.value());
    let stated = [value, low, high].map(|number| number.to_string());
    let decimals = stated.iter().filter_map(|number| number.split_once('.'));
    let decimals = decimals.map(|(_, digits)| digits.len()).max().unwrap_or(0);
    format!("{value:.decimals$} ({low:.decimals$} to {high:.decimals$})")
}
