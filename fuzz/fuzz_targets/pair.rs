//! A client and a server joined, told to say and close anything in any order.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_fuzz::pair(input));
