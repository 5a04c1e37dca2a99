//! The story of a report, from the answer to how it can be checked.

use super::document::{Document, Section};
use super::numbers::moment;
use super::{
    Material, checking, conditions, credentials, evidence, file_facts, limits, models, people,
    verdict,
};

/// Says everything there is to say about an analysis, in order.
pub(super) fn document<'a>(material: &Material<'a>) -> Document<'a> {
    let analysis = material.analysis;
    let section = |heading, blocks| Section { heading, blocks };
    let credentials = analysis.content_credentials.as_ref();
    let credentials = credentials.map(credentials::told);
    Document {
        title: format!("Analysis of {}", analysis.filename),
        byline: format!(
            "Made by Framewitness{} on {}. Analysis {}.",
            version_of(material),
            moment(analysis.analyzed_at),
            analysis.id
        ),
        sections: [
            Some(section("Verdict", verdict::answer(analysis))),
            Some(section(
                "What this means, and what it does not",
                verdict::meaning(analysis),
            )),
            Some(section("The file", file_facts::facts(analysis))),
            credentials.map(|told| section("Content credentials of the file", told)),
            Some(section("Scores over time", people::scores(analysis))),
            Some(section(
                "Frames behind the verdict",
                evidence::exhibits(material),
            )),
            Some(section(
                "Models, and how often they err",
                models::models(material),
            )),
            Some(section("How it was made", conditions::conditions(analysis))),
            Some(section("Limits of the method", limits::limits(analysis))),
            Some(section(
                "Signature, and how to check it",
                checking::checking(material),
            )),
        ]
        .into_iter()
        .flatten()
        .collect(),
        token: &material.statement.token,
    }
}

fn version_of(material: &Material<'_>) -> String {
    let conditions = material.analysis.conditions.as_ref();
    conditions.map_or_else(String::new, |c| format!(" {}", c.software_version))
}
