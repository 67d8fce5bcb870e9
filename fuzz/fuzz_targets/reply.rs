//! Heads made of what the application passes: nothing of it becomes a line that it did not name.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybi_fuzz::reply(input));
