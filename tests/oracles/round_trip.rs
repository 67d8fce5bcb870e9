//! The values of an input can be encoded again.

use std::fmt::Debug;

use hybi_oracles::{
    Arbitrary, ChatInput, ClientInput, DialectsInput, Encode, FramesInput, HeadInput, KeysInput,
    MaskInput, PairInput, ReplyInput, ServerInput, decode, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use testkit::strategies::cases;

use crate::corpus::{corpus, seeds};
use crate::grammar;

/// Decodes an input; returns its values as text, and encoded again.
type Reencode = fn(&[u8]) -> (String, Vec<u8>);

const TARGETS: [(&str, Reencode); 10] = [
    ("chat", |bytes| reencode::<ChatInput>(bytes)),
    ("client", |bytes| reencode::<ClientInput>(bytes)),
    ("dialects", |bytes| reencode::<DialectsInput>(bytes)),
    ("frames", |bytes| reencode::<FramesInput>(bytes)),
    ("head", |bytes| reencode::<HeadInput>(bytes)),
    ("keys", |bytes| reencode::<KeysInput>(bytes)),
    ("mask", |bytes| reencode::<MaskInput>(bytes)),
    ("pair", |bytes| reencode::<PairInput>(bytes)),
    ("reply", |bytes| reencode::<ReplyInput>(bytes)),
    ("server", |bytes| reencode::<ServerInput>(bytes)),
];

fn reencode<'a, I: Arbitrary<'a> + Encode + Debug>(bytes: &'a [u8]) -> (String, Vec<u8>) {
    let input: I = decode(bytes);
    (format!("{input:?}"), encode(&input))
}

/// Several inputs of these targets have the same values: the encoder writes a letter for an action
/// that was selected by number, a switch as `0` or `1`, and ignores what follows the last field.
fn has_synonyms(target: &str) -> bool {
    matches!(target, "chat" | "dialects" | "mask" | "pair")
}

/// Checks that the encoded values are decoded to the same values. Returns them encoded.
fn check_round_trip(target: &str, reencode: Reencode, input: &[u8]) -> Vec<u8> {
    let (values, encoded) = reencode(input);
    let expected = (values, encoded.clone());
    assert_eq!(reencode(&encoded), expected, "{target}");
    if !has_synonyms(target) {
        assert_eq!(encoded, input, "{target}");
    }
    encoded
}

#[test]
fn the_values_of_every_seed_are_encoded_as_the_same_bytes() {
    assert_eq!(
        TARGETS.map(|(target, _)| target),
        hybi_oracles::TARGETS.map(|(target, _)| target)
    );
    for (target, reencode) in TARGETS {
        for (name, input) in seeds(target) {
            let encoded = check_round_trip(target, reencode, &input);
            assert_eq!(encoded, input, "{target}/{name}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "slow")]
fn every_input_of_a_corpus_survives_a_round_trip() {
    for (target, reencode) in TARGETS {
        for (_, input) in corpus(target) {
            check_round_trip(target, reencode, &input);
        }
    }
}

#[test]
fn generated_values_survive_a_round_trip() {
    for (target, reencode) in TARGETS {
        let any_bytes = vec(any::<u8>(), 32..128);
        let inputs = prop_oneof![grammar::input(target), any_bytes];
        let result = TestRunner::new(cases(1024)).run(&inputs, |input| {
            check_round_trip(target, reencode, &input);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{target}: {error}");
        }
    }
}
