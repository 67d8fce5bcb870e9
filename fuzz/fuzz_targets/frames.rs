//! Frames of HyBi-7, HyBi-8 and RFC 6455, in either role, against a reference decoder.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_oracles::frames(input));
