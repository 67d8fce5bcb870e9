//! Key numbers: any that come, and those that a client makes.
#![no_main]

use arbitrary::Arbitrary;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    entropy: [u8; 32],
    /// All that is left of the input.
    key: &'a [u8],
}

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    hybi_fuzz::key(input.key);
    hybi_fuzz::made_keys(input.entropy);
});
