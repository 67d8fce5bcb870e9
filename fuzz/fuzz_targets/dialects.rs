//! A request with any of the fields that identify a dialect, with any set of dialects enabled.
#![no_main]

use hybi_oracles::{DialectsInput, dialects};

libfuzzer_sys::fuzz_target!(|input: DialectsInput| dialects(input));
