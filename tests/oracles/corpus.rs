//! Every stored fuzz input, seed or corpus, passes its oracle.

use std::fs;
use std::io::ErrorKind;
use std::panic;
use std::path::{Path, PathBuf};

use crate::targets;

/// Size limits of a corpus, which keep clones and tests small.
const MAX_FILES: usize = 200;
const MAX_BYTES: usize = 200 * 1024;

/// Directories of inputs, and a step: only each `step`th input is run, since Miri takes seconds
/// for each.
const DIRECTORIES: &[(&str, usize)] = if cfg!(miri) {
    &[("seeds", 100)]
} else {
    &[("seeds", 1), ("corpus", 1)]
};

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Returns the sorted file names in a directory; none if it does not exist.
fn file_names(dir: &Path) -> Vec<String> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        entries => entries.unwrap(),
    };
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

#[test]
fn every_stored_input_passes_its_oracle() {
    for (target, oracle) in targets() {
        for (directory, step) in DIRECTORIES {
            let dir = fuzz_dir().join(directory).join(target);
            for name in file_names(&dir).into_iter().step_by(*step) {
                let file = dir.join(name);
                let input = fs::read(&file).unwrap();
                // The panic hook has printed the message.
                let result = panic::catch_unwind(|| oracle(&input));
                assert!(result.is_ok(), "input: {}", file.display());
            }
        }
    }
}

#[test]
fn every_target_has_an_oracle_and_seeds() {
    let targets = targets().map(|(target, _)| target);
    assert_eq!(file_names(&fuzz_dir().join("seeds")), targets);
    let binaries = targets.map(|target| format!("{target}.rs"));
    assert_eq!(file_names(&fuzz_dir().join("fuzz_targets")), binaries);
}

#[test]
fn every_corpus_is_within_its_size_limits() {
    for (target, _) in targets() {
        let dir = fuzz_dir().join("corpus").join(target);
        let names = file_names(&dir);
        let size = |name: &String| fs::metadata(dir.join(name)).unwrap().len() as usize;
        let bytes: usize = names.iter().map(size).sum();
        assert!(names.len() <= MAX_FILES, "{target}: {} files", names.len());
        assert!(bytes <= MAX_BYTES, "{target}: {bytes} bytes");
    }
}
