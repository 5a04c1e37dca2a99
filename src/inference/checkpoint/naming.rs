//! One set of names for a network, whatever program wrote its file. Of CLIP's vision tower it is
//! OpenAI's; Hugging Face's are translated, with the three projections of an attention joined and
//! the final projection transposed (transformers' `convert_clip_original_pytorch_to_hf.py`, the
//! other way round).

use std::collections::BTreeMap;

use super::StoredTensor;
use super::dinov2_names;
use super::recipe::Recipe;

/// Whose names the tensors of a network's file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inference) enum Naming {
    /// The network's own.
    Own,
    /// CLIP's, OpenAI's or Hugging Face's. What such files hold besides the vision tower (the text
    /// tower, its sizes, the common scale) and the projection into the common space may be left
    /// over.
    Clip,
    /// DINOv2's, Hugging Face's or Meta's. The token that stands for hidden patches while it is
    /// trained may be left over.
    DinoV2,
}

impl Naming {
    /// The tensors of a file under the network's names.
    pub(in crate::inference) fn translate(
        self,
        tensors: &BTreeMap<String, StoredTensor>,
    ) -> BTreeMap<String, Recipe> {
        if self == Self::DinoV2 {
            return dinov2_names::translate(tensors);
        }
        let mut recipes = BTreeMap::new();
        for (name, stored) in tensors {
            let theirs = (self == Self::Clip).then(|| hugging_face(name)).flatten();
            let (ours, recipe) = match theirs {
                None => (name.clone(), Recipe::Whole(stored.clone())),
                Some(Theirs::Named(ours)) => (ours, Recipe::Whole(stored.clone())),
                Some(Theirs::Transposed(ours)) if stored.shape().len() == 2 => {
                    (ours, Recipe::Transposed(stored.clone()))
                }
                Some(Theirs::Query { stem, field, ours }) => {
                    match joined(tensors, stored, &stem, field) {
                        Some(joined) => (ours, joined),
                        None => (name.clone(), Recipe::Whole(stored.clone())),
                    }
                }
                Some(Theirs::KeyOrValue { stem, field })
                    if tensors
                        .get(&format!("{stem}q_proj.{field}"))
                        .and_then(|query| joined(tensors, query, &stem, field))
                        .is_some() =>
                {
                    continue;
                }
                Some(Theirs::Transposed(_) | Theirs::KeyOrValue { .. }) => {
                    (name.clone(), Recipe::Whole(stored.clone()))
                }
            };
            // Both layouts in one file: the second keeps its own name and is reported as extra.
            let ours = if recipes.contains_key(&ours) {
                name.clone()
            } else {
                ours
            };
            recipes.insert(ours, recipe);
        }
        recipes
    }

    /// Whether a tensor that the network did not ask for belongs to files of this kind.
    pub(in crate::inference) fn may_be_left(self, name: &str) -> bool {
        const ALONE: [&str; 13] = [
            "positional_embedding",
            "text_projection",
            "text_projection.weight",
            "logit_scale",
            "input_resolution",
            "context_length",
            "vocab_size",
            "token_embedding.weight",
            "ln_final.weight",
            "ln_final.bias",
            "visual.proj",
            "visual_projection.weight",
            "vision_model.embeddings.position_ids",
        ];
        let name = tower_name(name);
        match self {
            Self::Own => false,
            Self::Clip => {
                ALONE.contains(&name)
                    || name.starts_with("transformer.resblocks.")
                    || name.starts_with("text_model.")
            }
            Self::DinoV2 => name == dinov2_names::MASK_TOKEN,
        }
    }
}

/// A Hugging Face name, translated.
enum Theirs {
    Named(String),
    Transposed(String),
    /// Stands for the joint projection `ours`, with the key's and the value's after it.
    Query {
        stem: String,
        field: &'static str,
        ours: String,
    },
    KeyOrValue {
        stem: String,
        field: &'static str,
    },
}

/// Without what full models put before a tower's names: D3 and UniversalFakeDetect `model.`, GenD
/// `feature_extractor.`.
fn tower_name(name: &str) -> &str {
    let stripped = ["model.", "feature_extractor."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    stripped.unwrap_or(name)
}

fn hugging_face(name: &str) -> Option<Theirs> {
    let tower = tower_name(name);
    if tower == "visual_projection.weight" {
        return Some(Theirs::Transposed("visual.proj".into()));
    }
    let tower = tower.strip_prefix("vision_model.")?;
    if let Some(rest) = tower.strip_prefix("encoder.layers.") {
        let (layer, part) = rest.split_once('.')?;
        return in_layer(name, layer, part);
    }
    let whole = match tower {
        "embeddings.class_embedding" => "class_embedding",
        "embeddings.position_embedding.weight" => "positional_embedding",
        "embeddings.patch_embedding.weight" => "conv1.weight",
        "pre_layrnorm.weight" => "ln_pre.weight",
        "pre_layrnorm.bias" => "ln_pre.bias",
        "post_layernorm.weight" => "ln_post.weight",
        "post_layernorm.bias" => "ln_post.bias",
        _ => return None,
    };
    Some(Theirs::Named(format!("visual.{whole}")))
}

fn in_layer(name: &str, layer: &str, part: &str) -> Option<Theirs> {
    let (module, field) = part.rsplit_once('.')?;
    let field = ["weight", "bias"].into_iter().find(|f| *f == field)?;
    let block = format!("visual.transformer.resblocks.{layer}");
    let ours = match module {
        "layer_norm1" => "ln_1",
        "layer_norm2" => "ln_2",
        "mlp.fc1" => "mlp.c_fc",
        "mlp.fc2" => "mlp.c_proj",
        "self_attn.out_proj" => "attn.out_proj",
        "self_attn.q_proj" | "self_attn.k_proj" | "self_attn.v_proj" => {
            let stem = name.strip_suffix(field)?.strip_suffix("_proj.")?;
            let stem = stem[..stem.len() - 1].to_owned();
            let ours = format!("{block}.attn.in_proj_{field}");
            return Some(match module {
                "self_attn.q_proj" => Theirs::Query { stem, field, ours },
                _ => Theirs::KeyOrValue { stem, field },
            });
        }
        _ => return None,
    };
    Some(Theirs::Named(format!("{block}.{ours}.{field}")))
}

/// Query, key and value projections in this order, when all are there and alike.
fn joined(
    tensors: &BTreeMap<String, StoredTensor>,
    query: &StoredTensor,
    stem: &str,
    field: &str,
) -> Option<Recipe> {
    let key = tensors.get(&format!("{stem}k_proj.{field}"))?;
    let value = tensors.get(&format!("{stem}v_proj.{field}"))?;
    let rows = *query.shape().first()?;
    rows.checked_mul(3)?;
    let alike = [key, value]
        .iter()
        .all(|t| t.shape() == query.shape() && t.element() == query.element());
    alike.then(|| Recipe::Joined([query.clone(), key.clone(), value.clone()]))
}
