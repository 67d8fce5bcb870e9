//! What README.md and SECURITY.md quote of the repository exists there.

use std::path::Path;
use std::{fs, io};

/// Without its option and compression.
#[test]
fn the_readme_contains_the_echo_server() {
    let readme = include_str!("../README.md");
    let code = readme.split("```rust,no_run\n").nth(1);
    let code = code.and_then(|rest| rest.split("```").next());
    let example = include_str!("../examples/std_echo.rs");
    let (start, rest) = example.split_once("static CONFIG").unwrap();
    let (_, end) = rest.split_once("});\n").unwrap();
    let config = "static CONFIG: Config = Config::new()
    .max_frame_len(MAX_MESSAGE_LEN as u64)
    .keepalive(Duration::from_secs(30), Duration::from_secs(30))
    .high_water(16 * 1024); // with more output pending, keep-alive does not run\n";
    let expected = [start, config, end].concat();
    let expected = expected.replace("use std::sync::LazyLock;\n", "");
    assert_eq!(code, Some(&*expected.replace("&*CONFIG", "&CONFIG")));
}

#[test]
fn every_test_named_in_security_md_exists() -> io::Result<()> {
    let code_spans = include_str!("../SECURITY.md").split('`').skip(1).step_by(2);
    let named = code_spans.filter_map(|span| span.split_once("::"));
    let named: Vec<_> = named.filter(|(file, _)| file.ends_with(".rs")).collect();
    assert!(named.len() > 30, "{named:?}");
    for (file, name) in named {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))?;
        let Some((before, _)) = text.split_once(&format!("fn {name}(")) else {
            panic!("no {name} in {file}");
        };
        // Attributes follow the last line that ends an item.
        let attributes = before.rsplit(['}', '{', ';']).next().unwrap_or_default();
        // A name alone in a line is an argument of a macro that generates tests.
        let is_in_macro = || text.lines().any(|line| line.trim() == name);
        let is_test = ["#[test]", "#[tokio::test"]
            .iter()
            .any(|test| attributes.contains(test));
        let is_test = is_test || is_in_macro();
        assert!(is_test, "{name} in {file} is not a test");
    }
    Ok(())
}
