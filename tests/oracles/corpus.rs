//! Every stored fuzz input, seed or corpus, passes its oracle.

use std::fs::{self, File};
use std::io::Read;
use std::panic;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use hybi_oracles::TARGETS;
use tar::Archive;

/// Size limits of a corpus, which keep clones and tests small.
const MAX_FILES: usize = 200;
const MAX_BYTES: usize = 200 * 1024;

/// Only each `STEP`th seed and no corpus is run in Miri, which takes seconds for each input.
const STEP: usize = if cfg!(miri) { 100 } else { 1 };

/// Targets that need the feature `deflate`, without which the tests are built. What they check is
/// in `tests/compression.rs` and `tests/compression_handshake.rs` too, on generated inputs.
const WITHOUT_ORACLE: [&str; 2] = ["inflate", "offers"];

/// A stored input and the name of its file.
pub(crate) type Stored = (String, Vec<u8>);

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Returns the sorted file names in a directory.
fn file_names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

pub(crate) fn seeds(target: &str) -> impl Iterator<Item = Stored> {
    let dir = fuzz_dir().join("seeds").join(target);
    let names = file_names(&dir).into_iter().step_by(STEP);
    names.map(move |name| {
        let input = fs::read(dir.join(&name)).unwrap();
        (name, input)
    })
}

pub(crate) fn corpus(target: &str) -> Vec<Stored> {
    let file = fuzz_dir().join("corpus").join(format!("{target}.tar.gz"));
    let mut archive = Archive::new(GzDecoder::new(File::open(file).unwrap()));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut input = Vec::new();
        entry.read_to_end(&mut input).unwrap();
        (name, input)
    });
    entries.collect()
}

/// Returns the seeds and the corpus of a target.
fn stored_inputs(target: &str) -> Vec<Stored> {
    let corpus = if cfg!(miri) {
        Vec::new()
    } else {
        corpus(target)
    };
    seeds(target).chain(corpus).collect()
}

#[test]
fn every_stored_input_passes_its_oracle() {
    for (target, oracle) in TARGETS {
        for (name, input) in stored_inputs(target) {
            // The panic hook has printed the message.
            let result = panic::catch_unwind(|| oracle(&input));
            assert!(result.is_ok(), "input: {target}/{name}");
        }
    }
}

#[test]
fn every_target_has_an_oracle_seeds_and_a_corpus() {
    let targets = TARGETS.map(|(target, _)| target);
    let is_tested = |name: &String| !WITHOUT_ORACLE.contains(&name.trim_end_matches(".rs"));
    let mut seeds = file_names(&fuzz_dir().join("seeds"));
    seeds.retain(is_tested);
    assert_eq!(seeds, targets);
    let binaries = targets.map(|target| format!("{target}.rs"));
    let mut sources = file_names(&fuzz_dir().join("fuzz_targets"));
    sources.retain(is_tested);
    assert_eq!(sources, binaries);
    // A fuzzer may have left folders.
    let mut corpora = file_names(&fuzz_dir().join("corpus"));
    corpora.retain(|name| name.ends_with(".tar.gz"));
    corpora.retain(|name| !WITHOUT_ORACLE.contains(&name.trim_end_matches(".tar.gz")));
    assert_eq!(corpora, targets.map(|target| format!("{target}.tar.gz")));
}

#[test]
fn every_corpus_is_within_its_size_limits() {
    for (target, _) in TARGETS {
        let corpus = corpus(target);
        let bytes: usize = corpus.iter().map(|(_, input)| input.len()).sum();
        assert!(!corpus.is_empty(), "{target}");
        assert!(corpus.len() <= MAX_FILES, "{target}: {}", corpus.len());
        assert!(bytes <= MAX_BYTES, "{target}: {bytes} bytes");
    }
}
