//! The networks, built from the sizes in their manifests and exactly the tensors of their files:
//! [`SequenceNetwork`] for tracks, [`FrameNetwork`] for single pictures, each of several families.
//! Raw logits come out; [`super::readout`] says what they mean.

mod clip_heads;
mod clip_vit;
mod convolution;
mod d3;
mod dinov2;
mod eight_bits;
mod frame;
mod fused;
mod layers;
mod lstm;
mod picture;
mod recurrent;
mod relevance;
mod resnet;
mod resnext;
mod script;
mod sequence;
mod temporal;
mod tiles;
mod vit;

#[cfg(test)]
pub(super) use d3::permutation;
#[cfg(test)]
pub(super) use dinov2::class_features as dinov2_class_features;
pub(super) use frame::FrameNetwork;
pub(super) use picture::{PictureLogits, PictureMaps};
pub(super) use sequence::{ClipLogits, SequenceNetwork};

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::super::Precision;
    use super::super::manifest::{FrameArchitecture, SequenceArchitecture};
    use super::super::weights::Tensors;
    use super::*;

    type Wanted = Vec<(String, Vec<i64>, Kind)>;

    fn shape_of<'a>(wanted: &'a Wanted, name: &str) -> &'a [i64] {
        let found = wanted.iter().find(|(n, ..)| n == name);
        &found.unwrap_or_else(|| panic!("no tensor {name}")).1
    }

    fn bytes(wanted: &Wanted) -> i64 {
        let size = |(_, shape, kind): &(String, Vec<i64>, Kind)| {
            shape.iter().product::<i64>() * if *kind == Kind::Int64 { 8 } else { 4 }
        };
        wanted.iter().map(size).sum()
    }

    #[test]
    fn resnext50_32x4d_with_a_bilstm_has_torchvisions_and_pytorchs_tensors() {
        let shape: SequenceArchitecture = toml::from_str(
            r#"
family = "resnext-bilstm"
stem_width = 64
layers = [3, 4, 6, 3]
groups = 32
width_per_group = 4
lstm_layers = 2
lstm_hidden = 512
attention_heads = 4
activation = "gelu"
max_frames = 200
"#,
        )
        .unwrap();
        let mut tensors = Tensors::none(Device::Cpu);
        drop(SequenceNetwork::take(&mut tensors, &shape, Precision::Fp32));
        let wanted = tensors.wanted;
        for (name, expected) in [
            ("feature_extractor.0.weight", &[64, 3, 7, 7][..]),
            ("feature_extractor.1.num_batches_tracked", &[]),
            (
                "feature_extractor.4.0.downsample.0.weight",
                &[256, 64, 1, 1],
            ),
            ("feature_extractor.4.2.conv2.weight", &[128, 4, 3, 3]),
            ("feature_extractor.6.5.conv2.weight", &[512, 16, 3, 3]),
            ("feature_extractor.7.2.bn3.running_var", &[2048]),
            ("lstm.weight_ih_l0_reverse", &[2048, 2048]),
            ("lstm.weight_ih_l1", &[2048, 1024]),
            ("attention.positional_encoding.pe", &[1, 200, 1024]),
            ("attention.multihead_attn.in_proj_weight", &[3072, 1024]),
            ("fc1.weight", &[512, 1024]),
            ("fc2.bias", &[2]),
        ] {
            assert_eq!(shape_of(&wanted, name), expected, "{name}");
        }
        // 44 499 778 parameters, statistics of 53 batch norms and the positional buffer.
        assert_eq!(bytes(&wanted), 179_091_632);
    }

    #[test]
    fn a_layer_of_clip_vit_l_14_with_the_d3_head_has_the_published_tensors() {
        let shape: FrameArchitecture = toml::from_str(
            r#"
family = "clip-vit-d3"
image_px = 224
patch_px = 14
width = 1024
layers = 1
heads = 16
permutation_seed = 418
"#,
        )
        .unwrap();
        let mut tensors = Tensors::none(Device::Cpu);
        drop(FrameNetwork::take(&mut tensors, &shape, Precision::Fp32));
        let wanted = tensors.wanted;
        for (name, expected) in [
            ("visual.conv1.weight", &[1024, 3, 14, 14][..]),
            ("visual.positional_embedding", &[257, 1024]),
            (
                "visual.transformer.resblocks.0.attn.in_proj_weight",
                &[3072, 1024],
            ),
            (
                "visual.transformer.resblocks.0.mlp.c_proj.weight",
                &[1024, 4096],
            ),
            ("visual.ln_post.bias", &[1024]),
            ("attention_head.value.weight", &[1024, 1024]),
            ("attention_head.fc.weight", &[1, 2048]),
        ] {
            assert_eq!(shape_of(&wanted, name), expected, "{name}");
        }
        // The tower has 303 966 208 parameters with its projection (1024·768) and 24 layers of
        // 12 596 224; the head has 3 150 849.
        let one_layer = 303_966_208 - 1024 * 768 - 23 * 12_596_224;
        assert_eq!(bytes(&wanted), 4 * (one_layer + 3_150_849));
    }

    #[test]
    fn dinov2_vit_s_14_has_the_published_tensors_whatever_the_side_of_its_input() {
        for image_px in [224, 336, 392] {
            let text = format!(
                "family = \"dinov2-vit\"\nimage_px = {image_px}\npatch_px = 14\nwidth = 384\nlayers = 12\nheads = 6\nhead = \"linear\""
            );
            let shape: FrameArchitecture = toml::from_str(&text).unwrap();
            let mut tensors = Tensors::none(Device::Cpu);
            drop(FrameNetwork::take(&mut tensors, &shape, Precision::Fp32));
            let wanted = tensors.wanted;
            for (name, expected) in [
                ("embeddings.cls_token", &[1, 1, 384][..]),
                ("embeddings.position_embeddings", &[1, 1370, 384]),
                (
                    "encoder.layer.11.attention.attention.key.weight",
                    &[384, 384],
                ),
                ("encoder.layer.0.attention.output.dense.bias", &[384]),
                ("encoder.layer.5.layer_scale2.lambda1", &[384]),
                ("encoder.layer.0.mlp.fc2.weight", &[384, 1536]),
                ("head.weight", &[1, 768]),
                ("mask_head.bias", &[1]),
            ] {
                assert_eq!(shape_of(&wanted, name), expected, "{name}");
            }
            // The published 22 056 576 without the token for hidden patches, and both heads.
            assert_eq!(bytes(&wanted), 4 * (22_056_576 - 384 + 769 + 385));
        }
    }
}
