//! Heads built from the application's values: none of them can add a line.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_oracles::reply(input));
