//! Pickles that PyTorch would not write are refused, and refused for what they are.

use proptest::prelude::*;

use super::*;

/// `text` as the machine's texts are written.
pub(in super::super) fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![b'X'];
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

fn pickled(parts: &[&[u8]]) -> Vec<u8> {
    [&[0x80, 2], parts.concat().as_slice(), b"."].concat()
}

fn refusal(bytes: &[u8], dialect: Dialect) -> String {
    let read = read(bytes, "data.pkl", dialect);
    read.map(|(_, root)| root)
        .expect_err("it is refused")
        .to_string()
}

fn assert_refused(bytes: &[u8], sentence: &str) {
    let problem = refusal(bytes, Dialect::Saved);
    assert!(problem.contains(sentence), "no {sentence:?} in: {problem}");
}

#[test]
fn functions_that_could_do_harm_are_refused_where_they_are_named() {
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "getattr"),
        ("__builtin__", "eval"),
        ("copyreg", "_reconstructor"),
        ("operator", "attrgetter"),
        ("runpy", "_run_code"),
        ("importlib", "import_module"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch._utils", "_rebuild_device_tensor_from_numpy"),
        ("torch.storage", "_load_from_bytes"),
        ("torch.jit._pickle", "build_tensor_from_id"),
        ("torch", "FloatStorage.from_file"),
        ("collections", "OrderedDict.fromkeys"),
        ("collections", "Counter"),
        ("numpy.core.multiarray", "scalar"),
        ("__torch_", "X"),
        ("", ""),
    ] {
        let named = format!("c{module}\n{name}\n");
        let call = [text("echo harm"), vec![0x85, b'R']].concat();
        let (module_text, name_text) = (text(module), text(name));
        for dialect in [Dialect::Saved, Dialect::Script] {
            for bytes in [
                pickled(&[named.as_bytes(), &call]),
                pickled(&[&module_text, &name_text, &[0x93], &call]),
                // The texts come out of the memo, the call never gets that far.
                pickled(&[
                    &module_text,
                    b"q\x00",
                    &name_text,
                    b"q\x01\x86h\x00h\x01\x93",
                    &call,
                ]),
            ] {
                let problem = refusal(&bytes, dialect);
                let sentence = format!("names {module}.{name}, which weights have no use for");
                assert!(problem.contains(&sentence), "no {sentence:?} in: {problem}");
            }
        }
    }
}

#[test]
fn modules_of_torchscript_are_only_known_in_its_archives() {
    let object = b"c__torch__.a\nNet\n)\x81}X\x01\x00\x00\x00aK\x01sb";
    assert_refused(&pickled(&[object]), "names __torch__.a.Net");
    let (graph, root) = read(&pickled(&[object]), "data.pkl", Dialect::Script).unwrap();
    let Value::Object(attributes) = graph.value(root) else {
        panic!("a module is an object");
    };
    assert_eq!(graph.text(attributes[0].0), Some("a"));
    // Constructor arguments are never written and would be ignored silently.
    let called = pickled(&[b"c__torch__.a\nNet\nK\x01\x85R"]);
    assert!(refusal(&called, Dialect::Script).contains("unknown arguments"));
    let with_arguments = pickled(&[b"c__torch__.a\nNet\nK\x01\x85\x81"]);
    assert!(refusal(&with_arguments, Dialect::Script).contains("no TorchScript module"));
}

#[test]
fn opcodes_that_build_in_other_ways_are_refused_by_name() {
    for (opcodes, sentence) in [
        (&b"(ios\nsystem\n"[..], "names os.system"),
        (
            b"(icollections\nOrderedDict\n",
            "names collections.OrderedDict",
        ),
        (b"(ccollections\nOrderedDict\no", "OBJ"),
        (b"Pstorage\n", "PERSID"),
        (b"\x82\x01", "EXT"),
        (b"\x84\x01\x00\x00\x00", "EXT"),
        (b"ccollections\nOrderedDict\n)}\x92", "NEWOBJ_EX"),
        (b"\x97", "out-of-band"),
        (b"0", "opcode 0x30"),
        (b"I1\n", "opcode 0x49"),
        (b"\xff", "opcode 0xff"),
    ] {
        assert_refused(&pickled(&[opcodes]), sentence);
    }
}

#[test]
fn only_what_is_listed_can_be_called_built_or_referred_to() {
    for (opcodes, sentence) in [
        (&b"K\x01)R"[..], "called that is no function"),
        (b"ctorch\nFloatStorage\n)R", "unknown arguments"),
        (b"ccollections\nOrderedDict\n(K\x01tR", "unknown arguments"),
        (b"ccollections\nOrderedDict\n)\x81", "no TorchScript module"),
        (
            b"ctorch._utils\n_rebuild_tensor_v2\n)R",
            "unknown arguments",
        ),
        (
            b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x88NtR",
            "a tensor without a storage",
        ),
        (b"]}b", "state can only be given"),
        (b"K\x01}b", "state can only be given"),
        (b"ccollections\nOrderedDict\n}b", "state can only be given"),
        (b"K\x01K\x02a", "only be appended to a list"),
        (b"K\x01K\x02K\x03s", "only be set in a dictionary"),
        (b"](K\x01K\x02u", "only be set in a dictionary"),
        (b"}(K\x01u", "a key without a value"),
        (b"NQ", "a tuple was expected"),
        (
            b"X\x06\x00\x00\x00module\x85Q",
            "a reference that is no storage",
        ),
        (b"(NNNNNtQ", "a reference that is no storage"),
        (
            b"(ctorch\nFloatStorage\nctorch\nFloatStorage\nNNK\x01tQ",
            "no storage",
        ),
    ] {
        assert_refused(&pickled(&[opcodes]), sentence);
    }
}

#[test]
fn nothing_can_contain_itself() {
    for opcodes in [
        &b"]q\x00h\x00a"[..],
        b"}q\x00K\x01h\x00s",
        // A list in a tuple in the list.
        b"]q\x00h\x00\x85a",
        b"]q\x00]q\x01h\x00ah\x00h\x01a",
    ] {
        assert_refused(&pickled(&[opcodes]), "after it became part of something");
    }
    let shared_state = b"]c__torch__\nA\n)\x81}q\x00bac__torch__\nB\n)\x81h\x00ba";
    let problem = refusal(&pickled(&[shared_state]), Dialect::Script);
    assert!(problem.contains("belongs to two things"), "{problem}");
}

#[test]
fn nesting_is_bounded_and_sharing_costs_nothing() {
    let nested = |levels: usize| pickled(&[b"N", &vec![0x85; levels]]);
    assert!(read(&nested(100), "data.pkl", Dialect::Saved).is_ok());
    assert_refused(&nested(101), "nested deeper than 100 levels");
    let deep = pickled(&[&vec![b']'; 50_000], &vec![b'a'; 49_999]]);
    assert_refused(&deep, "nested deeper than 100 levels");
    // 2^90 leaves if it were unfolded.
    let doubled = pickled(&[b"Nq\x00", &b"h\x00h\x00\x86q\x00".repeat(90)[..]]);
    assert_refused(&doubled, "something is left after its end");
    // Memo numbers are not allocated up to.
    let far = pickled(&[b"Nr\xff\xff\xff\xff"]);
    assert!(read(&far, "data.pkl", Dialect::Saved).is_ok());
}

#[test]
fn lengths_beyond_the_end_are_refused_before_anything_is_allocated() {
    for opcodes in [
        &b"X\xff\xff\xff\xffabc"[..],
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc",
        b"\x8e\x00\x00\x00\x00\x01\x00\x00\x00",
        b"\x8b\xff\xff\xff\x7f\x00",
        b"cos",
    ] {
        assert_refused(&pickled(&[opcodes]), "in the middle of");
    }
    assert_refused(
        &pickled(&[b"\x95\xff\xff\xff\xff\x00\x00\x00\x00N"]),
        "a frame",
    );
}

#[test]
fn stack_marks_protocol_and_end_are_checked() {
    for (bytes, sentence) in [
        (&b"\x80\x02."[..], "more values than it made"),
        (b"\x80\x02N(\x85.", "more values than it made"),
        (b"\x80\x02N(R.", "more values than it made"),
        (b"\x80\x02Nt.", "a mark is missing"),
        (b"\x80\x02NN.", "left after its end"),
        (b"\x80\x02N.N", "left after its end"),
        (b"\x80\x02(N.", "left after its end"),
        (b"\x80\x02h\x00.", "never noted"),
        (b"\x80\x01N.", "protocol 1"),
        (b"\x80\x06N.", "protocol 6"),
        (b"\x80\x02X\x01\x00\x00\x00\xff.", "not UTF-8"),
    ] {
        assert_refused(bytes, sentence);
    }
    let long = [&b"\x80\x02"[..], &b"(t".repeat(500_001)].concat();
    assert_refused(&long, "more than 1000000 opcodes");
}

#[test]
fn numbers_of_every_width_are_read() {
    for (opcodes, number) in [
        (&b"J\xff\xff\xff\xff"[..], Some(-1)),
        (b"K\xff", Some(255)),
        (b"M\x00\x01", Some(256)),
        (b"\x8a\x00", Some(0)),
        (b"\x8a\x01\x80", Some(-128)),
        (b"\x8a\x05\x00\x00\x00\x00\x01", Some(1 << 32)),
        (b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01", None),
        (b"\x8b\x02\x00\x00\x00\x01\x01", Some(257)),
    ] {
        let (graph, root) = read(&pickled(&[opcodes]), "data.pkl", Dialect::Saved).unwrap();
        let expected = number.map_or(Value::Inert, Value::Int);
        assert_eq!(graph.value(root), &expected, "{opcodes:?}");
    }
}

/// Opcodes and arguments as they occur, in any order.
fn opcodes() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<Vec<u8>> = [
        &b"("[..],
        b")",
        b"}",
        b"]",
        b"N",
        b"t",
        b"\x85",
        b"\x86",
        b"\x87",
        b"R",
        b"b",
        b"s",
        b"u",
        b"a",
        b"e",
        b"Q",
        b"\x81",
        b"\x93",
        b"\x94",
        b"q\x00",
        b"h\x00",
        b"q\x01",
        b"h\x01",
        b"K\x02",
        b"ccollections\nOrderedDict\n",
        b"ctorch\nFloatStorage\n",
        b"c__torch__\nA\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"X\x07\x00\x00\x00storage",
        b"X\x01\x00\x00\x000",
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000NK\x02tQ",
    ]
    .iter()
    .map(|o| o.to_vec())
    .collect();
    let sequence = proptest::collection::vec(proptest::sample::select(known), 0..40);
    sequence.prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_sequence_of_opcodes_panics(opcodes in opcodes(), script in any::<bool>()) {
        let dialect = if script { Dialect::Script } else { Dialect::Saved };
        let _ = read(&pickled(&[&opcodes]), "data.pkl", dialect);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, "data.pkl", Dialect::Script);
    }
}
