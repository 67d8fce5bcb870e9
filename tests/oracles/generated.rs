//! Whatever the grammar makes comes to what it should.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::grammar;
use crate::targets;

#[test]
fn inputs_that_are_nearly_right() {
    for (target, oracle) in targets() {
        let config = ProptestConfig {
            cases: 1024,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let held = TestRunner::new(config).run(&grammar::input(target), |input| {
            oracle(&input);
            Ok(())
        });
        if let Err(error) = held {
            panic!("{target}: {error}");
        }
    }
}
