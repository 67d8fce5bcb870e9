//! A request with any of the fields that identify a dialect, with any set of dialects enabled.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_oracles::dialects(input));
