//! Each public type has an example in its documentation.

use std::path::{Path, PathBuf};
use std::{fs, io};

#[test]
fn every_public_type_has_an_example() -> io::Result<()> {
    let (mut count, mut without) = (0, Vec::new());
    for file in source_files()? {
        let text = fs::read_to_string(&file)?;
        let mut docs = String::new();
        for line in text.lines().map(str::trim) {
            let is_type = line.starts_with("pub struct ") || line.starts_with("pub enum ");
            if is_type {
                count += 1;
                if !docs.contains("/// ```") {
                    without.push(format!("{}: {line}", file.display()));
                }
            }
            // Documentation and attributes precede the item in one paragraph.
            match line {
                "" => docs.clear(),
                line => docs.push_str(line),
            }
        }
    }
    assert!(count > 30, "{count}");
    assert!(without.is_empty(), "{without:#?}");
    Ok(())
}

fn source_files() -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                files.push(path);
            }
        }
    }
    Ok(files)
}
