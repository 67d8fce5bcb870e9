//! Any head: what is accepted can be written down again and is accepted alike.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_fuzz::head(input));
