//! Which device the networks run on. One binary serves CPU and GPU: it is linked without CUDA,
//! and libtorch's CUDA half is loaded at start when it is found on the library path.
//!
//! Loading must come before the first question about CUDA: libtorch remembers a "no" for good.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::{Cuda, Device, Kind, Tensor};

use super::InferenceError;

/// libtorch's CUDA half; it registers itself when loaded.
const CUDA_LIBRARY: &str = "libtorch_cuda.so";
const HOW_TO_GET_CUDA: &str = "run scripts/setup.sh --cuda, or choose auto or cpu";

/// A device as the user names it: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU, even where there is a GPU.
    Cpu,
    /// The GPU of this number, from 0.
    Cuda(usize),
}

/// Text that names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no device is called {0:?}; choose auto, cpu, cuda or cuda:N")]
pub struct UnknownDevice(String);

impl FromStr for DeviceChoice {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownDevice(text.to_owned());
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            other => {
                let number = other.strip_prefix("cuda:").ok_or_else(unknown)?;
                number.parse().map(Self::Cuda).map_err(|_| unknown())
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl DeviceChoice {
    /// The device to run on.
    pub(super) fn resolve(self) -> Result<Device, InferenceError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok(match gpu(0) {
                Ok(device) => device,
                Err(reason) => {
                    tracing::info!(reason, "models run on the CPU");
                    Device::Cpu
                }
            }),
            Self::Cuda(number) => gpu(number).map_err(|reason| InferenceError::Device {
                wanted: self.to_string(),
                reason,
            }),
        }
    }
}

/// `cpu` or `cuda:N`.
pub(super) fn name(device: Device) -> String {
    match device {
        Device::Cuda(number) => format!("cuda:{number}"),
        Device::Cpu | Device::Mps | Device::Vulkan => "cpu".into(),
    }
}

/// Memory of a device that a set of networks lived in. Dropped after them it gives back to the
/// system what libtorch keeps for its next use.
pub(super) struct DeviceMemory(pub(super) Device);

/// More than any device has, and less than libtorch refuses without asking the device.
const IMPOSSIBLE_BYTES: i64 = 1 << 46;

impl DeviceMemory {
    /// Gives back to the system what the heaps of the CPU keep beyond what is in use. A GPU's memory
    /// is libtorch's as long as the networks live.
    pub(super) fn trim(&self) {
        if !self.0.is_cuda() {
            // SAFETY: it takes no pointers and may be called at any time from any thread.
            unsafe { libc::malloc_trim(0) };
        }
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        if self.0.is_cuda() {
            // libtorch's C interface has no `empty_cache`. Before its allocator gives up on a
            // request it cannot meet it releases every block it keeps, which is all that is wanted.
            let refused = Tensor::f_empty([IMPOSSIBLE_BYTES], (Kind::Uint8, self.0));
            tracing::debug!(released = refused.is_err(), "device memory given back");
        }
        self.trim();
    }
}

fn gpu(number: usize) -> Result<Device, String> {
    load_cuda().as_ref().map_err(Clone::clone)?;
    if !Cuda::is_available() {
        return Err("libtorch has CUDA, but finds no usable GPU or driver".into());
    }
    match usize::try_from(Cuda::device_count()) {
        Ok(count) if number < count => Ok(Device::Cuda(number)),
        Ok(count) => Err(format!("there are {count} GPUs, counted from 0")),
        Err(_) => Err("the number of GPUs is unknown".into()),
    }
}

/// Loads libtorch's CUDA half, once for the process.
fn load_cuda() -> &'static Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(|| {
        // SAFETY: the library is libtorch's own; its initialisers only register CUDA kernels with
        // the libtorch this program is linked to. It is never unloaded.
        let library = unsafe { Library::open(Some(CUDA_LIBRARY), RTLD_NOW | RTLD_GLOBAL) };
        library
            .map(std::mem::forget)
            .map_err(|e| format!("{e}; {HOW_TO_GET_CUDA}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_as_it_is_written() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_gpu_that_cannot_exist_is_an_error_that_says_what_to_do() {
        let error = DeviceChoice::Cuda(4096).resolve().unwrap_err();
        assert_eq!(error.code(), "no-device");
        let text = error.to_string();
        let says_how = text.contains("--cuda") || text.contains("GPU");
        assert!(says_how, "{text}");
    }
}
