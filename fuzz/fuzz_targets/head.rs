//! Any head: an accepted request that is rebuilt from its parts is accepted alike.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_oracles::head(input));
