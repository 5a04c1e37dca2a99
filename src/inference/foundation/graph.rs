//! A vision transformer read out of an ONNX graph that PyTorch exported, whatever the graph goes
//! on to do with its features. Only initialisers are read; nothing is computed.
//!
//! 1. What the exporter left its name, `backbone.…`, is a tensor of that name: the class token, the
//!    patches' convolution, norms, LayerScales and all biases.
//! 2. It takes the names off the weights of linear layers, which it writes as `[inputs, outputs]`
//!    beside a `MatMul`. The `Add` behind knows the bias, and with it the layer.
//! 3. It takes the table of positions apart: that of the class token goes into a `Concat`, the grid
//!    into a `Reshape` before it is resized.
//!
//! Every size is compared with the bytes that are there before anything is made of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::fs::File;

use tch::{Kind, Tensor};
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::Framework;

/// What the names of the transformer's tensors begin with.
const PREFIX: &str = "backbone.";
/// Where a `Dinov2Model` has its positions.
const POSITIONS: &str = "embeddings.position_embeddings";
/// Most that is read; protocol buffers end there too.
const LARGEST_FILE_BYTES: u64 = 2 << 30;
/// Most dimensions of a tensor: those of a convolution.
const MOST_DIMENSIONS: usize = 4;
const LONGEST_NAME_BYTES: usize = 200;

type Named = BTreeMap<String, Tensor>;

/// The transformer's tensors by the names that its own file would have, as 32-bit floats.
///
/// # Errors
/// What is wrong with the graph, without the file's name.
pub(super) fn tensors(mut file: File) -> Result<Named, String> {
    let unreadable = |e: &dyn Display| format!("is no ONNX graph that can be read: {e:#}");
    let size_bytes = file.metadata().map_err(|e| unreadable(&e))?.len();
    if size_bytes > LARGEST_FILE_BYTES {
        return Err(unreadable(&format_args!(
            "it is larger than {LARGEST_FILE_BYTES} bytes"
        )));
    }
    // A file says how large it is, so that memory for it is taken once.
    let model = tract_onnx::onnx().proto_model_for_read(&mut file);
    named(model.map_err(|e| unreadable(&e))?)
}

/// What an initialiser is to the transformer.
#[derive(Debug)]
enum Role {
    /// The weight of the linear layer of this name, transposed.
    Weight(String),
    /// The position of the class token.
    ClassPosition,
    /// The positions of the patches.
    GridPositions,
}

pub(super) fn named(model: ModelProto) -> Result<Named, String> {
    let GraphProto {
        node, initializer, ..
    } = model.graph.ok_or("holds no graph")?;
    let roles = roles(&node)?;
    drop(node);
    let mut found = Named::new();
    let (mut class_position, mut grid_positions) = (Vec::new(), Vec::new());
    // One after the other, each let go of when it was read: the file is held once, not twice.
    for stored in initializer {
        if let Some(name) = stored.name.strip_prefix(PREFIX) {
            let tensor = read(&stored)?;
            add(&mut found, name, tensor)?;
            continue;
        }
        match roles.get(&stored.name) {
            Some(Role::Weight(layer)) => {
                let weight = read(&stored)?;
                if weight.dim() != 2 {
                    return Err(misshapen(&stored, "the weight of a linear layer"));
                }
                add(
                    &mut found,
                    &format!("{layer}.weight"),
                    weight.tr().contiguous(),
                )?;
            }
            Some(Role::ClassPosition) if is_position(&stored, |count| count == 1) => {
                class_position.push(read(&stored)?);
            }
            Some(Role::GridPositions) if is_position(&stored, is_square) => {
                grid_positions.push(read(&stored)?);
            }
            Some(Role::ClassPosition | Role::GridPositions) | None => {}
        }
    }
    if let Some(positions) = positions(&class_position, &grid_positions)? {
        add(&mut found, POSITIONS, positions)?;
    }
    if found.is_empty() {
        return Err(format!("holds no tensors called {PREFIX}…"));
    }
    Ok(found)
}

/// What the nodes make of the initialisers without a name.
fn roles(nodes: &[NodeProto]) -> Result<HashMap<String, Role>, String> {
    let mut roles = HashMap::new();
    let products: HashMap<&str, &str> = nodes.iter().filter_map(product).collect();
    for node in nodes {
        match (node.op_type.as_str(), node.input.as_slice()) {
            ("Add", [a, b]) => {
                let layer =
                    |bias: &str| Some(bias.strip_prefix(PREFIX)?.strip_suffix(".bias")?.to_owned());
                for (bias, output) in [(a, b), (b, a)] {
                    if let (Some(layer), Some(weight)) =
                        (layer(bias), products.get(output.as_str()))
                        && let Some(Role::Weight(other)) =
                            roles.insert((*weight).to_owned(), Role::Weight(layer))
                    {
                        return Err(format!("has one weight for {other} and another layer"));
                    }
                }
            }
            ("Concat", [class, _]) => {
                roles.entry(class.clone()).or_insert(Role::ClassPosition);
            }
            ("Reshape", [grid, _]) => {
                roles.entry(grid.clone()).or_insert(Role::GridPositions);
            }
            _ => {}
        }
    }
    Ok(roles)
}

/// The output of a product and the initialiser that may be its weight.
fn product(node: &NodeProto) -> Option<(&str, &str)> {
    match (node.op_type.as_str(), &node.input[..], &node.output[..]) {
        ("MatMul", [_, weight], [output]) => Some((output, weight)),
        _ => None,
    }
}

/// Whether it is `[1, count, width]` with a `count` that fits.
fn is_position(stored: &TensorProto, fits: impl Fn(i64) -> bool) -> bool {
    matches!(stored.dims[..], [1, count, _] if fits(count))
}

fn is_square(count: i64) -> bool {
    let side = (count as f64).sqrt().round() as i64;
    count > 0 && side.checked_mul(side) == Some(count)
}

/// The table as one; `None` where the graph has none.
fn positions(class: &[Tensor], grid: &[Tensor]) -> Result<Option<Tensor>, String> {
    match (class, grid) {
        ([], []) => Ok(None),
        ([class], [grid]) if class.size()[2] == grid.size()[2] => {
            Ok(Some(Tensor::cat(&[class, grid], 1)))
        }
        _ => Err(format!(
            "has {} positions for a class token and {} grids of them, expected one of each and of \
             one width",
            class.len(),
            grid.len()
        )),
    }
}

fn add(found: &mut Named, name: &str, tensor: Tensor) -> Result<(), String> {
    // Names end up in messages and on terminals.
    let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || name.len() > LONGEST_NAME_BYTES {
        let start: String = name.chars().take(LONGEST_NAME_BYTES).collect();
        return Err(format!(
            "has a tensor of an odd name: {}",
            start.escape_debug()
        ));
    }
    match found.insert(name.to_owned(), tensor) {
        None => Ok(()),
        Some(_) => Err(format!("has {name} twice")),
    }
}

/// Reads 32-bit floats that the graph itself holds.
fn read(stored: &TensorProto) -> Result<Tensor, String> {
    let is_elsewhere = stored.data_location == Some(DataLocation::External as i32);
    if is_elsewhere || !stored.external_data.is_empty() {
        return Err(misshapen(stored, "numbers in this file"));
    }
    if stored.data_type != DataType::Float as i32 {
        return Err(misshapen(stored, "32-bit floats"));
    }
    let count = stored.dims.iter().try_fold(1_i64, |count, dim| {
        (*dim > 0).then(|| count.checked_mul(*dim)).flatten()
    });
    let bytes = count.and_then(|count| usize::try_from(count.checked_mul(4)?).ok());
    if stored.dims.len() > MOST_DIMENSIONS || bytes != Some(stored.raw_data.len()) {
        return Err(misshapen(stored, "as many bytes as its shape takes"));
    }
    let tensor = Tensor::f_from_data_size(&stored.raw_data, &stored.dims, Kind::Float);
    tensor.map_err(|e| misshapen(stored, &format!("a tensor of libtorch ({e})")))
}

fn misshapen(stored: &TensorProto, expected: &str) -> String {
    let name: String = stored.name.chars().take(LONGEST_NAME_BYTES).collect();
    format!(
        "{}: shape {:?}, type {}, {} bytes here; expected {expected}",
        name.escape_debug(),
        stored.dims,
        stored.data_type,
        stored.raw_data.len()
    )
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
