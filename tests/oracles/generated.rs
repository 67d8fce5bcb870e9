//! Generated inputs pass the oracles.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::grammar;
use crate::targets;

#[test]
fn generated_inputs_pass_the_oracles() {
    for (target, oracle) in targets() {
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
