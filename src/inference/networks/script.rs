//! Operators that libtorch has and its C interface, and so tch, has not.
//!
//! TorchScript reaches every operator there is. A module of a few lines is kept as text by whoever needs
//! it and put together here as `torch.jit.save` would have written it. It begins without weights: a
//! method of its own takes them.

use std::io::{Cursor, Write};

use tch::{CModule, TchError};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A module of class `name`, whose `code` is in TorchScript's own notation, whose `training` is false and
/// whose other `attributes` are none.
///
/// # Errors
/// Of libtorch, where it lacks an operator that the code names.
pub(super) fn module(name: &str, code: &str, attributes: &[&str]) -> Result<CModule, TchError> {
    CModule::load_data(&mut archive(name, code, attributes).as_slice())
}

fn archive(name: &str, code: &str, attributes: &[&str]) -> Vec<u8> {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in [
        ("data.pkl", state(name, attributes)),
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
const FALSE: u8 = b'\x89';
const NONE: u8 = b'N';

/// The module itself, pickled.
fn state(name: &str, attributes: &[&str]) -> Vec<u8> {
    let mut pickle = b"\x80\x02c__torch__\n".to_vec();
    pickle.extend(name.as_bytes());
    pickle.extend(b"\n)\x81}(");
    let values = attributes.iter().map(|attribute| (*attribute, NONE));
    for (attribute, value) in std::iter::once(("training", FALSE)).chain(values) {
        pickle.push(b'X');
        pickle.extend((attribute.len() as u32).to_le_bytes());
        pickle.extend(attribute.as_bytes());
        pickle.push(value);
    }
    pickle.extend(b"ub.");
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
        let doubled = module("Twice", TWICE, &[]).unwrap();
        let doubled = doubled.forward_ts(&[Tensor::from(21)]).unwrap();
        assert_eq!(doubled, Tensor::from(42));
    }

    #[test]
    fn an_operator_that_libtorch_has_not_is_an_error() {
        let code = TWICE.replace("torch.mul(x, 2)", "ops.nobody.knows(x)");
        assert!(module("Twice", &code, &[]).is_err());
    }
}
