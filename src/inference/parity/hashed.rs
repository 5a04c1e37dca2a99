//! Numbers that Rust and Python compute alike (`scripts/train/hashed.py` has the table), so that a
//! network of published size is compared without a file of a gigabyte.

use tch::{Device, Kind, Tensor};

/// Names of the last layers, whose weights are larger.
const HEADS: [&str; 5] = [
    "fc2.weight",
    "linear.weight",
    "linear1.weight",
    "fc.weight",
    "fc.1.weight",
];

/// `count` hashes of 32 bits.
pub(in crate::inference) fn bits(name: &str, count: usize) -> impl Iterator<Item = u32> + use<> {
    let fnv = |seed: u32, byte: u8| (seed ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let seed = name.bytes().fold(0x811C_9DC5, fnv);
    (0..count as u32).map(move |i| {
        let mut x = i.wrapping_mul(0x9E37_79B1).wrapping_add(seed);
        x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
        x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
        x ^ (x >> 16)
    })
}

/// The tensor a network asks for.
pub(in crate::inference) fn tensor(name: &str, shape: &[i64], kind: Kind) -> Tensor {
    if kind != Kind::Float {
        return Tensor::zeros(shape, (kind, Device::Cpu));
    }
    let (centre, spread) = range(name, shape);
    let value = |h: u32| {
        let unit = f64::from(h >> 8) / f64::from(1 << 24);
        (centre + spread * (2.0 * unit - 1.0)) as f32
    };
    let count = shape.iter().product::<i64>() as usize;
    let values: Vec<f32> = bits(name, count).map(value).collect();
    Tensor::from_slice(&values).view(shape)
}

fn range(name: &str, shape: &[i64]) -> (f64, f64) {
    if name.ends_with("running_var") {
        return (1.0, 0.5);
    }
    if shape.len() < 2 || name.ends_with(".pe") || name.ends_with("position_embeddings") {
        let centre = if name.ends_with("weight") { 1.0 } else { 0.0 };
        return (centre, 0.1);
    }
    let inputs: i64 = shape[1..].iter().product();
    let spread = (3.0 / inputs as f64).sqrt();
    let is_head = HEADS.iter().any(|head| name.ends_with(head));
    (0.0, if is_head { 24.0 * spread } else { spread })
}
