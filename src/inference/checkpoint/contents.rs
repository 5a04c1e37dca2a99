//! From what a pickle describes to named tensors: finds the state dict in its wrappers, or walks
//! the modules of a TorchScript archive.

use std::collections::BTreeMap;

use super::archive::Archive;
use super::error::{Problem, shortened};
use super::pickle::{Dialect, Graph, Id, Pairs, Value, View};
use super::stored::StoredTensor;

/// Keys under which training programs put the state dict.
const WRAPPERS: [&str; 3] = ["state_dict", "model_state_dict", "model"];
/// Most wrappers around each other.
const MOST_WRAPPERS: usize = 4;
/// Longest name of a tensor.
pub(super) const LONGEST_NAME_BYTES: usize = 500;
/// Most attributes of all modules of an archive.
const MOST_ATTRIBUTES: usize = 1_000_000;
/// Names listed in a message.
const MOST_NAMED: usize = 8;

/// Tensors by name.
pub(super) type Found = BTreeMap<String, StoredTensor>;

/// Every tensor that `root` holds, located in `archive`.
pub(super) fn tensors(graph: &Graph, root: Id, archive: &Archive) -> Result<Found, Problem> {
    let mut contents = Contents {
        graph,
        archive,
        found: Found::new(),
        attributes: 0,
    };
    match (archive.dialect(), graph.value(root)) {
        (Dialect::Script, Value::Object(attributes)) => contents.module(attributes, "")?,
        (_, Value::Dict(pairs)) => contents.state_dict(pairs)?,
        _ => {
            return Err(wrong(
                "holds neither a state dict nor a TorchScript module; save \
                 model.state_dict()",
            ));
        }
    }
    if contents.found.is_empty() {
        return Err(wrong("holds no tensors"));
    }
    Ok(contents.found)
}

struct Contents<'a> {
    graph: &'a Graph,
    archive: &'a Archive,
    found: Found,
    attributes: usize,
}

impl<'a> Contents<'a> {
    fn state_dict(&mut self, outer: &'a Pairs) -> Result<(), Problem> {
        let mut pairs = outer;
        for _ in 0..MOST_WRAPPERS {
            if self.holds_tensors(pairs) {
                return self.flat(pairs);
            }
            pairs = self.unwrapped(pairs)?;
        }
        Err(wrong("wraps its state dict too many times"))
    }

    fn holds_tensors(&self, pairs: &Pairs) -> bool {
        let mut values = pairs.iter().map(|(_, value)| self.graph.value(*value));
        values.any(|value| matches!(value, Value::Tensor(_)))
    }

    fn unwrapped(&self, pairs: &'a Pairs) -> Result<&'a Pairs, Problem> {
        let inner = |(key, value): &(Id, Id)| {
            let key = self.graph.text(*key)?;
            let Value::Dict(inner) = self.graph.value(*value) else {
                return None;
            };
            WRAPPERS.contains(&key).then_some((key, inner))
        };
        let found: Vec<_> = pairs.iter().filter_map(inner).collect();
        match found.as_slice() {
            [(_, inner)] => Ok(inner),
            [] => Err(wrong(format!(
                "holds a dictionary of {}, not a state dict (nor one under {})",
                self.keys(pairs),
                WRAPPERS.join(", ")
            ))),
            [(first, _), (second, _), ..] => Err(wrong(format!(
                "holds a state dict under {first} and under {second}; save only one of them"
            ))),
        }
    }

    fn keys(&self, pairs: &Pairs) -> String {
        let keys = pairs.iter().filter_map(|(key, _)| self.graph.text(*key));
        let mut named: Vec<String> = keys.take(MOST_NAMED).map(shortened).collect();
        if pairs.len() > named.len() {
            named.push(format!("{} more", pairs.len() - named.len()));
        }
        if named.is_empty() {
            return "nothing".into();
        }
        named.join(", ")
    }

    /// A state dict proper: names and tensors, nothing else.
    fn flat(&mut self, pairs: &Pairs) -> Result<(), Problem> {
        for (key, value) in pairs {
            let name = self.graph.text(*key);
            let name = name.ok_or_else(|| wrong("has a tensor whose name is no text"))?;
            let Value::Tensor(view) = self.graph.value(*value) else {
                return Err(wrong(format!(
                    "has {} among its tensors, which is none",
                    shortened(name)
                )));
            };
            self.add(name.to_owned(), view)?;
        }
        Ok(())
    }

    /// The tensors of a module and those within, names joined by dots; other attributes do not
    /// matter. Nesting is bounded by the graph.
    fn module(&mut self, attributes: &'a Pairs, prefix: &str) -> Result<(), Problem> {
        for (key, value) in attributes {
            self.attributes += 1;
            if self.attributes > MOST_ATTRIBUTES {
                return Err(wrong("has too many modules"));
            }
            let name = self.graph.text(*key);
            let name = name.ok_or_else(|| wrong("has an attribute whose name is no text"))?;
            let name = format!("{prefix}{name}");
            check_length(&name)?;
            match self.graph.value(*value) {
                Value::Object(inner) => self.module(inner, &format!("{name}."))?,
                Value::Tensor(view) => self.add(name, view)?,
                Value::Inert
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Text(_)
                | Value::Tuple(_)
                | Value::List(_)
                | Value::Dict(_)
                | Value::Global(_)
                | Value::Storage(_) => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, view: &View) -> Result<(), Problem> {
        check_length(&name)?;
        let stored = self.locate(view).map_err(|problem| Problem::Tensor {
            name: name.clone(),
            problem,
        })?;
        if self.found.contains_key(&name) {
            return Err(wrong(format!("has {} twice", shortened(&name))));
        }
        self.found.insert(name, stored);
        Ok(())
    }

    fn locate(&self, view: &View) -> Result<StoredTensor, String> {
        let Value::Storage(storage) = self.graph.value(view.storage) else {
            return Err("has no storage".into());
        };
        let key = self.graph.text(storage.key).unwrap_or_default();
        let record = self.archive.storage(key).ok_or_else(|| {
            format!(
                "its record data/{} is missing or compressed",
                shortened(key)
            )
        })?;
        let bytes = u64::try_from(storage.count).ok();
        let bytes = bytes.and_then(|count| count.checked_mul(storage.element.bytes()));
        let end = bytes.and_then(|bytes| record.start.checked_add(bytes));
        let end = end.filter(|end| *end <= record.end).ok_or_else(|| {
            format!(
                "its storage claims {} elements of {} bytes, its record has {} bytes",
                storage.count,
                storage.element.bytes(),
                record.end - record.start
            )
        })?;
        let layout = [view.shape.clone(), view.strides.clone()];
        StoredTensor::new(storage.element, record.start..end, view.offset, layout)
    }
}

fn check_length(name: &str) -> Result<(), Problem> {
    if name.len() <= LONGEST_NAME_BYTES {
        return Ok(());
    }
    Err(wrong(format!(
        "has a name of {} bytes: {}",
        name.len(),
        shortened(name)
    )))
}

fn wrong(problem: impl Into<String>) -> Problem {
    Problem::Contents(problem.into())
}
