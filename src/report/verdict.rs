//! The answer, its reasons, and what may be concluded from it.

use super::document::Block;
use super::numbers::{percent, threshold};
use crate::domain::{Analysis, VerdictLabel};

/// The answer and why it is what it is.
pub(super) fn answer<'a>(analysis: &Analysis) -> Vec<Block<'a>> {
    let verdict = &analysis.verdict;
    let reasons = verdict.reasons.iter().map(|reason| reason.to_string());
    let mut blocks = vec![
        Block::Answer {
            label: verdict.label,
            sentence: match verdict.probability_fake {
                Some(p) => format!("Calibrated probability of manipulation: {}", percent(p)),
                None => "Nothing could be scored, so that there is no probability.".into(),
            },
        },
        Block::Paragraph("Reasons:".into()),
        Block::List(reasons.collect()),
    ];
    if let Some(stability) = &analysis.stability {
        let changed = stability.scores.iter().map(|score| {
            let (change, label) = (score.change.code(), score.label.as_str());
            format!("{change}: {label}, {}", percent(score.probability_fake))
        });
        blocks.push(Block::Paragraph(
            "The same faces after small changes (compressed as JPEG once more, made smaller and \
             enlarged again, cut a little closer):"
                .into(),
        ));
        blocks.push(Block::List(changed.collect()));
    }
    blocks
}

/// What this answer claims, and what it leaves open.
pub(super) fn meaning<'a>(analysis: &Analysis) -> Vec<Block<'a>> {
    let own = match analysis.verdict.label {
        VerdictLabel::Fake => {
            "FAKE: to the models, the face of the person who decides looks more like the forged \
             examples they learned from than like the genuine ones, clearly enough to pass the \
             threshold for this answer. It does not say who changed the video, with what tool, \
             how or why, and it can be wrong: how often it was is stated below."
        }
        VerdictLabel::Real => {
            "REAL: to the models, the faces look more like the genuine examples they learned from \
             than like the forged ones. This is no proof that the file is authentic. Forgeries of \
             a kind that the models did not learn are often called REAL: how often is stated below."
        }
        VerdictLabel::Inconclusive => {
            "INCONCLUSIVE: there is not enough to say either. It is no weaker form of FAKE or of \
             REAL. A better copy may help: the original file instead of one that went through a \
             messenger or a website, a larger or sharper face, a longer take."
        }
    };
    let mut blocks = vec![Block::Paragraph(own.into())];
    blocks.push(Block::Paragraph(
        "The probability is calibrated on examples of which about half were forged. It is not how \
         likely this file is forged in the world: that also depends on where it comes from and \
         what else is known about it, which the models do not see."
            .into(),
    ));
    if let Some(conditions) = &analysis.conditions {
        blocks.push(Block::Paragraph(format!(
            "The answer is FAKE from {} on and REAL up to {}; between them it is INCONCLUSIVE. The \
             person who looks most manipulated decides for the whole file.",
            threshold(conditions.fake_at_or_above),
            threshold(conditions.real_at_or_below),
        )));
    }
    blocks.push(Block::Paragraph(
        "A verdict is a reason to look closer, never evidence by itself. What this report does \
         prove, by its signature, is which bytes were looked at, with what, and what came out."
            .into(),
    ));
    blocks
}
