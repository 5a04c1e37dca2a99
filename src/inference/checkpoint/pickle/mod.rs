//! A reader of the pickles in weights files: Python's pickle machine, protocols 2 to 5, cut down
//! to what PyTorch writes for tensors in dictionaries (`torch.save`) and modules
//! (`torch.jit.save`).
//!
//! 1. Opcodes move nodes of a [`Graph`] on a stack. `GLOBAL` and `STACK_GLOBAL` may only name what
//!    [`globals`] lists; `REDUCE` and `NEWOBJ` have built-in meanings for exactly those names.
//!    Nothing is imported, looked up or called.
//! 2. Opcodes that PyTorch does not write for such files (`INST`, `OBJ`, `EXT1`, `NEWOBJ_EX`, …)
//!    are refused by name.
//! 3. Memory grows with the pickle's length only, which is bounded, as is the number of opcodes.

mod bytes;
mod globals;
mod graph;
mod machine;
#[cfg(test)]
mod tests;

pub(super) use globals::Dialect;
pub(super) use graph::{Graph, Id, Pairs, Value, View};

use super::error::Problem;
use bytes::Bytes;
use machine::Machine;

/// Longest pickle read; a training dump of CLIP ViT-L/14 with its optimiser has under 1 MiB.
pub(super) const LONGEST_BYTES: u64 = 16 << 20;
/// Most opcodes run; about 40 make a tensor.
const MOST_OPCODES: usize = 1_000_000;

/// Reads the pickle in record `record` of an archive.
///
/// # Errors
/// [`Problem::ForbiddenGlobal`] for a name that is not on the list; [`Problem::Pickle`] for
/// everything else.
pub(super) fn read(bytes: &[u8], record: &str, dialect: Dialect) -> Result<(Graph, Id), Problem> {
    let mut machine = Machine::new(Bytes::new(bytes), dialect);
    for _ in 0..MOST_OPCODES {
        let at = machine.bytes.at();
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => return Ok((machine.graph, root)),
            Err(machine::Refusal::Global { module, name }) => {
                return Err(Problem::ForbiddenGlobal { module, name });
            }
            Err(machine::Refusal::Malformed(problem)) => {
                return Err(Problem::Pickle {
                    record: record.to_owned(),
                    at,
                    problem,
                });
            }
        }
    }
    Err(Problem::Pickle {
        record: record.to_owned(),
        at: machine.bytes.at(),
        problem: format!("more than {MOST_OPCODES} opcodes"),
    })
}
