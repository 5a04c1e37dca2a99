//! The stack machine: one opcode per [`Machine::step`].

use std::collections::HashMap;

use super::super::stored::MOST_DIMENSIONS;
use super::bytes::{Bytes, signed};
use super::globals::{self, Dialect};
use super::graph::{Global, Graph, Id, Storage, Value, View};

/// Why a pickle is refused.
pub(super) enum Refusal {
    /// It names something that is not on the list.
    Global { module: String, name: String },
    /// A sentence about anything else.
    Malformed(String),
}

impl<S: Into<String>> From<S> for Refusal {
    fn from(problem: S) -> Self {
        Self::Malformed(problem.into())
    }
}

pub(super) struct Machine<'a> {
    pub(super) bytes: Bytes<'a>,
    pub(super) graph: Graph,
    dialect: Dialect,
    stack: Vec<Id>,
    /// Heights of the stack at each `MARK`.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: Bytes<'a>, dialect: Dialect) -> Self {
        Self {
            bytes,
            graph: Graph::default(),
            dialect,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

    /// Runs one opcode; the root when that was `STOP`.
    pub(super) fn step(&mut self) -> Result<Option<Id>, Refusal> {
        let opcode = self.bytes.byte()?;
        match opcode {
            b'.' => return self.stop().map(Some),
            0x80 => self.protocol()?,
            0x95 => self.frame()?,
            b'(' => self.marks.push(self.stack.len()),
            b'}' => self.push(Value::Dict(vec![])),
            b']' => self.push(Value::List(vec![])),
            b'N' => self.push(Value::Inert),
            0x88 | 0x89 => self.push(Value::Bool(opcode == 0x88)),
            b'J' | b'K' | b'M' | 0x8a | 0x8b => self.number(opcode)?,
            b'G' => self.skip(8)?,
            b'X' | 0x8c | 0x8d | b'U' | b'T' => self.text(opcode)?,
            b'C' | b'B' | 0x8e | 0x96 => self.raw(opcode)?,
            b')' | b't' | 0x85..=0x87 => self.tuple(opcode)?,
            b's' | b'u' | b'a' | b'e' => self.fill(opcode)?,
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memo(opcode)?,
            b'c' => self.global()?,
            0x93 => self.stack_global()?,
            b'R' => self.reduce()?,
            0x81 => self.new_object()?,
            b'b' => {
                let state = self.pop()?;
                let target = self.top()?;
                self.graph.set_state(target, state)?;
            }
            b'Q' => self.persistent()?,
            b'i' => return Err(self.instance()),
            _ => return Err(Refusal::Malformed(refused(opcode))),
        }
        Ok(None)
    }

    fn stop(&mut self) -> Result<Id, Refusal> {
        let root = self.pop()?;
        if !self.stack.is_empty() || !self.marks.is_empty() || self.bytes.left() > 0 {
            return Err("something is left after its end".into());
        }
        Ok(root)
    }

    fn protocol(&mut self) -> Result<(), Refusal> {
        match self.bytes.byte()? {
            2..=5 => Ok(()),
            other => Err(format!("pickle protocol {other}; 2 to 5 are read").into()),
        }
    }

    fn frame(&mut self) -> Result<(), Refusal> {
        let claimed = self.bytes.unsigned(8)?;
        if claimed > self.bytes.left() as u64 {
            return Err("a frame is longer than the rest of it".into());
        }
        Ok(())
    }

    fn number(&mut self, opcode: u8) -> Result<(), Refusal> {
        let value = match opcode {
            b'J' => signed(self.bytes.take(4)?),
            b'K' => Some(self.bytes.unsigned(1)? as i64),
            b'M' => Some(self.bytes.unsigned(2)? as i64),
            0x8a => signed(self.bytes.counted(1)?),
            _ => signed(self.bytes.counted(4)?),
        };
        self.push(value.map_or(Value::Inert, Value::Int));
        Ok(())
    }

    fn skip(&mut self, count: usize) -> Result<(), Refusal> {
        self.bytes.take(count)?;
        self.push(Value::Inert);
        Ok(())
    }

    fn text(&mut self, opcode: u8) -> Result<(), Refusal> {
        let text = self.bytes.text(match opcode {
            0x8c | b'U' => 1,
            0x8d => 8,
            _ => 4,
        })?;
        self.push(Value::Text(text.to_owned()));
        Ok(())
    }

    fn raw(&mut self, opcode: u8) -> Result<(), Refusal> {
        self.bytes.counted(match opcode {
            b'C' => 1,
            b'B' => 4,
            _ => 8,
        })?;
        self.push(Value::Inert);
        Ok(())
    }

    fn tuple(&mut self, opcode: u8) -> Result<(), Refusal> {
        let items = match opcode {
            b')' => vec![],
            b't' => self.pop_mark()?,
            _ => {
                let count = usize::from(opcode - 0x84);
                let kept = self.available()?.checked_sub(count);
                self.stack.split_off(self.floor() + kept.ok_or(EMPTY)?)
            }
        };
        let tuple = self.graph.tuple_of(items)?;
        self.stack.push(tuple);
        Ok(())
    }

    fn fill(&mut self, opcode: u8) -> Result<(), Refusal> {
        let items = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_mark()?,
        };
        let target = self.top()?;
        match opcode {
            b'a' | b'e' => self.graph.extend(target, &items)?,
            _ => self.graph.insert(target, &items)?,
        }
        Ok(())
    }

    fn memo(&mut self, opcode: u8) -> Result<(), Refusal> {
        let key = match opcode {
            b'q' | b'h' => self.bytes.unsigned(1)?,
            0x94 => self.memo.len() as u64,
            _ => self.bytes.unsigned(4)?,
        };
        if matches!(opcode, b'h' | b'j') {
            let id = self.memo.get(&key).copied();
            self.stack
                .push(id.ok_or("it refers to something it never noted")?);
        } else {
            let top = self.top()?;
            self.memo.insert(key, top);
        }
        Ok(())
    }

    fn global(&mut self) -> Result<(), Refusal> {
        let module = self.bytes.line()?;
        let name = self.bytes.line()?;
        self.allow(module, name)
    }

    fn stack_global(&mut self) -> Result<(), Refusal> {
        let (name, module) = (self.pop()?, self.pop()?);
        let text = |id| self.graph.text(id).map(str::to_owned);
        let (Some(module), Some(name)) = (text(module), text(name)) else {
            return Err("a name that is no text".into());
        };
        self.allow(&module, &name)
    }

    fn allow(&mut self, module: &str, name: &str) -> Result<(), Refusal> {
        let global = globals::find(module, name, self.dialect);
        let global = global.ok_or_else(|| forbidden(module, name))?;
        self.push(Value::Global(global));
        Ok(())
    }

    /// `INST` is never allowed; its name tells what the pickle is after.
    fn instance(&mut self) -> Refusal {
        let names = self.bytes.line().and_then(|m| Ok((m, self.bytes.line()?)));
        names.map_or_else(Refusal::Malformed, |(module, name)| forbidden(module, name))
    }

    fn reduce(&mut self) -> Result<(), Refusal> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let arguments = self.graph.tuple(arguments)?.to_vec();
        let Value::Global(global) = *self.graph.value(callee) else {
            return Err("something is called that is no function".into());
        };
        let made = match (global, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.graph.leaf(Value::Dict(vec![])),
            (Global::Size | Global::RebuildParameter | Global::ScriptValue, [first, ..]) => *first,
            (Global::RebuildTensor, [storage, offset, shape, strides, _, _, ..]) => {
                let view = self.view([*storage, *offset, *shape, *strides])?;
                self.graph.leaf(Value::Tensor(view))
            }
            _ => return Err(format!("{global:?} is called with unknown arguments").into()),
        };
        self.stack.push(made);
        Ok(())
    }

    fn view(&self, [storage, offset, shape, strides]: [Id; 4]) -> Result<View, Refusal> {
        if !matches!(self.graph.value(storage), Value::Storage(_)) {
            return Err("a tensor without a storage".into());
        }
        let numbers = |id| -> Result<Vec<i64>, String> {
            let items = self.graph.tuple(id)?;
            if items.len() > MOST_DIMENSIONS {
                return Err(format!("a tensor of {} dimensions", items.len()));
            }
            items.iter().map(|item| self.graph.int(*item)).collect()
        };
        Ok(View {
            storage,
            offset: self.graph.int(offset)?,
            shape: numbers(shape)?,
            strides: numbers(strides)?,
        })
    }

    fn new_object(&mut self) -> Result<(), Refusal> {
        let (arguments, class) = (self.pop()?, self.pop()?);
        let is_script = *self.graph.value(class) == Value::Global(Global::ScriptClass);
        if !is_script || !self.graph.tuple(arguments)?.is_empty() {
            return Err("an object is made that is no TorchScript module".into());
        }
        self.push(Value::Object(vec![]));
        Ok(())
    }

    /// `('storage', torch.FloatStorage, key, device, count)`; the device is ignored.
    fn persistent(&mut self) -> Result<(), Refusal> {
        let id = self.pop()?;
        let [tag, class, key, _, count] = *self.graph.tuple(id)? else {
            return Err("a reference that is no storage".into());
        };
        let (Some("storage"), Value::Global(Global::Storage(element)), Some(_)) = (
            self.graph.text(tag),
            self.graph.value(class),
            self.graph.text(key),
        ) else {
            return Err("a reference that is no storage".into());
        };
        let storage = Storage {
            element: *element,
            key,
            count: self.graph.int(count)?,
        };
        self.push(Value::Storage(storage));
        Ok(())
    }

    fn push(&mut self, value: Value) {
        let id = self.graph.leaf(value);
        self.stack.push(id);
    }

    /// Where the stack begins for opcodes that may not reach below the last `MARK`.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn available(&self) -> Result<usize, Refusal> {
        Ok(self.stack.len().checked_sub(self.floor()).ok_or(EMPTY)?)
    }

    fn pop(&mut self) -> Result<Id, Refusal> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn top(&self) -> Result<Id, Refusal> {
        if self.available()? == 0 {
            return Err(EMPTY.into());
        }
        Ok(self.stack.last().copied().ok_or(EMPTY)?)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, Refusal> {
        let mark = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }
}

const EMPTY: &str = "it takes more values than it made";

fn forbidden(module: &str, name: &str) -> Refusal {
    Refusal::Global {
        module: module.to_owned(),
        name: name.to_owned(),
    }
}

fn refused(opcode: u8) -> String {
    let name = match opcode {
        b'o' => "OBJ",
        b'P' => "PERSID",
        0x82..=0x84 => "EXT",
        0x92 => "NEWOBJ_EX",
        0x97 | 0x98 => "an out-of-band buffer",
        _ => return format!("opcode {opcode:#04x} is not one that weights files use"),
    };
    format!("{name} is not an opcode that weights files use; nothing of it was run")
}
