#![no_main]

// An empty input makes the key, which takes longer than an input may on a busy machine.
libfuzzer_sys::fuzz_target!(
    init: framewitness::fuzzing::statement(&[]),
    |bytes: &[u8]| framewitness::fuzzing::statement(bytes)
);
