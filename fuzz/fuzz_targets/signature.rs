#![no_main]

// An empty input makes the key, which takes longer than an input may on a busy machine.
libfuzzer_sys::fuzz_target!(
    init: framewitness::fuzzing::signature(&[]),
    |bytes: &[u8]| framewitness::fuzzing::signature(bytes)
);
