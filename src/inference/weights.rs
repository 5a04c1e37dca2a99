//! Strict loading of weights: a network gets exactly the tensors it names, with exactly the
//! shapes it states, or it does not load at all.
//!
//! 1. The file's SHA-256 is compared with the manifest before a byte is parsed.
//! 2. The network asks for each tensor by name and shape ([`Scope::tensor`]); what is missing or
//!    misshapen is noted and stands in as zeros, so that one load names every problem.
//! 3. [`Tensors::finish`] gives the noted problems and those of tensors nobody asked for. The
//!    network may only be used when there are none.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

/// Extra tensors named before the rest is only counted.
const MOST_NAMED: usize = 20;

/// The tensors of a file, each given out once.
pub(super) struct Tensors {
    found: BTreeMap<String, Tensor>,
    device: Device,
    problems: Vec<String>,
    /// Everything asked for: lets tests write a file that fits.
    #[cfg(test)]
    pub(super) wanted: Vec<(String, Vec<i64>, Kind)>,
    #[cfg(test)]
    make: Option<MakeTensor>,
}

/// Computes a tensor from its name, shape and kind.
#[cfg(test)]
pub(super) type MakeTensor = fn(&str, &[i64], Kind) -> Tensor;

impl Tensors {
    /// Reads a safetensors file after its digest was found to be `sha256`.
    pub(super) fn read(path: &Path, sha256: &str, device: Device) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|e| format!("cannot be read: {e}"))?;
        let actual = hex::encode(Sha256::digest(&bytes));
        if actual != sha256 {
            return Err(format!(
                "SHA-256 is {actual}, the manifest says {sha256}; fetch the file again"
            ));
        }
        Self::parse(&bytes, device)
    }

    fn parse(bytes: &[u8], device: Device) -> Result<Self, String> {
        let file =
            SafeTensors::deserialize(bytes).map_err(|e| format!("no safetensors file: {e}"))?;
        let mut tensors = Self::none(device);
        for (name, view) in file.iter() {
            let known = [(Dtype::F32, Kind::Float), (Dtype::I64, Kind::Int64)];
            let Some((_, kind)) = known.into_iter().find(|(d, _)| *d == view.dtype()) else {
                let problem = format!("{name} has type {:?}, expected F32", view.dtype());
                tensors.problems.push(problem);
                continue;
            };
            let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
            let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)
                .map_err(|e| format!("{name} cannot be read: {e}"))?;
            tensors.found.insert(name.to_owned(), tensor);
        }
        Ok(tensors)
    }

    pub(super) fn none(device: Device) -> Self {
        Self {
            found: BTreeMap::new(),
            device,
            problems: Vec::new(),
            #[cfg(test)]
            wanted: Vec::new(),
            #[cfg(test)]
            make: None,
        }
    }

    /// Gives every tensor that is asked for as `make` computes it, without a file.
    #[cfg(test)]
    pub(super) fn computed(make: MakeTensor) -> Self {
        Self {
            make: Some(make),
            ..Self::none(Device::Cpu)
        }
    }

    /// The scope of all names.
    pub(super) fn root(&mut self) -> Scope<'_> {
        Scope {
            tensors: self,
            prefix: String::new(),
        }
    }

    /// Every problem, in the order it was met; empty when the network may be used.
    pub(super) fn finish(self) -> Vec<String> {
        let mut problems = self.problems;
        let extra: Vec<String> = self.found.into_keys().collect();
        let named = extra.iter().take(MOST_NAMED);
        problems.extend(named.map(|name| format!("{name} is not part of this architecture")));
        if let Some(more) = extra.len().checked_sub(MOST_NAMED).filter(|n| *n > 0) {
            problems.push(format!("and {more} more tensors are not part of it"));
        }
        problems
    }

    fn take(&mut self, name: String, shape: &[i64], kind: Kind) -> Tensor {
        #[cfg(test)]
        self.wanted.push((name.clone(), shape.to_vec(), kind));
        #[cfg(test)]
        if let Some(make) = self.make {
            return make(&name, shape, kind);
        }
        let problem = match self.found.remove(&name) {
            None => format!("{name} {shape:?} is missing"),
            Some(tensor) if tensor.kind() != kind => {
                format!("{name} has type {:?}, expected {kind:?}", tensor.kind())
            }
            Some(tensor) if tensor.size() != shape => {
                format!("{name} has shape {:?}, expected {shape:?}", tensor.size())
            }
            Some(tensor) if !bool::try_from(tensor.isfinite().all()).unwrap_or(false) => {
                format!("{name} holds values that are not finite")
            }
            Some(tensor) => return tensor.to_device(self.device),
        };
        self.problems.push(problem);
        Tensor::zeros(shape, (kind, self.device))
    }
}

/// Names that start alike, as modules nest: `feature_extractor.4.0.` and so on.
pub(super) struct Scope<'a> {
    tensors: &'a mut Tensors,
    prefix: String,
}

impl Scope<'_> {
    /// The scope `name.` within this one.
    pub(super) fn at(&mut self, name: impl Display) -> Scope<'_> {
        Scope {
            prefix: format!("{}{name}.", self.prefix),
            tensors: self.tensors,
        }
    }

    /// The 32-bit float tensor `name` of `shape`.
    pub(super) fn tensor(&mut self, name: &str, shape: &[i64]) -> Tensor {
        let name = format!("{}{name}", self.prefix);
        self.tensors.take(name, shape, Kind::Float)
    }

    /// The 64-bit counter `name`, which training leaves in the file and serving has no use for.
    pub(super) fn counter(&mut self, name: &str) {
        let name = format!("{}{name}", self.prefix);
        let _ = self.tensors.take(name, &[], Kind::Int64);
    }
}
