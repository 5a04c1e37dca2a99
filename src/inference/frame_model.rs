//! The frame model: loaded from tensors or whole, asked about some of a clip's frames.

use tch::{Device, Kind, Tensor};

use super::bundle::ModelFolder;
use super::clip::{Clip, FrameScore};
use super::image_model::{Expected, ImageModel};
use super::manifest::FrameArchitecture;
use super::model::{Beneath, Model, Running, Strongest};
use super::networks::{FrameNetwork, PictureLogits, PictureMaps};
use crate::domain::{ManipulationMap, Rgb8Image};

impl Model<FrameNetwork> {
    /// Loads the weights of a network of ours on what lies `beneath`, or the image model that a user brought
    /// whole.
    pub(super) fn of_pictures(
        folder: &ModelFolder<FrameArchitecture>,
        running: Running<'_>,
        beneath: Beneath,
        problems: &mut Vec<String>,
    ) -> Option<Self> {
        let manifest = &folder.manifest;
        let Some(format) = manifest.architecture.image_format() else {
            let precision = running.frame_precision;
            let running = Running {
                precision,
                ..running
            };
            return Self::load(folder, running, beneath, problems, FrameNetwork::take);
        };
        if manifest.weights.files().count() != 1 {
            let path = folder.folder.join("manifest.toml");
            problems.push(format!(
                "{}: an image model is one file, weights.more cannot belong to it",
                path.display()
            ));
            return None;
        }
        let expected = Expected {
            sha256: &manifest.weights.sha256,
            format,
            size_px: manifest.preprocess.size_px,
            outputs: manifest.output.labels.len() as i64,
            device: running.device,
        };
        match ImageModel::load(&folder.folder.join(&manifest.weights.file), &expected) {
            Ok(model) => Some(Self::new(FrameNetwork::Image(model), folder, running)),
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }

    /// What it says of `frames` crops of each clip, spread evenly (0: of all), in the place of each.
    pub(super) fn score(
        &self,
        clips: &[&Clip],
        frames: usize,
        pass_frames: usize,
    ) -> Result<Vec<Vec<Option<FrameScore>>>, String> {
        let chosen: Vec<Vec<usize>> = (clips.iter())
            .map(|clip| spread(clip.frames(), frames))
            .collect();
        let crops: Vec<&Rgb8Image> = (clips.iter().zip(&chosen))
            .flat_map(|(clip, chosen)| chosen.iter().map(|&position| &clip.crops[position]))
            .collect();
        let mut scores = self.score_each(&crops, pass_frames)?.into_iter();
        let placed = clips.iter().zip(&chosen).map(|(clip, chosen)| {
            let mut placed = vec![None; clip.frames()];
            for (&position, score) in chosen.iter().zip(&mut scores) {
                placed[position] = Some(score);
            }
            placed
        });
        Ok(placed.collect())
    }

    fn score_each(
        &self,
        crops: &[&Rgb8Image],
        pass_frames: usize,
    ) -> Result<Vec<FrameScore>, String> {
        let mut scores = Vec::with_capacity(crops.len());
        let towards = |outputs: &Tensor| self.readout.towards_fake(outputs);
        let passes = self.in_passes(crops, pass_frames, |network, pictures| {
            network.run(pictures, &towards)
        });
        for pass in passes {
            let PictureLogits { outputs, maps } = pass?;
            let logits = self.readout.logits(&outputs)?;
            let maps = match maps {
                Some(PictureMaps::Mask(mask)) => self.maps(&mask)?.into_iter().map(Some).collect(),
                Some(PictureMaps::Contributions(parts)) => {
                    let maps = self.contribution_maps(&parts, &logits, Strongest::OfEach)?;
                    maps.into_iter().map(Some).collect()
                }
                None => vec![None; logits.len()],
            };
            let pairs = logits.into_iter().zip(maps);
            scores.extend(pairs.map(|(logit, map)| FrameScore { logit, map }));
        }
        Ok(scores)
    }

    /// Logits `[n, side, side]` → a map each.
    fn maps(&self, mask: &Tensor) -> Result<Vec<ManipulationMap>, String> {
        let (_, side, _) = mask.size3().map_err(|e| e.to_string())?;
        let logits = mask.to_device(Device::Cpu).to_kind(Kind::Float).reshape(-1);
        let logits = Vec::<f32>::try_from(logits).map_err(|e| e.to_string())?;
        let (side, covers_ratio) = (side as usize, self.preparation.covers_ratio());
        let map = |cells| ManipulationMap::of_logits(side, covers_ratio, cells);
        let maps: Result<_, _> = logits.chunks(side * side).map(map).collect();
        maps.map_err(|e| e.to_string())
    }
}

/// Positions of `wanted` among `count` frames: the middles of equal shares. All of them where
/// there are no more, and for 0.
fn spread(count: usize, wanted: usize) -> Vec<usize> {
    if wanted == 0 || count <= wanted {
        return (0..count).collect();
    }
    (0..wanted)
        .map(|share| (2 * share + 1) * count / (2 * wanted))
        .collect()
}

#[cfg(test)]
#[path = "frame_model_tests.rs"]
mod tests;
