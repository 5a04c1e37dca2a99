//! From scores to figures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::answers::{Answers, Counts, answers};
use super::calibration::{Calibration, calibration};
use super::list::Item;
use super::protocol::{Scores, VideoScore};
use super::ranking::{Discrimination, Ranking, Scored};
use crate::domain::{Probability, Truth};

/// A file that was analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// The file and its known answer.
    pub item: Item,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// What the analysis says.
    pub score: VideoScore,
}

/// A file that could not be analysed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failed {
    /// Its name in the list.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Figures of one manipulation against all genuine files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodFigures {
    /// The manipulation.
    pub method: String,
    /// Videos of it, those without a score included.
    pub videos: usize,
    /// Ranking of videos; `None` when a kind is missing.
    pub video: Option<Discrimination>,
    /// Ranking of single frames.
    pub frame: Option<Discrimination>,
    /// What was answered.
    pub answers: Counts,
}

/// Ranking by each model alone and by all together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelFigures {
    /// `fused`, `sequence` or `frame`.
    pub model: &'static str,
    /// Ranking of videos.
    pub video: Option<Discrimination>,
    /// Ranking of single frames.
    pub frame: Option<Discrimination>,
}

/// Everything that is measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Genuine files that were analysed.
    pub genuine: usize,
    /// Manipulated files that were analysed.
    pub manipulated: usize,
    /// Units of the bootstrap.
    pub groups: usize,
    /// Files in which nothing could be scored.
    pub without_score: usize,
    /// Single frames with a score.
    pub frames: usize,
    /// All models together first.
    pub models: Vec<ModelFigures>,
    /// Right at a threshold of 0.5, of the files with a score, as DeepfakeBench counts.
    pub accuracy_at_half: super::Share,
    /// What the thresholds of the bundle made of the scores.
    pub answers: Answers,
    /// Whether the probabilities mean what they say.
    pub calibration: Option<Calibration>,
    /// Each manipulation apart.
    pub methods: Vec<MethodFigures>,
}

type Pick = fn(&Scores) -> Option<Probability>;

const MODELS: [(&str, Pick); 3] = [
    ("fused", |scores| scores.fused),
    ("sequence", |scores| scores.sequence),
    ("frame", |scores| scores.frame),
];

/// Measures everything.
pub fn measure(evaluated: &[Evaluated]) -> Figures {
    let fused = MODELS[0].1;
    let groups = Groups::of(evaluated);
    let all: Vec<&Evaluated> = evaluated.iter().collect();
    let kind = |truth: Truth| all.iter().filter(move |e| e.item.truth == truth).count();
    let scored: Vec<(f64, bool)> = (groups.videos(&all, fused).iter())
        .map(|scored| (scored.score, scored.manipulated))
        .collect();
    let models = MODELS.map(|(model, pick)| ModelFigures {
        model,
        video: Ranking::new(groups.videos(&all, pick)).discrimination(),
        frame: Ranking::new(groups.frames(&all, pick)).discrimination(),
    });
    let right = scored.iter().filter(|(p, forged)| (*p >= 0.5) == *forged);
    Figures {
        genuine: kind(Truth::Genuine),
        manipulated: kind(Truth::Manipulated),
        groups: groups.numbers.len(),
        without_score: all.len() - scored.len(),
        frames: all.iter().map(|e| e.score.frames.len()).sum(),
        models: models.into(),
        accuracy_at_half: super::Share::new(right.count(), scored.len()),
        answers: answers(all.iter().map(|e| (e.item.truth, e.score.verdict))),
        calibration: calibration(&scored),
        methods: methods(&all, &groups),
    }
}

/// The ROC curves of all models together: videos, then frames.
pub(super) fn fused_rankings(evaluated: &[Evaluated]) -> [Ranking; 2] {
    let groups = Groups::of(evaluated);
    let all: Vec<&Evaluated> = evaluated.iter().collect();
    let fused = MODELS[0].1;
    [
        Ranking::new(groups.videos(&all, fused)),
        Ranking::new(groups.frames(&all, fused)),
    ]
}

fn methods(all: &[&Evaluated], groups: &Groups<'_>) -> Vec<MethodFigures> {
    let fused = MODELS[0].1;
    let mut by_method: BTreeMap<&str, Vec<&Evaluated>> = BTreeMap::new();
    for evaluated in all.iter().filter(|e| e.item.truth == Truth::Manipulated) {
        let of_method = by_method.entry(&evaluated.item.method).or_default();
        of_method.push(evaluated);
    }
    let genuine: Vec<&Evaluated> = (all.iter().copied())
        .filter(|e| e.item.truth == Truth::Genuine)
        .collect();
    (by_method.into_iter())
        .map(|(method, forged)| {
            let both: Vec<&Evaluated> = genuine.iter().chain(&forged).copied().collect();
            MethodFigures {
                method: method.to_owned(),
                videos: forged.len(),
                video: Ranking::new(groups.videos(&both, fused)).discrimination(),
                frame: Ranking::new(groups.frames(&both, fused)).discrimination(),
                answers: answers(forged.iter().map(|e| (e.item.truth, e.score.verdict)))
                    .manipulated,
            }
        })
        .collect()
}

/// Numbers of the groups.
struct Groups<'a> {
    numbers: BTreeMap<&'a str, usize>,
}

impl<'a> Groups<'a> {
    fn of(evaluated: &'a [Evaluated]) -> Self {
        let mut numbers = BTreeMap::new();
        for Evaluated { item, .. } in evaluated {
            let next = numbers.len();
            numbers.entry(item.group.as_str()).or_insert(next);
        }
        Self { numbers }
    }

    fn videos(&self, evaluated: &[&Evaluated], pick: Pick) -> Vec<Scored> {
        let score = |e: &&Evaluated| Some(self.scored(&e.item, pick(&e.score.scores)?));
        evaluated.iter().filter_map(score).collect()
    }

    fn frames(&self, evaluated: &[&Evaluated], pick: Pick) -> Vec<Scored> {
        (evaluated.iter())
            .flat_map(|e| {
                let scores = e.score.frames.iter().filter_map(|f| pick(&f.scores));
                scores.map(|p| self.scored(&e.item, p))
            })
            .collect()
    }

    fn scored(&self, item: &Item, probability: Probability) -> Scored {
        Scored {
            score: f64::from(probability.get()),
            manipulated: item.truth == Truth::Manipulated,
            // Groups were numbered from these very items.
            group: self.numbers.get(item.group.as_str()).copied().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::VerdictLabel;
    use crate::evaluation::protocol::FrameScore;

    fn evaluated(name: &str, method: &str, fused: Option<f32>, verdict: VerdictLabel) -> Evaluated {
        let scores = Scores {
            fused: fused.map(|value| Probability::new(value).unwrap()),
            ..Scores::default()
        };
        let frame = FrameScore {
            frame_index: 0,
            time_s: None,
            scores,
        };
        Evaluated {
            item: Item {
                path: name.into(),
                name: name.into(),
                truth: match method {
                    "genuine" => Truth::Genuine,
                    _ => Truth::Manipulated,
                },
                method: method.into(),
                group: name.into(),
            },
            sha256: String::new(),
            score: VideoScore {
                verdict,
                scores,
                reasons: Vec::new(),
                frames: fused.map(|_| frame).into_iter().collect(),
            },
        }
    }

    #[test]
    fn each_manipulation_is_measured_against_all_genuine_files() {
        use VerdictLabel::{Fake, Inconclusive, Real};
        let figures = measure(&[
            evaluated("a", "genuine", Some(0.2), Real),
            evaluated("b", "genuine", Some(0.4), Inconclusive),
            evaluated("c", "swap", Some(0.9), Fake),
            evaluated("d", "reenactment", Some(0.3), Inconclusive),
            evaluated("e", "swap", None, Inconclusive),
        ]);
        assert_eq!((figures.genuine, figures.manipulated), (2, 3));
        assert_eq!((figures.without_score, figures.frames), (1, 4));
        assert_eq!(figures.accuracy_at_half.value(), Some(0.75));
        let auc = |at: usize| figures.methods[at].video.unwrap().auc.value;
        let names: Vec<_> = figures.methods.iter().map(|m| m.method.as_str()).collect();
        assert_eq!(names, ["reenactment", "swap"]);
        assert_eq!((auc(0), auc(1)), (0.5, 1.0));
        assert_eq!(figures.methods[1].videos, 2);
        assert_eq!(figures.models[0].video.unwrap().auc.value, 0.75);
        assert_eq!(figures.models[1].video, None);
    }

    #[test]
    fn nothing_at_all_is_measured_without_a_failure() {
        let figures = measure(&[]);
        assert_eq!(figures.models[0].video, None);
        assert_eq!(figures.calibration, None);
    }
}
