//! Dependencies between the modules of `src/`: each is listed here, and there are no cycles.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// A module (a folder, less files with a row of their own) and what it uses: modules above it.
#[rustfmt::skip]
const LAYERS: &[(&str, &str)] = &[
    ("work", ""),
    ("fixed_buf", ""),
    ("time", ""),
    ("guide", ""),
    ("header_name", ""),
    ("close_code", ""),
    ("entropy", ""),
    ("sniff", ""),
    ("dialect", "header_name"),
    ("deflate/config", ""),
    ("config", "deflate/config dialect"),
    ("deflate", "config work"),
    ("prepared", "deflate"),
    ("error", "close_code dialect"),
    ("call_errors", "dialect error"),
    ("random", "entropy"),
    ("frame/opcode", ""),
    ("frame/utf8", "fixed_buf"),
    ("frame/mask", ""),
    ("frame/header", "deflate error frame/opcode"),
    ("frame/encode", "frame/header frame/opcode"),
    ("http", "config error work"),
    ("handshake", "call_errors config deflate deflate/config dialect error header_name http random"),
    ("http_types", "config dialect error handshake"),
    ("event", "close_code deflate dialect error handshake"),
    ("input", "deflate fixed_buf frame/opcode"),
    ("frame/payload", "error frame/header frame/mask frame/opcode frame/utf8 input work"),
    ("frame/inflation", "deflate error frame/payload"),
    ("frame", "config deflate dialect error event fixed_buf frame/encode frame/header frame/inflation frame/mask frame/opcode frame/payload frame/utf8 input work"),
    ("message", "close_code event"),
    ("send_buffer", "call_errors config frame/encode frame/header frame/mask time"),
    ("proxy", "call_errors config event handshake http send_buffer"),
    ("connection", "call_errors config deflate dialect entropy error event fixed_buf frame frame/encode frame/header frame/opcode handshake http input prepared random send_buffer sniff time"),
];

#[test]
fn each_module_uses_only_the_modules_in_its_row() -> io::Result<()> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_file() {
            let text = fs::read_to_string(&path)?;
            found.entry(name).or_default().extend(uses("", &text));
            continue;
        }
        for file in fs::read_dir(path)? {
            let file = file?.path();
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let module = row(&name, stem);
            let text = fs::read_to_string(&file)?;
            found.entry(module).or_default().extend(uses(&name, &text));
        }
    }
    found.remove("lib");
    for (module, used) in &mut found {
        used.sort();
        used.dedup();
        used.retain(|other| other != module);
    }
    let table = LAYERS.iter().map(|(module, used)| {
        let used = used.split_whitespace().map(str::to_owned).collect();
        ((*module).to_owned(), used)
    });
    assert_eq!(found, table.collect());
    Ok(())
}

#[test]
fn modules_use_only_modules_above_them() {
    for (index, (module, used)) in LAYERS.iter().enumerate() {
        let above = |other| LAYERS[..index].iter().any(|row| row.0 == other);
        assert!(used.split_whitespace().all(above), "{module}");
    }
}

/// Returns the row of a path with two segments.
fn row(first: &str, second: &str) -> String {
    let both = format!("{first}/{second}");
    let found = LAYERS.iter().find(|row| row.0 == both);
    found.map_or(first, |row| row.0).to_owned()
}

/// Returns the modules after `crate::`, and after `super::` in a folder, except in unit tests.
fn uses(folder: &str, text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code = code.lines().filter(|line| !line.trim().starts_with("//"));
    let code = String::from_iter(code).replace("super::", &format!("crate::{folder}::"));
    let name = |path: &str| {
        let end = path.find(|c: char| !matches!(c, '_' | 'a'..='z' | '0'..='9'));
        path[..end.unwrap_or(path.len())].to_owned()
    };
    let module = |path: &str| row(&name(path), &name(path.split("::").nth(1).unwrap_or("")));
    let used = code.split("crate::").skip(1).map(module);
    used.filter(|module| !module.is_empty()).collect()
}
