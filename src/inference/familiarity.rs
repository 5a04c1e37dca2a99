//! How far a track lies from the training data, from the features that the sequence network
//! computes anyway.
//!
//! `scripts/train/familiarity.py` fits, on training tracks, a mean, the k directions of largest
//! variance (PCA) with their standard deviations, and the deviation of what is left. With x the
//! mean over the track's frames of the pooled features (scaled to unit length where the manifest
//! says so), d = x − mean, z = basis·d / deviations and r = |d − basisᵀ·basis·d| /
//! residual deviation:
//!
//! ```text
//! distance = √((|z|² + r²) / (k + 1))
//! ```
//!
//! so that every direction, and the rest together, count alike, and a typical training track lies
//! at about 1.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use super::manifest::FamiliarityTable;
use crate::domain::Familiarity;

const NAMES: [&str; 4] = ["mean", "basis", "deviations", "residual_deviation"];
/// Largest entry by which the basis times itself transposed may differ from the identity.
const ORTHONORMAL_TOLERANCE: f64 = 1e-3;

/// Where the training data lies. Kept on the CPU in 64 bits: a track is one short vector.
#[derive(Debug)]
pub(super) struct TrainingRegion {
    /// `[channels]`
    mean: Tensor,
    /// `[k, channels]`, rows orthonormal.
    basis: Tensor,
    /// `[k]`, above 0.
    deviations: Tensor,
    /// Above 0.
    residual_deviation: f64,
    limit: f32,
    unit_length: bool,
}

impl TrainingRegion {
    /// Reads the file that `table` names in `folder`, for features of `channels`.
    ///
    /// # Errors
    /// What is wrong with it, a sentence each, naming the file.
    pub(super) fn read(
        folder: &Path,
        table: &FamiliarityTable,
        channels: i64,
    ) -> Result<Self, Vec<String>> {
        let path = folder.join(&table.file);
        let named = |problem: String| format!("{}: {problem}", path.display());
        let bytes =
            std::fs::read(&path).map_err(|e| vec![named(format!("cannot be read: {e}"))])?;
        let actual = hex::encode(Sha256::digest(&bytes));
        if actual != table.sha256 {
            return Err(vec![named(format!(
                "SHA-256 is {actual}, familiarity.sha256 in the manifest says {}; write both again with scripts/train/familiarity.py",
                table.sha256
            ))]);
        }
        Self::parse(&bytes, table, channels)
            .map_err(|problems| problems.into_iter().map(named).collect())
    }

    fn parse(bytes: &[u8], table: &FamiliarityTable, channels: i64) -> Result<Self, Vec<String>> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|e| vec![format!("no safetensors file: {e}")])?;
        let unknown = file.names().into_iter().filter(|n| !NAMES.contains(n));
        let mut problems: Vec<String> = unknown
            .map(|name| format!("{name} is not part of a familiarity file"))
            .collect();
        let directions = file
            .tensor("basis")
            .map_or(1, |b| b.shape().first().map_or(1, |&k| k as i64));
        let mut take = |name: &str, shape: &[i64]| {
            tensor(&file, name, shape)
                .map_err(|problem| problems.push(format!("{name} {problem}")))
                .ok()
        };
        let mean = take("mean", &[channels]);
        let basis = take("basis", &[directions, channels]);
        let deviations = take("deviations", &[directions]);
        let residual = take("residual_deviation", &[1]);
        let (Some(mean), Some(basis), Some(deviations), Some(residual)) =
            (mean, basis, deviations, residual)
        else {
            return Err(problems);
        };
        let region = Self {
            mean,
            basis,
            deviations,
            residual_deviation: residual.double_value(&[0]),
            limit: table.limit,
            unit_length: table.unit_length,
        };
        problems.extend(region.problems());
        if problems.is_empty() {
            Ok(region)
        } else {
            Err(problems)
        }
    }

    fn problems(&self) -> Vec<String> {
        let directions = self.basis.size()[0];
        let product = self.basis.matmul(&self.basis.transpose(0, 1));
        let identity = Tensor::eye(directions, (Kind::Double, Device::Cpu));
        let checks = [
            (
                largest(&(product - identity).abs()) <= ORTHONORMAL_TOLERANCE,
                "the rows of basis must be orthonormal",
            ),
            (
                self.deviations.min().double_value(&[]) > 0.0 && self.residual_deviation > 0.0,
                "deviations and residual_deviation must be above 0",
            ),
        ];
        let failed = checks.into_iter().filter(|(holds, _)| !holds);
        failed.map(|(_, problem)| problem.to_owned()).collect()
    }

    /// The distance of a track from its frames' pooled features `[frames, channels]`.
    ///
    /// # Errors
    /// A sentence when the features are not numbers.
    pub(super) fn measure(&self, features: &Tensor) -> Result<Familiarity, String> {
        let features = features.to_device(Device::Cpu).to_kind(Kind::Double);
        let mut x = features.mean_dim([0i64].as_slice(), false, None);
        if self.unit_length {
            x = &x / x.norm().clamp_min(1e-12);
        }
        let apart = x - &self.mean;
        let along = self.basis.mv(&apart);
        let rest = &apart - self.basis.transpose(0, 1).mv(&along);
        let standardised = (along / &self.deviations).square().sum(Kind::Double);
        let rest = rest.norm().double_value(&[]) / self.residual_deviation;
        let terms = self.basis.size()[0] as f64 + 1.0;
        let distance = ((standardised.double_value(&[]) + rest * rest) / terms).sqrt() as f32;
        if !distance.is_finite() {
            return Err(format!("the distance from the training data is {distance}"));
        }
        Ok(Familiarity {
            distance,
            limit: self.limit,
        })
    }
}

fn tensor(file: &SafeTensors<'_>, name: &str, shape: &[i64]) -> Result<Tensor, String> {
    let view = file.tensor(name).map_err(|_| "is missing".to_owned())?;
    if view.dtype() != Dtype::F32 {
        return Err(format!("has type {:?}, expected F32", view.dtype()));
    }
    let found: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
    if found != shape || found.contains(&0) {
        return Err(format!("has shape {found:?}, expected {shape:?}"));
    }
    let tensor = Tensor::f_from_data_size(view.data(), shape, Kind::Float)
        .map_err(|e| format!("cannot be read: {e}"))?;
    if !bool::try_from(tensor.isfinite().all()).unwrap_or(false) {
        return Err("holds values that are not finite".into());
    }
    Ok(tensor.to_kind(Kind::Double))
}

fn largest(x: &Tensor) -> f64 {
    x.max().double_value(&[])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    type Named = Vec<(&'static str, Tensor)>;

    /// One direction, deviation 2; what is left deviates by 3.
    fn simple() -> Named {
        vec![
            ("mean", Tensor::from_slice(&[1f32, 0.0, 0.0])),
            ("basis", Tensor::from_slice(&[1f32, 0.0, 0.0]).view([1, 3])),
            ("deviations", Tensor::from_slice(&[2f32])),
            ("residual_deviation", Tensor::from_slice(&[3f32])),
        ]
    }

    fn bytes(tensors: &Named) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("region.safetensors");
        Tensor::write_safetensors(tensors, &path).unwrap();
        std::fs::read(path).unwrap()
    }

    fn table(bytes: &[u8], more: &str) -> FamiliarityTable {
        let sha256 = hex::encode(Sha256::digest(bytes));
        let text =
            format!("file = \"region.safetensors\"\nsha256 = \"{sha256}\"\nlimit = 1.5\n{more}");
        toml::from_str(&text).unwrap()
    }

    fn region(tensors: &Named, more: &str) -> Result<TrainingRegion, Vec<String>> {
        let bytes = bytes(tensors);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("region.safetensors"), &bytes).unwrap();
        TrainingRegion::read(folder.path(), &table(&bytes, more), 3)
    }

    fn distance(region: &TrainingRegion, frames: &[[f32; 3]]) -> f32 {
        let features = Tensor::from_slice(&frames.concat()).view([frames.len() as i64, 3]);
        region.measure(&features).unwrap().distance
    }

    #[test]
    fn every_direction_and_the_rest_count_alike() {
        let region = region(&simple(), "").unwrap();
        assert_eq!(distance(&region, &[[1.0, 0.0, 0.0]]), 0.0);
        assert_eq!(distance(&region, &[[3.0, 0.0, 3.0]]), 1.0);
        assert_eq!(distance(&region, &[[1.0, 6.0, 0.0]]), 2f32.sqrt());
    }

    #[test]
    fn a_track_counts_by_the_mean_of_its_frames() {
        let region = region(&simple(), "").unwrap();
        let apart = [[4.0, 1.0, 5.0], [2.0, -1.0, 1.0]];
        assert_eq!(distance(&region, &apart), 1.0);
    }

    #[test]
    fn of_unit_length_only_the_pattern_counts() {
        let region = region(&simple(), "unit_length = true").unwrap();
        assert_eq!(distance(&region, &[[7.0, 0.0, 0.0]]), 0.0);
        let (weak, strong) = ([[0.3, 0.4, 0.0]], [[30.0, 40.0, 0.0]]);
        let difference = distance(&region, &weak) - distance(&region, &strong);
        assert!(difference.abs() < 1e-6);
    }

    #[test]
    fn features_that_are_no_numbers_have_no_distance() {
        let region = region(&simple(), "").unwrap();
        assert!(
            region
                .measure(&Tensor::from_slice(&[f32::NAN; 3]).view([1, 3]))
                .is_err()
        );
    }

    #[test]
    fn missing_extra_misshapen_mistyped_and_broken_tensors_are_all_named_with_the_file() {
        let broken = vec![
            ("mean", Tensor::from_slice(&[1f32, 0.0])),
            (
                "basis",
                Tensor::from_slice(&[f32::NAN, 0.0, 0.0]).view([1, 3]),
            ),
            ("deviations", Tensor::from_slice(&[2f64])),
            ("surprise", Tensor::from_slice(&[1f32])),
        ];
        let problems = region(&broken, "").unwrap_err();
        assert!(
            problems.iter().all(|p| p.contains("region.safetensors: ")),
            "{problems:?}"
        );
        let problems = problems.join("\n");
        for problem in [
            "mean has shape [2], expected [3]",
            "basis holds values that are not finite",
            "deviations has type F64, expected F32",
            "residual_deviation is missing",
            "surprise is not part of a familiarity file",
        ] {
            assert!(problems.contains(problem), "no {problem:?} in {problems}");
        }
    }

    #[test]
    fn a_basis_that_is_not_orthonormal_and_deviations_of_zero_are_refused() {
        let mut tensors = simple();
        tensors[1].1 *= 2.0;
        tensors[2].1 *= 0.0;
        let problems = region(&tensors, "").unwrap_err().join("\n");
        assert!(
            problems.contains("orthonormal") && problems.contains("above 0"),
            "{problems}"
        );
    }

    #[test]
    fn a_file_that_is_gone_or_not_the_stated_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let table = table(&bytes(&simple()), "");
        let read = || {
            TrainingRegion::read(folder.path(), &table, 3)
                .unwrap_err()
                .join("")
        };
        assert!(read().contains("region.safetensors: cannot be read"));
        std::fs::write(folder.path().join("region.safetensors"), b"garbage").unwrap();
        assert!(read().contains("SHA-256 is") && read().contains("familiarity.py"));
    }

    /// `scripts/train/familiarity.py --fixture` writes tracks of features and their distances.
    #[test]
    fn distances_are_those_of_the_script_that_fits_the_region() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/familiarity");
        let bytes = std::fs::read(folder.join("familiarity.safetensors")).unwrap();
        let tracks: HashMap<String, Tensor> =
            Tensor::read_safetensors(folder.join("tracks.safetensors"))
                .unwrap()
                .into_iter()
                .collect();
        let features = &tracks["features"];
        for (name, more) in [
            ("distances", ""),
            ("distances_unit_length", "unit_length = true"),
        ] {
            let region = TrainingRegion::parse(&bytes, &table(&bytes, more), features.size()[2]);
            let region = region.unwrap();
            for track in 0..features.size()[0] {
                let expected = tracks[name].double_value(&[track]);
                let actual = region.measure(&features.get(track)).unwrap().distance;
                let difference = (f64::from(actual) - expected).abs() / expected;
                assert!(
                    difference <= 1e-4,
                    "{name} {track}: {actual} for {expected}"
                );
            }
        }
    }
}
