//! DINOv2's tensors in Meta's names under Hugging Face's, which are the network's: their joint
//! projection of an attention is taken apart (transformers' `convert_dinov2_to_hf.py` does the
//! same). Files in Hugging Face's names pass as they are.

use std::collections::BTreeMap;

use super::StoredTensor;
use super::recipe::Recipe;

/// Stands for hidden patches in training; no network asks for it.
pub(super) const MASK_TOKEN: &str = "embeddings.mask_token";

/// The tensors of a file under the network's names. What does not translate, or would be there
/// twice, keeps its own.
pub(super) fn translate(tensors: &BTreeMap<String, StoredTensor>) -> BTreeMap<String, Recipe> {
    let mut recipes = BTreeMap::new();
    for (name, stored) in tensors {
        let places = places(name).unwrap_or_default();
        let are_free = places.iter().all(|place| !tensors.contains_key(place));
        let has_thirds = stored.shape().first().is_some_and(|rows| rows % 3 == 0);
        match places.as_slice() {
            [place] if are_free => {
                recipes.insert(place.clone(), Recipe::Whole(stored.clone()));
            }
            [_, _, _] if are_free && has_thirds => {
                let thirds = (0..).map(|third| Recipe::Third(stored.clone(), third));
                recipes.extend(places.into_iter().zip(thirds));
            }
            _ => {
                recipes.insert(name.clone(), Recipe::Whole(stored.clone()));
            }
        }
    }
    recipes
}

/// What a tensor of Meta's is called, or its three parts; `None` for any other name.
fn places(name: &str) -> Option<Vec<String>> {
    let whole = match name {
        "cls_token" => "embeddings.cls_token",
        "pos_embed" => "embeddings.position_embeddings",
        "mask_token" => MASK_TOKEN,
        "patch_embed.proj.weight" => "embeddings.patch_embeddings.projection.weight",
        "patch_embed.proj.bias" => "embeddings.patch_embeddings.projection.bias",
        "norm.weight" => "layernorm.weight",
        "norm.bias" => "layernorm.bias",
        _ => {
            let (block, part) = name.strip_prefix("blocks.")?.split_once('.')?;
            return in_block(&format!("encoder.layer.{block}"), part);
        }
    };
    Some(vec![whole.to_owned()])
}

fn in_block(layer: &str, part: &str) -> Option<Vec<String>> {
    let (module, field) = part.rsplit_once('.')?;
    let whole = match (module, field) {
        ("attn.qkv", "weight" | "bias") => {
            let apart = ["query", "key", "value"];
            let name = |third| format!("{layer}.attention.attention.{third}.{field}");
            return Some(apart.map(name).into());
        }
        ("ls1", "gamma") => "layer_scale1.lambda1".to_owned(),
        ("ls2", "gamma") => "layer_scale2.lambda1".to_owned(),
        ("attn.proj", "weight" | "bias") => format!("attention.output.dense.{field}"),
        ("norm1" | "norm2" | "mlp.fc1" | "mlp.fc2", "weight" | "bias") => part.to_owned(),
        _ => return None,
    };
    Some(vec![format!("{layer}.{whole}")])
}
