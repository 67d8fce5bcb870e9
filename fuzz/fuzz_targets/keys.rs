//! Hixie-76 keys: any received key, and the keys that a client generates.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_oracles::keys(input));
