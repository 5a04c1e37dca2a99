//! A network between what it reads and what its answer means, and how it is loaded.

use tch::{Device, Kind, Tensor};

use super::bundle::ModelFolder;
use super::foundation::OpenFoundation;
use super::manifest::{Architecture, Manifest};
use super::preprocess::Preparation;
use super::readout::Readout;
use super::weights::Tensors;
use super::{FoundationFolders, Precision};
use crate::domain::{Logit, ManipulationMap, Rgb8Image};

/// A network that is ready to look at crops.
pub(super) struct Model<N> {
    pub(super) network: N,
    pub(super) preparation: Preparation,
    pub(super) readout: Readout,
}

/// Where and how the networks run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running<'a> {
    pub(super) device: Device,
    pub(super) precision: Precision,
    /// Of the frame model.
    pub(super) frame_precision: Precision,
    /// Frames of a clip that the frame model looks at; 0: all.
    pub(super) frame_frames: usize,
    /// Pictures in one forward pass at most.
    pub(super) pass_frames: usize,
    /// Where the weights lie that some models rest on.
    pub(super) foundations: &'a FoundationFolders,
}

impl<N> Model<N> {
    /// Loads the weights of `folder` on what lies `beneath` and gets ready to read its pictures and
    /// numbers; `None` after noting what is wrong.
    pub(super) fn load<A: Architecture>(
        folder: &ModelFolder<A>,
        running: Running<'_>,
        beneath: Beneath,
        problems: &mut Vec<String>,
        take: impl FnOnce(&mut Tensors, &A, Precision) -> N,
    ) -> Option<Self> {
        let network = load_network(folder, running, beneath, problems, take)?;
        Some(Self::new(network, folder, running))
    }

    pub(super) fn new<A: Architecture>(
        network: N,
        folder: &ModelFolder<A>,
        running: Running<'_>,
    ) -> Self {
        Self {
            network,
            preparation: Preparation::new(&folder.manifest.preprocess, running.device),
            readout: Readout::new(&folder.manifest),
        }
    }

    /// Runs `network` over all crops, at most `pass_frames` at a time.
    pub(super) fn in_passes<T>(
        &self,
        crops: &[&Rgb8Image],
        pass_frames: usize,
        network: impl Fn(&N, &Tensor) -> T,
    ) -> Vec<T> {
        crops
            .chunks(pass_frames)
            .map(|pass| network(&self.network, &self.preparation.run(pass)))
            .collect()
    }
}

/// What the strength of a map's cells is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strongest {
    /// The strongest cell of all maps.
    OfAll,
    /// Of each map its own.
    OfEach,
}

impl<N> Model<N> {
    /// What the parts of pictures add to the logit of FAKE, `[n, side, side]`, as maps; `logits` are
    /// those that the parts speak for.
    pub(super) fn contribution_maps(
        &self,
        contributions: &Tensor,
        logits: &[Logit],
        strongest: Strongest,
    ) -> Result<Vec<ManipulationMap>, String> {
        let (_, side, _) = contributions.size3().map_err(|e| e.to_string())?;
        let side = side as usize;
        let flat = contributions.to_device(Device::Cpu).to_kind(Kind::Float);
        let flat = Vec::<f32>::try_from(flat.reshape(-1)).map_err(|e| e.to_string())?;
        let most = |cells: &[f32]| cells.iter().copied().fold(0.0, f32::max);
        let of_all = most(&flat);
        let maps = flat.chunks(side * side).zip(logits).map(|(cells, logit)| {
            let strongest = match strongest {
                Strongest::OfAll => of_all,
                Strongest::OfEach => most(cells),
            };
            let covers_ratio = self.preparation.covers_ratio();
            ManipulationMap::of_contributions((side, covers_ratio), cells, strongest, *logit)
        });
        maps.collect::<Result<_, _>>().map_err(|e| e.to_string())
    }
}

/// The foundation of a network, opened, or what is wrong with it; `None` for a network that rests on none.
pub(super) type Beneath = Option<Result<OpenFoundation, String>>;

/// Opens what a network rests on. Apart from the rest, because it is much the largest of a bundle: others
/// can load beside it.
pub(super) fn beneath<A: Architecture>(
    model: &ModelFolder<A>,
    folders: &FoundationFolders,
) -> Beneath {
    let foundation = model.manifest.foundation.as_ref();
    foundation.map(|foundation| foundation.open(folders))
}

/// Reads a network's weights and builds it; `None` after noting what is wrong.
pub(super) fn load_network<A: Architecture, N>(
    model: &ModelFolder<A>,
    running: Running<'_>,
    beneath: Beneath,
    problems: &mut Vec<String>,
    take: impl FnOnce(&mut Tensors, &A, Precision) -> N,
) -> Option<N> {
    let found = match open(model, running.device, beneath) {
        Ok(mut tensors) => {
            let network = take(
                &mut tensors,
                &model.manifest.architecture,
                running.precision,
            );
            let found = tensors.finish();
            if found.is_empty() {
                return Some(network);
            }
            found
        }
        Err(found) => found,
    };
    problems.extend(found);
    None
}

/// The files of a network and, beneath them, its foundation.
fn open<A: Architecture>(
    model: &ModelFolder<A>,
    device: Device,
    beneath: Beneath,
) -> Result<Tensors, Vec<String>> {
    let Manifest {
        weights,
        architecture,
        ..
    } = &model.manifest;
    let naming = architecture.naming();
    let tensors = Tensors::open(&model.folder, weights, naming, device);
    let Some(foundation) = beneath else {
        return tensors;
    };
    match (tensors, foundation) {
        (Ok(mut tensors), Ok(foundation)) => {
            tensors.rest_on(foundation);
            Ok(tensors)
        }
        (Ok(_), Err(problem)) => Err(vec![problem]),
        (Err(problems), Ok(_)) => Err(problems),
        (Err(mut problems), Err(problem)) => {
            problems.push(problem);
            Err(problems)
        }
    }
}
