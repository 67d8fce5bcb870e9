//! Hixie-76 keys: any received key, and the keys that a client generates.
#![no_main]

use hybi_oracles::{KeysInput, keys};

libfuzzer_sys::fuzz_target!(|input: KeysInput| keys(input));
