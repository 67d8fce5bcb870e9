//! Key numbers: any that come, and those that a client makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_fuzz::keys(input));
