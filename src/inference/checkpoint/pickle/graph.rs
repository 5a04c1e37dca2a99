//! What a pickle describes, as a flat list of nodes that name each other by number.
//!
//! Nothing here runs anything. Cycles cannot be built: a node may only be changed until it becomes
//! part of another one, which is how every state dict is written. Nesting is bounded as nodes are
//! joined, so that walking a graph needs no further care.

use super::super::stored::Element;

/// Deepest nesting; CLIP as TorchScript needs about a dozen levels.
const DEEPEST: u32 = 100;

/// Number of a node in its [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Id(usize);

/// Keys and values in the order written.
pub(in super::super) type Pairs = Vec<(Id, Id)>;

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Value {
    /// `None`, floats, bytes and integers over 64 bits: nothing that a tensor is made of.
    Inert,
    Bool(bool),
    Int(i64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Pairs),
    /// A name from the list of allowed globals.
    Global(Global),
    /// Elements in a record of the archive.
    Storage(Storage),
    /// A view of a storage, unchecked.
    Tensor(View),
    /// A TorchScript module: its attributes.
    Object(Pairs),
}

/// The globals that may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Global {
    OrderedDict,
    Size,
    Storage(Element),
    /// `torch._utils._rebuild_tensor_v2`
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`, with or without state: gives its first argument.
    RebuildParameter,
    /// Any class below `__torch__`.
    ScriptClass,
    /// Typed lists of a TorchScript archive and type tags: give their first argument.
    ScriptValue,
}

/// A record `data/<key>` holding `count` elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Storage {
    pub(in super::super) element: Element,
    /// A text.
    pub(in super::super) key: Id,
    pub(in super::super) count: i64,
}

/// A tensor over a storage, in elements, as the file claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct View {
    pub(in super::super) storage: Id,
    pub(in super::super) offset: i64,
    pub(in super::super) shape: Vec<i64>,
    pub(in super::super) strides: Vec<i64>,
}

#[derive(Debug)]
struct Node {
    value: Value,
    /// Levels below it.
    height: u32,
    /// Whether it is part of another node and must no longer change.
    is_part: bool,
}

/// All nodes of a pickle.
#[derive(Debug, Default)]
pub(in super::super) struct Graph(Vec<Node>);

impl Graph {
    pub(in super::super) fn value(&self, id: Id) -> &Value {
        &self.0[id.0].value
    }

    pub(in super::super) fn text(&self, id: Id) -> Option<&str> {
        let Value::Text(text) = self.value(id) else {
            return None;
        };
        Some(text)
    }

    pub(super) fn int(&self, id: Id) -> Result<i64, String> {
        let Value::Int(number) = self.value(id) else {
            return Err("a number of at most 64 bits was expected".into());
        };
        Ok(*number)
    }

    pub(super) fn tuple(&self, id: Id) -> Result<&[Id], String> {
        let Value::Tuple(items) = self.value(id) else {
            return Err("a tuple was expected".into());
        };
        Ok(items)
    }

    /// A node without parts.
    pub(super) fn leaf(&mut self, value: Value) -> Id {
        self.0.push(Node {
            value,
            height: 0,
            is_part: false,
        });
        Id(self.0.len() - 1)
    }

    pub(super) fn tuple_of(&mut self, items: Vec<Id>) -> Result<Id, String> {
        let id = self.leaf(Value::Tuple(vec![]));
        self.join(id, &items)?;
        self.0[id.0].value = Value::Tuple(items);
        Ok(id)
    }

    /// Appends to a list.
    pub(super) fn extend(&mut self, list: Id, items: &[Id]) -> Result<(), String> {
        self.join(list, items)?;
        let Value::List(all) = &mut self.0[list.0].value else {
            return Err("items can only be appended to a list".into());
        };
        all.extend(items);
        Ok(())
    }

    /// Adds keys and values to a dictionary.
    pub(super) fn insert(&mut self, dict: Id, flat: &[Id]) -> Result<(), String> {
        if !flat.len().is_multiple_of(2) {
            return Err("a key without a value".into());
        }
        self.join(dict, flat)?;
        let Value::Dict(pairs) = &mut self.0[dict.0].value else {
            return Err("keys can only be set in a dictionary".into());
        };
        pairs.extend(flat.chunks_exact(2).map(|kv| (kv[0], kv[1])));
        Ok(())
    }

    /// Gives a TorchScript module its attributes. The attributes of an `OrderedDict` (PyTorch's
    /// `_metadata`) and a state that is no dictionary are dropped.
    pub(super) fn set_state(&mut self, target: Id, state: Id) -> Result<(), String> {
        if self.0[state.0].is_part {
            return Err("a state belongs to two things".into());
        }
        self.join(target, &[state])?;
        let into_object = matches!(self.value(target), Value::Object(_));
        if !into_object && !matches!(self.value(target), Value::Dict(_)) {
            return Err("state can only be given to a dictionary or a module".into());
        }
        // Moved, not copied: many targets of one large state would multiply it.
        if let Value::Dict(pairs) = &mut self.0[state.0].value
            && into_object
        {
            let pairs = std::mem::take(pairs);
            self.0[target.0].value = Value::Object(pairs);
        }
        Ok(())
    }

    fn join(&mut self, whole: Id, parts: &[Id]) -> Result<(), String> {
        let mut height = self.0[whole.0].height;
        for part in parts {
            let part = &mut self.0[part.0];
            part.is_part = true;
            height = height.max(part.height + 1);
        }
        if self.0[whole.0].is_part {
            return Err("something is changed after it became part of something else".into());
        }
        if height > DEEPEST {
            return Err(format!("nested deeper than {DEEPEST} levels"));
        }
        self.0[whole.0].height = height;
        Ok(())
    }
}
