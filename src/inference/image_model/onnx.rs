//! An ONNX graph, run by tract: ONNX's operators up to opset 17 as far as classifiers use them,
//! among them what `onnxruntime.quantization.quantize_dynamic` writes (`DynamicQuantizeLinear`,
//! `ConvInteger`, `MatMulInteger`). A graph that keeps weights in further files is refused.

use tch::Tensor as Picture;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::Factoid;

/// A graph with one input of pictures, ready to run one.
pub(super) struct OnnxModel {
    plan: Arc<TypedRunnableModel>,
    layout: Layout,
    side: usize,
}

/// Where the channels stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// `[1, 3, side, side]`, as PyTorch exports.
    ChannelsFirst,
    /// `[1, side, side, 3]`, as TensorFlow exports.
    ChannelsLast,
}

impl OnnxModel {
    /// Reads a graph that takes pictures of `size_px` on each side.
    pub(super) fn load(bytes: &[u8], size_px: i64) -> Result<Self, String> {
        let graph = parse(bytes)?;
        let layout = layout(&graph, size_px)?;
        let side = size_px as usize;
        let shape = match layout {
            Layout::ChannelsFirst => [1, 3, side, side],
            Layout::ChannelsLast => [1, side, side, 3],
        };
        let plan = graph
            .with_input_fact(0, f32::fact(shape).into())
            .and_then(|graph| graph.into_optimized())
            .and_then(|graph| graph.into_runnable())
            .map_err(|e| format!("cannot be run: {e:#}"))?;
        Ok(Self { plan, layout, side })
    }

    /// `[1, 3, side, side]` → the graph's first output, on the CPU.
    pub(super) fn run(&self, picture: &Picture) -> Result<Picture, String> {
        let side = self.side;
        let (picture, shape) = match self.layout {
            Layout::ChannelsFirst => (picture.shallow_clone(), [1, 3, side, side]),
            Layout::ChannelsLast => (picture.permute([0, 2, 3, 1]), [1, side, side, 3]),
        };
        let numbers = picture.to_device(tch::Device::Cpu).contiguous().view(-1);
        let numbers = Vec::<f32>::try_from(numbers).map_err(|e| e.to_string())?;
        let input = Tensor::from_shape(&shape, &numbers).map_err(|e| format!("{e:#}"))?;
        let outputs = self.plan.run(tvec!(input.into()));
        let outputs = outputs.map_err(|e| format!("fails on a picture: {e:#}"))?;
        let output = outputs.first().ok_or("has no output")?;
        let output = output.cast_to::<f32>().map_err(|e| format!("{e:#}"))?;
        let shape: Vec<i64> = output.shape().iter().map(|&n| n as i64).collect();
        let numbers = output.to_plain_array_view::<f32>();
        let numbers = numbers.map_err(|e| format!("{e:#}"))?;
        let numbers: Vec<f32> = numbers.iter().copied().collect();
        Ok(Picture::from_slice(&numbers).view(shape.as_slice()))
    }
}

/// Shapes that exporters note inside a graph name its open dimensions and would not go with those
/// of one picture; they follow from the input anyway.
fn parse(bytes: &[u8]) -> Result<InferenceModel, String> {
    let reader = tract_onnx::onnx().with_ignore_value_info(true);
    let graph = reader.model_for_read(&mut &*bytes);
    graph.map_err(|e| format!("no ONNX graph that can be read: {e:#}"))
}

/// The side in pixels of the square pictures that a graph says it takes; `None` when it leaves it
/// open or takes something else.
pub(super) fn side_px(bytes: &[u8]) -> Result<Option<u32>, String> {
    let graph = parse(bytes)?;
    let declared = graph.input_fact(0).map_err(|e| format!("{e:#}"))?;
    let dims: Vec<Option<i64>> = declared
        .shape
        .dims()
        .map(|dim| dim.concretize().and_then(|dim| dim.to_i64().ok()))
        .collect();
    let square = |a: Option<i64>, b: Option<i64>| a.filter(|_| a == b);
    let side = match dims.as_slice() {
        [_, Some(3), height, width] => square(*height, *width),
        [_, height, width, Some(3)] => square(*height, *width),
        _ => None,
    };
    Ok(side.and_then(|side| u32::try_from(side).ok()))
}

/// Inputs, outputs and operators of a graph, a line each. Nothing is computed.
pub(super) fn describe(bytes: &[u8]) -> Result<Vec<String>, String> {
    let graph = parse(bytes)?;
    let mut lines = Vec::new();
    for (what, outlets) in [("input", &graph.inputs), ("output", &graph.outputs)] {
        for outlet in outlets {
            let fact = graph.outlet_fact(*outlet).map_err(|e| format!("{e:#}"))?;
            let name = &graph.node(outlet.node).name;
            lines.push(format!("{what} {name}: {fact:?}"));
        }
    }
    let mut operators = std::collections::BTreeMap::<String, usize>::new();
    for node in &graph.nodes {
        *operators.entry(node.op.name().into_owned()).or_default() += 1;
    }
    let operators = operators
        .iter()
        .map(|(name, count)| format!("{count} {name}"));
    lines.push(format!(
        "operators: {}",
        operators.collect::<Vec<_>>().join(", ")
    ));
    Ok(lines)
}

/// Compares the declared input with what will be given; dimensions left open may be anything.
fn layout(graph: &InferenceModel, size_px: i64) -> Result<Layout, String> {
    let inputs = graph.input_outlets().map_err(|e| format!("{e:#}"))?;
    if inputs.len() != 1 {
        return Err(format!(
            "has {} inputs, expected one: pictures",
            inputs.len()
        ));
    }
    let declared = graph.input_fact(0).map_err(|e| format!("{e:#}"))?;
    let kind = declared.datum_type.concretize();
    if let Some(kind) = kind.filter(|kind| *kind != f32::datum_type()) {
        return Err(format!("takes {kind:?}, only 32-bit floats are given"));
    }
    if declared.shape.is_open() {
        return Ok(Layout::ChannelsFirst);
    }
    let dims: Vec<Option<i64>> = declared
        .shape
        .dims()
        .map(|dim| dim.concretize().and_then(|dim| dim.to_i64().ok()))
        .collect();
    let fits = |dims: [Option<i64>; 4], wanted: [i64; 4]| {
        let mut pairs = dims.into_iter().zip(wanted);
        pairs.all(|(dim, wanted)| dim.is_none_or(|dim| dim == wanted))
    };
    let declared = dims
        .iter()
        .map(|dim| dim.map_or("?".into(), |dim| dim.to_string()));
    let declared: Vec<String> = declared.collect();
    let wrong = || {
        format!(
            "takes [{}], the manifest gives pictures as [1, 3, {size_px}, {size_px}] or [1, {size_px}, {size_px}, 3]; set preprocess.size_px to the side it takes",
            declared.join(", ")
        )
    };
    let dims = <[Option<i64>; 4]>::try_from(dims).map_err(|_| wrong())?;
    if fits(dims, [1, 3, size_px, size_px]) {
        Ok(Layout::ChannelsFirst)
    } else if fits(dims, [1, size_px, size_px, 3]) {
        Ok(Layout::ChannelsLast)
    } else {
        Err(wrong())
    }
}
