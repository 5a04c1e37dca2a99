//! The public checkpoints that `models pull` knows: where each is, and what proves that the bytes
//! are the published ones. Nothing here is shipped; the terms are those of their authors.

use std::borrow::Cow;

/// What the bytes of a file must add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// SHA-256 of the file.
    Sha256(Cow<'static, str>),
    /// The id that git gives the file: SHA-1 of `blob SIZE\0` and the bytes. For files of which only
    /// the repository's own record is known.
    GitBlob(Cow<'static, str>),
}

/// A checkpoint on a public server.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// What `pull` calls it.
    pub(super) name: &'static str,
    pub(super) url: &'static str,
    /// Name of the file under `downloads`.
    pub(super) file: &'static str,
    /// Exact size where it is known.
    pub(super) size_bytes: Option<u64>,
    /// The most that is accepted.
    pub(super) limit_bytes: u64,
    pub(super) proof: Proof,
    /// Terms as far as they are known.
    pub(super) licence: &'static str,
    /// What to do with the file; `{}` stands for its path.
    pub(super) next: &'static str,
}

pub(super) static CHECKPOINTS: &[Checkpoint] = &[
    Checkpoint {
        name: "openai-clip-vit-l14",
        url: "https://openaipublic.azureedge.net/clip/models/b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836/ViT-L-14.pt",
        file: "ViT-L-14.pt",
        size_bytes: Some(932_768_134),
        limit_bytes: 932_768_134,
        proof: Proof::Sha256(Cow::Borrowed(
            "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
        )),
        licence: "code MIT; the model card calls any deployed use out of scope",
        next: "framewitness models add NAME --preset d3-vit-l14 --weights {} --head D3-CLASSIFIER.pth",
    },
    Checkpoint {
        name: "d3-classifier",
        url: "https://raw.githubusercontent.com/BigAandSmallq/D3/main/ckpt/classifier.pth",
        file: "d3-classifier.pth",
        size_bytes: None,
        limit_bytes: 16 * 1024 * 1024,
        proof: Proof::GitBlob(Cow::Borrowed("06d99cf7212cf5c5dc81df87de6b691d4ccbc67f")),
        licence: "none stated by the authors: all rights reserved",
        next: "framewitness models add NAME --preset d3-vit-l14 --weights ViT-L-14.pt --head {}",
    },
    Checkpoint {
        name: "ufd-fc",
        url: "https://raw.githubusercontent.com/WisconsinAIVision/UniversalFakeDetect/763391eff3284f6950ffb323599c1a7a819f2ecd/pretrained_weights/fc_weights.pth",
        file: "ufd-fc_weights.pth",
        size_bytes: Some(4083),
        limit_bytes: 4083,
        proof: Proof::Sha256(Cow::Borrowed(
            "477100745713bcc957beb2b40859536859b6483fd6301b3b9293151b194c7847",
        )),
        licence: "MIT",
        next: "framewitness models add NAME --preset ufd-vit-l14 --weights ViT-L-14.pt --head {}",
    },
    Checkpoint {
        name: "gend-clip-l14",
        url: "https://huggingface.co/yermandy/GenD_CLIP_L_14/resolve/main/model.safetensors",
        file: "gend-clip-l14.safetensors",
        size_bytes: Some(1_215_928_160),
        limit_bytes: 1_215_928_160,
        proof: Proof::Sha256(Cow::Borrowed(
            "d76f0bdfd74a29fe1b1c1b84a80ac92486993e426878e8c7a3944281fbb96833",
        )),
        licence: "code MIT; terms of the weights not verified",
        next: "framewitness models add NAME --preset gend-vit-l14 --weights {}",
    },
    Checkpoint {
        name: "dinov2-vit-s14",
        url: "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth",
        file: "dinov2_vits14_pretrain.pth",
        size_bytes: Some(88_283_115),
        limit_bytes: 88_283_115,
        proof: Proof::Sha256(Cow::Borrowed(
            "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
        )),
        licence: "Apache-2.0",
        next: "framewitness models add NAME --preset dinov2-vit-s14 --weights {} --head YOUR-HEAD.safetensors",
    },
    Checkpoint {
        name: "yunet-2023mar",
        url: "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
        file: "face_detection_yunet_2023mar.onnx",
        size_bytes: Some(232_589),
        limit_bytes: 232_589,
        proof: Proof::Sha256(Cow::Borrowed(
            "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        )),
        licence: "MIT",
        next: "{} can serve as the teacher of scripts/train/detector; the service runs its own detector",
    },
];

/// The checkpoint of that name, or a sentence with those there are.
pub(super) fn find(name: &str) -> Result<&'static Checkpoint, String> {
    let found = CHECKPOINTS.iter().find(|c| c.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = CHECKPOINTS.iter().map(|c| c.name).collect();
        format!(
            "no checkpoint is called {name:?}; known are {}",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_checkpoint_is_pinned_by_a_digest_and_named_once() {
        for checkpoint in CHECKPOINTS {
            let digits = match &checkpoint.proof {
                Proof::Sha256(hex) => (hex, 64),
                Proof::GitBlob(hex) => (hex, 40),
            };
            assert_eq!(digits.0.len(), digits.1, "{}", checkpoint.name);
            assert!(digits.0.bytes().all(|b| b.is_ascii_hexdigit()));
            assert!(checkpoint.url.starts_with("https://"));
            assert!(
                checkpoint
                    .size_bytes
                    .is_none_or(|size| size == checkpoint.limit_bytes)
            );
            assert_eq!(find(checkpoint.name).unwrap().url, checkpoint.url);
        }
        assert!(find("resnet").unwrap_err().contains("ufd-fc"));
    }
}
