//! The only names a pickle may mention. Everything else is refused where it is named, before
//! anything could be made of it.

use super::super::stored::Element;
use super::graph::Global;

/// Who wrote the pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Dialect {
    /// `torch.save`
    Saved,
    /// `torch.jit.save`
    Script,
}

/// The global `module.name`, if it may be named.
pub(super) fn find(module: &str, name: &str, dialect: Dialect) -> Option<Global> {
    if dialect == Dialect::Script {
        if module == "__torch__" || module.starts_with("__torch__.") {
            return Some(Global::ScriptClass);
        }
        if module == "torch.jit._pickle" {
            return is_script_value(name).then_some(Global::ScriptValue);
        }
    }
    match (module, name) {
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("torch", "Size") => Some(Global::Size),
        ("torch._utils", "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            Some(Global::RebuildParameter)
        }
        ("torch.storage", "UntypedStorage" | "_UntypedStorage") => {
            Some(Global::Storage(Element::U8))
        }
        ("torch" | "torch.storage" | "torch.cuda", _) => storage(name).map(Global::Storage),
        _ => None,
    }
}

fn is_script_value(name: &str) -> bool {
    matches!(
        name,
        "build_intlist"
            | "build_doublelist"
            | "build_boollist"
            | "build_tensorlist"
            | "restore_type_tag"
    )
}

fn storage(name: &str) -> Option<Element> {
    Some(match name {
        "FloatStorage" => Element::F32,
        "DoubleStorage" => Element::F64,
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::BF16,
        "LongStorage" => Element::I64,
        "IntStorage" => Element::I32,
        "ShortStorage" => Element::I16,
        "CharStorage" => Element::I8,
        "ByteStorage" => Element::U8,
        "BoolStorage" => Element::Bool,
        _ => return None,
    })
}
