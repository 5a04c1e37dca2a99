//! Image classifiers that users bring as a whole: a TorchScript module or an ONNX graph.
//!
//! They are black boxes: the manifest says what goes in and what the outputs mean, and this module
//! holds them to it. At load the declared input is compared with the manifest and a grey picture
//! goes through; its output must have one number per label.
//!
//! A TorchScript module is a program that runs inside this one. It is loaded only when a manifest
//! names it as such and its bytes have the digest stated there, never because a file lies around.
//! An ONNX graph computes and does nothing else.
//!
//! Pictures run one at a time: a dynamic-quantised network takes its scales from everything it is
//! given at once, so that a picture's score would depend on its neighbours.

mod onnx;
mod script;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use onnx::OnnxModel;
use script::ScriptModule;

/// No classifier of faces is larger.
const LARGEST_FILE_BYTES: u64 = 4 << 30;

/// How the file is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageFormat {
    TorchScript,
    Onnx,
}

/// A loaded classifier.
pub(super) struct ImageModel {
    network: Network,
    /// Numbers for each picture.
    outputs: i64,
}

enum Network {
    Script(ScriptModule),
    Onnx(Box<OnnxModel>),
}

/// What a classifier must be.
pub(super) struct Expected<'a> {
    pub(super) sha256: &'a str,
    pub(super) format: ImageFormat,
    /// Side of its input in pixels.
    pub(super) size_px: i64,
    /// Numbers for each picture: one per label.
    pub(super) outputs: i64,
    pub(super) device: Device,
}

impl ImageModel {
    /// Reads the file once, compares its digest, loads those very bytes and runs a grey picture.
    ///
    /// # Errors
    /// A sentence that names the file and says what is wrong.
    pub(super) fn load(path: &Path, expected: &Expected<'_>) -> Result<Self, String> {
        let loaded = read(path).and_then(|bytes| {
            let actual = hex::encode(Sha256::digest(&bytes));
            if actual != expected.sha256 {
                return Err(format!(
                    "SHA-256 is {actual}, the manifest says {}; fetch the file again",
                    expected.sha256
                ));
            }
            unless_it_panics(|| Self::from_bytes(&bytes, expected))
        });
        loaded.map_err(|problem| format!("{}: {problem}", path.display()))
    }

    fn from_bytes(bytes: &[u8], expected: &Expected<'_>) -> Result<Self, String> {
        let network = match expected.format {
            ImageFormat::TorchScript => {
                Network::Script(ScriptModule::load(bytes, expected.device)?)
            }
            ImageFormat::Onnx => Network::Onnx(Box::new(OnnxModel::load(bytes, expected.size_px)?)),
        };
        let model = Self {
            network,
            outputs: expected.outputs,
        };
        let side = expected.size_px;
        let grey = Tensor::zeros([1, 3, side, side], (Kind::Float, expected.device));
        let _ = model.run(&grey)?;
        Ok(model)
    }

    /// `[n, 3, side, side]` → `[n, outputs]` in 32 bits on the CPU.
    ///
    /// # Errors
    /// When the network fails or gives another shape than at load.
    pub(super) fn run(&self, pictures: &Tensor) -> Result<Tensor, String> {
        let rows = (0..pictures.size()[0]).map(|n| {
            let picture = pictures.narrow(0, n, 1);
            let output = match &self.network {
                Network::Script(module) => module.run(&picture)?,
                Network::Onnx(graph) => graph.run(&picture)?,
            };
            self.check(&output)?;
            Ok(output.to_device(Device::Cpu).to_kind(Kind::Float))
        });
        let rows: Vec<Tensor> = rows.collect::<Result<_, String>>()?;
        Ok(Tensor::cat(&rows, 0))
    }

    fn check(&self, output: &Tensor) -> Result<(), String> {
        let (actual, outputs) = (output.size(), self.outputs);
        if actual == [1, outputs] {
            return Ok(());
        }
        Err(format!(
            "gives {actual:?} for one picture, expected [1, {outputs}]: one number per label"
        ))
    }
}

/// What an ONNX graph of unknown digest takes, gives and consists of, a line each.
///
/// # Errors
/// A sentence that names the file and says what is wrong.
pub(super) fn describe_onnx(path: &Path) -> Result<Vec<String>, String> {
    let bytes = read(path);
    let described = bytes.and_then(|bytes| unless_it_panics(|| onnx::describe(&bytes)));
    described.map_err(|problem| format!("{}: {problem}", path.display()))
}

/// The side in pixels of the square pictures that an ONNX graph says it takes; `None` when it
/// leaves it open.
///
/// # Errors
/// A sentence that names the file and says what is wrong.
pub(super) fn onnx_side_px(path: &Path) -> Result<Option<u32>, String> {
    let bytes = read(path);
    let side = bytes.and_then(|bytes| unless_it_panics(|| onnx::side_px(&bytes)));
    side.map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Graphs from anywhere meet libraries that were not written for hostile ones.
fn unless_it_panics<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let outcome = catch_unwind(AssertUnwindSafe(read));
    outcome.unwrap_or_else(|_| Err("makes its reader fail: a damaged or unusual file".into()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |e| format!("cannot be read: {e}");
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > LARGEST_FILE_BYTES {
        return Err(format!(
            "has {size} bytes, at most {LARGEST_FILE_BYTES} are read"
        ));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(LARGEST_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}
