//! Generated inputs pass the oracles.

use hybi_oracles::TARGETS;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::grammar;

#[test]
fn generated_inputs_pass_the_oracles() {
    for (target, oracle) in TARGETS {
        let config = ProptestConfig {
            cases: 1024,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let result = TestRunner::new(config).run(&grammar::input(target), |input| {
            oracle(&input);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{target}: {error}");
        }
    }
}
