//! Every input that fuzzing has left, seeds and corpora, comes to what it should.

use std::fs;
use std::io::ErrorKind;
use std::panic;
use std::path::{Path, PathBuf};

use crate::targets;

/// What a corpus may come to, so that a clone and a test stay small.
const MOST_FILES: usize = 200;
const MOST_BYTES: usize = 200 * 1024;

/// The folders, and of how many inputs each is taken: with Miri an input takes seconds.
const KINDS: &[(&str, usize)] = if cfg!(miri) {
    &[("seeds", 100)]
} else {
    &[("seeds", 1), ("corpus", 1)]
};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The names in a folder, in their order.
fn names(folder: &Path) -> Vec<String> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        entries => entries.unwrap(),
    };
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

#[test]
fn every_input_that_is_kept() {
    for (target, oracle) in targets() {
        for (kind, step) in KINDS {
            let folder = fuzz().join(kind).join(target);
            for name in names(&folder).into_iter().step_by(*step) {
                let file = folder.join(name);
                let input = fs::read(&file).unwrap();
                // The panic's own message is printed where it happens.
                let held = panic::catch_unwind(|| oracle(&input));
                assert!(held.is_ok(), "found by {}", file.display());
            }
        }
    }
}

#[test]
fn every_target_has_an_oracle_and_seeds() {
    let targets = targets().map(|(target, _)| target);
    assert_eq!(names(&fuzz().join("seeds")), targets);
    let binaries = targets.map(|target| format!("{target}.rs"));
    assert_eq!(names(&fuzz().join("fuzz_targets")), binaries);
}

#[test]
fn no_corpus_grows_too_large() {
    for (target, _) in targets() {
        let folder = fuzz().join("corpus").join(target);
        let names = names(&folder);
        let size = |name: &String| fs::metadata(folder.join(name)).unwrap().len() as usize;
        let bytes: usize = names.iter().map(size).sum();
        assert!(names.len() <= MOST_FILES, "{target}: {} files", names.len());
        assert!(bytes <= MOST_BYTES, "{target}: {bytes} bytes");
    }
}
