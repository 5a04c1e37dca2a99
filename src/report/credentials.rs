//! What the file's content credentials say, and that it is the file that says it.

use super::document::Block;
use crate::domain::{Action, ContentCredentials, Failure, Ingredient, Manifest, Program};

/// Whether they hold, and what they claim.
pub(super) fn told<'a>(credentials: &ContentCredentials) -> Vec<Block<'a>> {
    let mut blocks = vec![Block::Paragraph(credentials.to_string())];
    if let Some(manifest) = credentials.manifest() {
        blocks.extend(claims(manifest));
        blocks.push(Block::Paragraph(
            "Content credentials (C2PA) are claims of whoever signed them. The verdict above does not rest \
             on them: neither does it confirm them, nor they it."
                .into(),
        ));
    }
    blocks
}

fn claims<'a>(manifest: &Manifest) -> Vec<Block<'a>> {
    let signature = &manifest.signature;
    let stated = |name, value: &Option<String>| value.clone().map(|value| (name, value));
    let facts = [
        stated("Title", &manifest.title),
        (manifest.generator.as_ref()).map(|program| ("Claims made with", in_words(program))),
        stated("Signed by", &signature.issuer),
        stated("Certificate of", &signature.common_name),
        stated("Signed at", &signature.time),
        stated("Algorithm", &signature.algorithm),
    ];
    let lists = [
        (
            "What was done, by these claims:",
            manifest.actions.iter().map(action).collect(),
        ),
        (
            "What it was made from, by these claims:",
            manifest.ingredients.iter().map(ingredient).collect(),
        ),
        (
            "What does not hold:",
            manifest.failures.iter().map(failure).collect::<Vec<_>>(),
        ),
    ];
    let lists = lists.into_iter().filter(|(_, items)| !items.is_empty());
    let facts: Vec<_> = facts.into_iter().flatten().collect();
    let facts = (!facts.is_empty()).then_some(Block::Facts(facts));
    (facts.into_iter())
        .chain(
            lists.flat_map(|(words, items)| [Block::Paragraph(words.into()), Block::List(items)]),
        )
        .collect()
}

fn in_words(program: &Program) -> String {
    match &program.version {
        Some(version) => format!("{} {version}", program.name),
        None => program.name.clone(),
    }
}

fn action(action: &Action) -> String {
    let agent = action.software_agent.as_ref();
    let source = action.digital_source_type.as_ref();
    [
        Some(action.action.clone()),
        agent.map(|agent| format!("with {agent}")),
        source.map(|source| format!("source: {source}")),
        action.when.clone(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

fn ingredient(ingredient: &Ingredient) -> String {
    let title = ingredient.title.as_deref().unwrap_or("without a title");
    match &ingredient.format {
        Some(format) => format!("{title} ({format}), {}", ingredient.relationship),
        None => format!("{title}, {}", ingredient.relationship),
    }
}

fn failure(failure: &Failure) -> String {
    match &failure.explanation {
        Some(explanation) => format!("{}: {explanation}", failure.code),
        None => failure.code.clone(),
    }
}
