//! A request with any of the fields that decide, under any set of dialects.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_fuzz::dialects(input));
