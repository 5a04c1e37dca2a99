//! The files in `tests/fixtures/parity`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tch::Tensor;

use super::super::FoundationFolders;
use super::super::bundle::ModelFolder;
use super::super::manifest::Architecture;
use super::hashed;
use crate::domain::{CROP_CANVAS_PX, Rgb8Image};

/// Those of the fixtures, and those that the set-up fetched.
pub(super) static FOUNDATIONS: LazyLock<FoundationFolders> = LazyLock::new(|| {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity");
    FoundationFolders::new(&fixtures, Path::new(""))
});

/// What PyTorch gives for a network.
pub(super) struct Reference {
    name: String,
    tensors: HashMap<String, Tensor>,
}

impl Reference {
    pub(super) fn read(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            tensors: tensors(&format!("{name}/reference.safetensors")),
        }
    }

    pub(super) fn is_of_sequence(&self) -> bool {
        self.has("track_logits")
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    pub(super) fn tensor(&self, name: &str) -> &Tensor {
        let found = self.tensors.get(name);
        found.unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }

    /// Largest difference from the reference, relative to each number where that is above 1.
    pub(super) fn difference(&self, name: &str, actual: &Tensor) -> f64 {
        self.scaled_difference(name, actual, |expected| expected.abs())
    }

    /// Largest difference from the reference, relative to its largest number if that is above 1.
    pub(super) fn difference_of_largest(&self, name: &str, actual: &Tensor) -> f64 {
        self.scaled_difference(name, actual, |expected| expected.abs().max())
    }

    fn scaled_difference(
        &self,
        name: &str,
        actual: &Tensor,
        scale: impl FnOnce(&Tensor) -> Tensor,
    ) -> f64 {
        let expected = self.tensor(name);
        assert_eq!(actual.size(), expected.size(), "{}: {name}", self.name);
        let scale = scale(expected).clamp_min(1.0);
        f64::try_from(((actual - expected) / scale).abs().max()).unwrap()
    }
}

/// A file of the fixtures.
pub(in crate::inference) fn path(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity");
    let path = fixtures.join(name);
    assert!(
        path.exists(),
        "{} is missing; write it with `python scripts/train/parity.py --out tests/fixtures/parity` \
         (see scripts/train/README.md)",
        path.display()
    );
    path
}

/// The tensors of a file of the fixtures.
pub(in crate::inference) fn tensors(name: &str) -> HashMap<String, Tensor> {
    let tensors = Tensor::read_safetensors(path(name)).unwrap();
    tensors.into_iter().collect()
}

/// Two faces and noise.
pub(in crate::inference) fn canvases() -> Vec<Rgb8Image> {
    let faces = &tensors("canvases.safetensors")["canvases"];
    let face = |i| Vec::<u8>::try_from(faces.get(i).flatten(0, -1)).unwrap();
    let count = (CROP_CANVAS_PX * CROP_CANVAS_PX * 3) as usize;
    let noise = hashed::bits("canvas", count).map(|h| (h >> 24) as u8);
    let pixels = (0..faces.size()[0]).map(face).chain([noise.collect()]);
    pixels
        .map(|p| Rgb8Image::new(CROP_CANVAS_PX, CROP_CANVAS_PX, p).unwrap())
        .collect()
}

/// The model of a fixture: `shipped-sequence` and `shipped-frame` are those of `models/bundle.toml`.
pub(super) fn model<A: Architecture>(name: &str) -> ModelFolder<A> {
    let folder = match name.strip_prefix("shipped-") {
        None => path(name),
        Some(role) => {
            let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
            let bundle = std::fs::read_to_string(models.join("bundle.toml")).unwrap();
            let bundle: toml::Table = bundle.parse().unwrap();
            models.join(bundle[role].as_str().unwrap())
        }
    };
    let mut problems = Vec::new();
    let model = ModelFolder::read(folder, &mut problems);
    model.unwrap_or_else(|| panic!("{problems:#?}"))
}
