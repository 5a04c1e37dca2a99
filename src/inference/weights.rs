//! Strict loading of weights: a network gets exactly the tensors it names, with exactly the
//! shapes it states, or it does not load at all.
//!
//! 1. The SHA-256 of every file is compared with the manifest before a byte is parsed
//!    ([`Tensors::open`]); then their tensors are located ([`Checkpoint`]) and put together. The
//!    names of a further file get its prefix; a name in two files is an error. A foundation lies
//!    beneath ([`Tensors::rest_on`]) and gives what the files do not.
//! 2. The network asks for each tensor by name and shape ([`Scope::tensor`]), and only then is it
//!    read. A name may stand in the file behind `model.`, as programs that wrap a backbone save
//!    it. What is missing or misshapen is noted and stands in as zeros, so that one load names
//!    every problem. To a matrix `X.weight` the product of `X.low_rank.up` and `X.low_rank.down` is
//!    added where they stand beside it ([`factors`]).
//! 3. [`Tensors::finish`] gives the noted problems and those of tensors nobody asked for. The
//!    network may only be used when there are none.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tch::{Device, Kind, Tensor};

use super::checkpoint::{Checkpoint, CheckpointError, Naming, Recipe};
use super::factors;
use super::foundation::OpenFoundation;
use super::weight_files::Weights;

/// Extra tensors named before the rest is only counted.
const MOST_NAMED: usize = 20;

/// The tensors of a network's files, each given out once.
pub(super) struct Tensors {
    /// All files, in the order they were added.
    paths: Vec<PathBuf>,
    found: BTreeMap<String, Located>,
    naming: Naming,
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

/// Where a tensor is.
enum Located {
    /// In a file, from which it is read when it is asked for.
    Stored(Rc<Checkpoint>, Recipe),
    /// Read already, as 32-bit floats, out of the graph at this path.
    Held(Rc<Path>, Tensor),
}

impl Tensors {
    /// Opens the files of `weights` in `folder`.
    ///
    /// # Errors
    /// A sentence for every file that is not there, has another digest or cannot be read, naming
    /// it.
    pub(super) fn open(
        folder: &Path,
        weights: &Weights,
        naming: Naming,
        device: Device,
    ) -> Result<Self, Vec<String>> {
        let opened = weights.files().map(|file| {
            let opened = Checkpoint::open_verified(&folder.join(file.name), file.sha256);
            Ok((opened?, file.prefix))
        });
        let opened: Vec<Result<_, CheckpointError>> = opened.collect();
        let problems: Vec<String> = opened
            .iter()
            .filter_map(|file| Some(file.as_ref().err()?.to_string()))
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut tensors = Self::none(device);
        tensors.naming = naming;
        for (file, prefix) in opened.into_iter().flatten() {
            tensors.add(file, prefix);
        }
        Ok(tensors)
    }

    pub(super) fn none(device: Device) -> Self {
        Self {
            paths: Vec::new(),
            found: BTreeMap::new(),
            naming: Naming::Own,
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

    fn add(&mut self, file: Checkpoint, prefix: &str) {
        self.paths.push(file.path().to_owned());
        let file = Rc::new(file);
        for (name, recipe) in self.naming.translate(file.tensors()) {
            let name = format!("{prefix}{name}");
            let located = Located::Stored(Rc::clone(&file), recipe);
            if let Some(earlier) = self.found.insert(name.clone(), located) {
                self.problems.push(format!(
                    "{}: {name} is in {} too",
                    file.path().display(),
                    earlier.path().display()
                ));
            }
        }
    }

    /// Puts the tensors of a foundation beneath those that are there already: of a name in both,
    /// the foundation's is passed over.
    pub(super) fn rest_on(&mut self, foundation: OpenFoundation) {
        match foundation {
            OpenFoundation::Weights(file) => {
                self.paths.push(file.path().to_owned());
                let file = Rc::new(file);
                for (name, recipe) in self.naming.translate(file.tensors()) {
                    let located = Located::Stored(Rc::clone(&file), recipe);
                    self.found.entry(name).or_insert(located);
                }
            }
            OpenFoundation::Graph { path, tensors } => {
                let shared: Rc<Path> = path.as_path().into();
                self.paths.push(path);
                for (name, tensor) in tensors {
                    let located = Located::Held(Rc::clone(&shared), tensor);
                    self.found.entry(name).or_insert(located);
                }
            }
        }
    }

    /// The scope of all names.
    pub(super) fn root(&mut self) -> Scope<'_> {
        Scope {
            tensors: self,
            prefix: String::new(),
        }
    }

    /// Every problem, in the order it was met, naming its file; empty when the network may be
    /// used.
    pub(super) fn finish(self) -> Vec<String> {
        let Self {
            found,
            naming,
            mut problems,
            ..
        } = self;
        let extra = found.into_iter();
        let extra: Vec<_> = extra
            .filter(|(name, _)| !naming.may_be_left(name))
            .collect();
        let named = extra.iter().take(MOST_NAMED);
        problems.extend(named.map(|(name, located)| {
            let path = located.path().display();
            format!("{path}: {name} is not part of this architecture")
        }));
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
        let found = self.found.remove_entry(&name);
        let found = found.or_else(|| self.found.remove_entry(&format!("model.{name}")));
        let problem = match found {
            None => format!("{}: {name} {shape:?} is missing", self.paths()),
            Some((stored_name, located)) => {
                let path = located.path().display().to_string();
                match located.read(shape, kind) {
                    Ok(tensor) => return self.moved(&name, tensor).to_device(self.device),
                    Err(problem) => format!("{path}: {stored_name} {problem}"),
                }
            }
        };
        self.problems.push(problem);
        Tensor::zeros(shape, (kind, self.device))
    }

    /// The tensor `name` with what its factors add to it, if there are any. What is wrong with
    /// them is noted.
    fn moved(&mut self, name: &str, tensor: Tensor) -> Tensor {
        let names = factors::names(name);
        let pair = names.map(|names| names.map(|name| self.found.remove_entry(&name)));
        let product = match pair {
            None | Some([None, None]) => return tensor,
            Some([Some((_, up)), Some((_, down))]) => {
                let path = up.path().display().to_string();
                product(up, down, &tensor.size())
                    .map_err(|problem| format!("{path}: the factors of {name} {problem}"))
            }
            Some([Some((alone, located)), None] | [None, Some((alone, located))]) => Err(format!(
                "{}: {alone} stands without its other factor",
                located.path().display()
            )),
        };
        match product {
            Ok(product) => tensor + product,
            Err(problem) => {
                self.problems.push(problem);
                tensor
            }
        }
    }

    fn paths(&self) -> String {
        let paths = self.paths.iter().map(|path| path.display().to_string());
        paths.collect::<Vec<_>>().join(" and ")
    }
}

impl Located {
    fn path(&self) -> &Path {
        match self {
            Self::Stored(file, _) => file.path(),
            Self::Held(path, _) => path,
        }
    }

    fn shape(&self) -> Vec<i64> {
        match self {
            Self::Stored(_, recipe) => recipe.shape(),
            Self::Held(_, tensor) => tensor.size(),
        }
    }

    /// The tensor, if it is what the network expects; type and shape are compared before it is read.
    fn read(self, shape: &[i64], kind: Kind) -> Result<Tensor, String> {
        self.check_kind(kind)?;
        let found = self.shape();
        if found != shape {
            return Err(format!("has shape {found:?}, expected {shape:?}"));
        }
        let tensor = match self {
            Self::Stored(file, recipe) => recipe.read(&file)?,
            Self::Held(_, tensor) => tensor,
        };
        if !is_finite(&tensor) {
            return Err("holds values that are not finite".into());
        }
        Ok(tensor)
    }

    fn check_kind(&self, kind: Kind) -> Result<(), String> {
        let (fits, found) = match self {
            Self::Stored(_, recipe) => {
                let element = recipe.element();
                let fits = if kind == Kind::Int64 {
                    element.is_integer()
                } else {
                    element.is_float()
                };
                (fits, format!("{element:?}"))
            }
            Self::Held(_, tensor) => (tensor.kind() == kind, format!("{:?}", tensor.kind())),
        };
        if fits {
            return Ok(());
        }
        Err(format!("has type {found}, expected {kind:?}"))
    }
}

/// Whether every value is a number and none is infinite. One that is not makes the sum so, which is a tenth of the
/// work of looking at each; they are looked at where a sum is too large itself.
fn is_finite(tensor: &Tensor) -> bool {
    let sum = f64::try_from(tensor.sum(None::<Kind>)).unwrap_or(f64::NAN);
    sum.is_finite() || bool::try_from(tensor.isfinite().all()).unwrap_or(false)
}

/// `up` times `down`, of the `shape` of their matrix.
fn product(up: Located, down: Located, shape: &[i64]) -> Result<Tensor, String> {
    let shapes = [up.shape(), down.shape()];
    factors::check_shapes(&shapes[0], &shapes[1], shape)?;
    let up = up.read(&shapes[0], Kind::Float)?;
    Ok(up.matmul(&down.read(&shapes[1], Kind::Float)?))
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

#[cfg(test)]
mod tests {
    use super::is_finite;
    use tch::Tensor;

    #[test]
    fn one_value_that_is_no_number_or_infinite_is_found_and_large_ones_are_no_matter() {
        let finite = |values: &[f32]| is_finite(&Tensor::from_slice(values));
        assert!(finite(&[0.0, -1.5, f32::MIN_POSITIVE]));
        assert!(finite(&[f32::MAX, f32::MAX, f32::MAX]));
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!finite(&[1.0, odd, 2.0]), "{odd}");
            assert!(!finite(&[odd, -odd]), "{odd}");
        }
        assert!(is_finite(&Tensor::from_slice(&[i64::MAX, i64::MIN, 3])));
        assert!(is_finite(&Tensor::from_slice::<f32>(&[])));
    }
}
