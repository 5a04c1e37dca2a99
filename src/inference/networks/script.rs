//! Operators that libtorch has and its C interface, and so tch, has not.
//!
//! TorchScript reaches every operator there is. A module of a few lines is kept as text by whoever needs
//! it and put together here as `torch.jit.save` would have written it. It has no weights: its methods
//! take them.

use std::io::{Cursor, Write};

use tch::{CModule, TchError};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A module of class `name`, whose `code` is in TorchScript's own notation and whose one attribute, `training`,
/// is false.
///
/// # Errors
/// Of libtorch, where it lacks an operator that the code names.
pub(super) fn module(name: &str, code: &str) -> Result<CModule, TchError> {
    CModule::load_data(&mut archive(name, code).as_slice())
}

fn archive(name: &str, code: &str) -> Vec<u8> {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in [
        ("data.pkl", state(name)),
        ("code/__torch__.py", code.as_bytes().to_vec()),
        ("constants.pkl", NOTHING.to_vec()),
        ("version", b"3\n".to_vec()),
        ("byteorder", b"little".to_vec()),
    ] {
        archive
            .start_file(format!("module/{path}"), stored)
            .and_then(|()| Ok(archive.write_all(&bytes)?))
            .expect("memory takes a few hundred bytes");
    }
    let written = archive.finish().expect("memory takes a few hundred bytes");
    written.into_inner()
}

/// An empty tuple, pickled.
const NOTHING: &[u8] = b"\x80\x02).";

/// The module itself, pickled.
fn state(name: &str) -> Vec<u8> {
    const TRAINING: &[u8] = b"training";
    let mut pickle = b"\x80\x02c__torch__\n".to_vec();
    pickle.extend(name.as_bytes());
    pickle.extend(b"\n)\x81}(X");
    pickle.extend((TRAINING.len() as u32).to_le_bytes());
    pickle.extend(TRAINING);
    // False, and the end.
    pickle.extend(b"\x89ub.");
    pickle
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;

    const TWICE: &str = "\
class Twice(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def forward(self: __torch__.Twice,
    x: Tensor) -> Tensor:
    return torch.mul(x, 2)
";

    #[test]
    fn a_module_does_what_its_text_says() {
        let doubled = module("Twice", TWICE).unwrap();
        let doubled = doubled.forward_ts(&[Tensor::from(21)]).unwrap();
        assert_eq!(doubled, Tensor::from(42));
    }

    #[test]
    fn an_operator_that_libtorch_has_not_is_an_error() {
        let code = TWICE.replace("torch.mul(x, 2)", "ops.nobody.knows(x)");
        assert!(module("Twice", &code).is_err());
    }
}
