//! `framewitness models check PATH`: loads a model folder strictly, or says what a file holds.

use std::fs::File;
use std::path::Path;

use framewitness::inference::{self, FileContents, Trial};
use framewitness::integrity::{self, FileDigest};

use super::super::output::{at, describe, print};
use super::facts::Facts;

/// Tensors shown before the rest is only counted.
const MOST_SHOWN: usize = 12;

/// A name of a tensor, its shape where that matters, and what a file that has it fits.
type Mark = (&'static str, Option<&'static [i64]>, &'static str);

/// How the published checkpoints are told apart.
const MARKS: &[Mark] = &[
    (
        "feature_extractor.0.weight",
        None,
        "--preset seed-bilstm (or seed-bilstm-relu8)",
    ),
    ("linear1.weight", None, "--preset jadhav-lstm"),
    (
        "lstm.weight_hh_l0_reverse",
        Some(&[8192, 2048]),
        "--preset seed-bilstm-old",
    ),
    ("model.linear.weight", None, "--preset gend-vit-l14"),
    (
        "embeddings.position_embeddings",
        Some(&[1, 1370, 384]),
        "--preset dinov2-vit-s14 (with --head where head.weight is not in it)",
    ),
    (
        "pos_embed",
        Some(&[1, 1370, 384]),
        "--preset dinov2-vit-s14 (with --head)",
    ),
    (
        "visual.conv1.weight",
        None,
        "--preset d3-vit-l14 or ufd-vit-l14 (with --head)",
    ),
    (
        "vision_model.embeddings.patch_embedding.weight",
        None,
        "--preset d3-vit-l14 or ufd-vit-l14 (with --head)",
    ),
    ("query.weight", None, "--head of d3-vit-l14"),
    ("weight", Some(&[1, 768]), "--head of ufd-vit-l14"),
    ("fc.1.weight", None, "--preset resnet18"),
    ("fc.weight", Some(&[2, 512]), "--preset resnet18"),
];

pub(super) fn run(path: &Path, trial: &Trial) -> Result<(), String> {
    if path.is_dir() {
        return folder(path, trial);
    }
    let contents = inference::describe_file(path).map_err(|e| describe(&e))?;
    let file = File::open(path).map_err(at(path))?;
    let digest = integrity::hash_reader(file).map_err(|e| format!("{}: {e}", path.display()))?;
    print(&text(path, &digest, &contents));
    Ok(())
}

fn folder(path: &Path, trial: &Trial) -> Result<(), String> {
    let facts = Facts::read(path)?;
    print(&facts.describe(path, &trial.foundations));
    facts.try_out(path, trial)?;
    print("  loads\n");
    Ok(())
}

fn text(path: &Path, digest: &FileDigest, contents: &FileContents) -> String {
    let mut text = format!(
        "{}: {}, {} bytes, SHA-256 {}\n",
        path.display(),
        contents.format,
        digest.size_bytes,
        digest.sha256.to_hex()
    );
    for note in &contents.notes {
        text += &format!("  {note}\n");
    }
    let tensors = &contents.tensors;
    if tensors.is_empty() {
        return text;
    }
    let parameters: i64 = tensors
        .iter()
        .map(|t| t.shape.iter().product::<i64>())
        .sum();
    text += &format!("  {} tensors, {parameters} numbers\n", tensors.len());
    for tensor in tensors.iter().take(MOST_SHOWN) {
        text += &format!("  {} {:?} {}\n", tensor.name, tensor.shape, tensor.element);
    }
    if tensors.len() > MOST_SHOWN {
        text += &format!("  and {} more\n", tensors.len() - MOST_SHOWN);
    }
    let fits = MARKS.iter().find(|(name, shape, _)| {
        let found = tensors.iter().find(|t| t.name == *name);
        found.is_some_and(|t| shape.is_none_or(|shape| t.shape == shape))
    });
    text + &match fits {
        Some((_, _, preset)) => format!("  looks like: {preset}\n"),
        None => "  of no published network this program knows\n".into(),
    }
}
