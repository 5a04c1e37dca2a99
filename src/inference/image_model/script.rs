//! A TorchScript module (`torch.jit.save`), run by libtorch.

use tch::{CModule, Device, Kind, Tensor};

/// A module whose `forward` takes pictures and gives one tensor.
pub(super) struct ScriptModule(CModule);

impl ScriptModule {
    /// Its weights go to `device`, in 32-bit floats.
    pub(super) fn load(mut bytes: &[u8], device: Device) -> Result<Self, String> {
        let module = CModule::load_data_on_device(&mut bytes, device);
        let mut module = module.map_err(|e| {
            format!(
                "no TorchScript module (save it with torch.jit.save): {}",
                first_line(&e.to_string())
            )
        })?;
        module
            .f_set_eval()
            .map_err(|e| first_line(&e.to_string()))?;
        module.to(device, Kind::Float, false);
        Ok(Self(module))
    }

    /// `[1, 3, side, side]` → what the module gives.
    pub(super) fn run(&self, picture: &Tensor) -> Result<Tensor, String> {
        let output = self.0.forward_ts(&[picture]);
        output.map_err(|e| format!("its forward fails: {}", first_line(&e.to_string())))
    }
}

/// libtorch's messages end in many lines of its own stack.
fn first_line(message: &str) -> String {
    let mut lines = message.lines().filter(|line| !line.trim().is_empty());
    lines.next().unwrap_or("no message").trim().to_owned()
}
