//! Which file of src/ may know of which: every edge is in the list below, and none goes back.
//!
//! An edge leads to the file in which a name is defined, also when another file passes it on with
//! `pub use`. What `lib.rs` passes on is the surface of the crate and no edge.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::{fs, io};

/// A file and all that it may know of, the lowest layer first: each knows only of files above it.
const LAYERS: &[(&str, &[&str])] = &[
    ("steps", &[]),
    ("config", &[]),
    ("utf8", &[]),
    ("mask", &[]),
    ("opcode", &[]),
    ("preface", &[]),
    ("entropy", &[]),
    ("error", &["config"]),
    ("encode", &["config", "opcode"]),
    ("outbox", &["encode", "mask"]),
    ("challenge", &["entropy", "error"]),
    ("head", &["config", "error", "steps"]),
    ("handshake/field", &["config", "error", "head"]),
    ("handshake", &["config", "error", "handshake/field", "head"]),
    (
        "handshake/request",
        &[
            "challenge",
            "config",
            "error",
            "handshake",
            "handshake/field",
            "head",
        ],
    ),
    (
        "handshake/response",
        &[
            "challenge",
            "config",
            "error",
            "handshake",
            "handshake/field",
            "handshake/request",
            "head",
        ],
    ),
    (
        "handshake/target",
        &[
            "challenge",
            "config",
            "entropy",
            "error",
            "handshake",
            "handshake/field",
            "handshake/response",
            "head",
        ],
    ),
    (
        "handshake/reply",
        &[
            "challenge",
            "config",
            "error",
            "handshake",
            "handshake/field",
            "handshake/request",
            "handshake/target",
            "head",
        ],
    ),
    (
        "event",
        &[
            "config",
            "error",
            "handshake/reply",
            "handshake/request",
            "opcode",
            "utf8",
        ],
    ),
    ("message", &["event"]),
    (
        "scan",
        &[
            "config", "error", "event", "mask", "opcode", "steps", "utf8",
        ],
    ),
    (
        "tunnel",
        &[
            "config",
            "error",
            "event",
            "handshake/target",
            "head",
            "outbox",
        ],
    ),
    (
        "connection",
        &[
            "challenge",
            "config",
            "encode",
            "entropy",
            "error",
            "event",
            "handshake",
            "handshake/reply",
            "handshake/request",
            "handshake/response",
            "handshake/target",
            "head",
            "opcode",
            "outbox",
            "preface",
            "scan",
        ],
    ),
    ("lib", &[]),
];

/// These know of nothing, or of what everybody knows of.
const LEAVES: &[&str] = &["utf8", "config", "mask", "opcode", "preface", "entropy"];

/// What the list itself must never say: the first knows nothing of the second, whatever file of it.
const NEVER: &[(&str, &str)] = &[
    ("head", "handshake"),
    ("head", "event"),
    ("scan", "head"),
    ("scan", "handshake"),
    ("handshake", "scan"),
    ("handshake", "encode"),
    ("handshake", "event"),
    ("message", "scan"),
    ("message", "handshake"),
];

#[test]
fn every_edge_is_in_the_list() -> io::Result<()> {
    let sources = Sources::read()?;
    let mut found = BTreeMap::new();
    for file in sources.files.keys() {
        let own = room(&name(file));
        let edges = sources.edges(file).into_iter().map(|edge| room(&edge));
        let edges: Vec<String> = edges.filter(|edge| *edge != own).collect();
        let known: &mut BTreeSet<String> = found.entry(own).or_default();
        known.extend(edges);
    }
    let listed = LAYERS.iter().map(|(file, knows)| {
        let knows = knows.iter().map(|file| (*file).to_owned());
        ((*file).to_owned(), knows.collect())
    });
    let listed: BTreeMap<String, BTreeSet<String>> = listed.collect();
    for (file, knows) in &found {
        let allowed = listed.get(file);
        let allowed = allowed.unwrap_or_else(|| panic!("{file} is not in the list"));
        let more: Vec<&String> = knows.difference(allowed).collect();
        assert!(
            more.is_empty(),
            "{file} knows of {more:?}, which is not in the list"
        );
    }
    assert_eq!(found, listed, "the list is no longer than what is there");
    Ok(())
}

#[test]
fn the_list_goes_one_way() {
    for (at, (file, knows)) in LAYERS.iter().enumerate() {
        let above = &LAYERS[..at];
        for other in *knows {
            let lower = above.iter().any(|(lower, _)| lower == other);
            assert!(
                lower,
                "{file} knows of {other}, which does not stand above it"
            );
        }
        let within = |file: &str, part: &str| file.split('/').next() == Some(part);
        for (one, other) in NEVER {
            let meets = within(file, one) && knows.iter().any(|file| within(file, other));
            assert!(!meets, "{file} knows of {other}");
        }
        if LEAVES.contains(file) {
            let leaf = knows
                .iter()
                .all(|file| ["config", "error", "steps"].contains(file));
            assert!(leaf, "{file} knows of {knows:?}");
        }
        // The bytes on their way out are queued by those that have a `transmit`.
        let queues = ["connection", "tunnel"].contains(file);
        assert!(
            queues || !knows.contains(&"outbox"),
            "{file} knows of outbox"
        );
    }
}

/// The path of a module from the root of the crate.
type Module = Vec<String>;

fn name(module: &[String]) -> String {
    match module {
        [] => "lib".to_owned(),
        path => path.join("/"),
    }
}

/// A folder whose files share one state is one room: `connection` has its private parts in common,
/// `scan` a scanner for each kind of frame behind one door, `head` what its lines may hold.
fn room(name: &str) -> String {
    let shared = ["connection", "head", "scan"];
    let folder = name
        .split('/')
        .next()
        .filter(|folder| shared.contains(folder));
    folder.unwrap_or(name).to_owned()
}

struct Sources {
    /// Each file's code, without comments, strings and tests.
    files: BTreeMap<Module, String>,
    /// What a file passes on under a name that is not its own.
    passed: BTreeMap<(Module, String), Vec<String>>,
}

impl Sources {
    fn read() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        let mut dirs = vec![Module::new()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(root.join(dir.join("/")))? {
                let entry = entry?;
                let file = entry.file_name().into_string().unwrap();
                let mut module = dir.clone();
                if entry.file_type()?.is_dir() {
                    module.push(file);
                    dirs.push(module);
                } else if let Some(stem) = file.strip_suffix(".rs") {
                    if !["lib", "mod"].contains(&stem) {
                        module.push(stem.to_owned());
                    }
                    files.push((module, fs::read_to_string(entry.path())?));
                }
            }
        }
        Ok(Self::new(files))
    }

    fn new(files: Vec<(Module, String)>) -> Self {
        let files = files
            .into_iter()
            .map(|(module, text)| (module, code(&text)));
        let mut sources = Self {
            files: files.collect(),
            passed: BTreeMap::new(),
        };
        for (module, text) in &sources.files {
            for import in imports(text).into_iter().filter(|import| import.public) {
                let from = sources.absolute(module, &import.path);
                sources
                    .passed
                    .extend(from.map(|path| ((module.clone(), import.name), path)));
            }
        }
        sources
    }

    /// `path` as `module` writes it, from the root of the crate; none for what is no part of it.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = path.split_first()?;
        let mut from = module.to_vec();
        match &first[..] {
            "crate" => from.clear(),
            "self" => {}
            "super" => {
                from.pop()?;
                while rest.first().is_some_and(|next| next == "super") {
                    from.pop()?;
                    rest = &rest[1..];
                }
            }
            _ => {
                from.push(first.clone());
                self.files.get(&from)?;
            }
        }
        from.extend_from_slice(rest);
        Some(from)
    }

    /// The file that defines what `path` names.
    fn defined(&self, path: &[String]) -> Module {
        let mut module = Module::new();
        for (at, segment) in path.iter().enumerate() {
            let mut inner = module.clone();
            inner.push(segment.clone());
            if self.files.contains_key(&inner) {
                module = inner;
            } else if let Some(from) = self.passed.get(&(module.clone(), segment.clone())) {
                return self.defined(&[from, &path[at + 1..]].concat());
            } else {
                break;
            }
        }
        module
    }

    /// The files that `module` knows of.
    fn edges(&self, module: &[String]) -> BTreeSet<String> {
        let text = &self.files[module];
        let imports = imports(text);
        let mut paths = rooted(text);
        for import in &imports {
            if import.public {
                continue;
            }
            paths.push(import.path.clone());
            // `use crate::challenge;` and then `challenge::answer(..)`
            for rest in followed(text, &import.name) {
                paths.push([&import.path[..], &rest].concat());
            }
        }
        let absolute = paths.iter().filter_map(|path| self.absolute(module, path));
        let files = absolute.map(|path| self.defined(&path));
        files
            .filter(|file| file != module)
            .map(|file| name(&file))
            .collect()
    }
}

/// One name that a `use` brings in.
#[derive(Debug, PartialEq)]
struct Import {
    path: Vec<String>,
    name: String,
    public: bool,
}

/// The places of `code` between `use` and `;`.
fn uses(code: &str) -> Vec<Range<usize>> {
    let starts = code.match_indices("use ").map(|(at, _)| at);
    let starts = starts.filter(|at| !code[..*at].ends_with(in_word));
    let ranges = starts.map(|at| {
        let end = code[at..].find(';').map_or(code.len(), |end| at + end);
        at + "use ".len()..end
    });
    ranges.collect()
}

/// All that the `use` declarations of `code` bring in.
fn imports(code: &str) -> Vec<Import> {
    let mut imports = Vec::new();
    for place in uses(code) {
        let before = code[..place.start]
            .trim_end()
            .strip_suffix("use")
            .unwrap()
            .trim_end();
        let public = before.ends_with("pub") || before.ends_with(')');
        tree(&code[place], &[], public, &mut imports);
    }
    imports
}

/// A tree such as `a::{self, b as c, d::{e, f}}`.
fn tree(tree: &str, path: &[String], public: bool, imports: &mut Vec<Import>) {
    let tree = tree.trim();
    if let Some((front, group)) = tree.split_once('{') {
        let front = front
            .split("::")
            .map(str::trim)
            .filter(|segment| !segment.is_empty());
        let path = [path, &front.map(str::to_owned).collect::<Vec<_>>()].concat();
        let group = group.trim_end().strip_suffix('}').unwrap();
        let (mut depth, mut from) = (0, 0);
        for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    self::tree(&group[from..at], &path, public, imports);
                    from = at + 1;
                }
                _ => {}
            }
        }
    } else if !tree.is_empty() {
        let (tree, alias) = match tree.split_once(" as ") {
            Some((tree, alias)) => (tree, Some(alias.trim().to_owned())),
            None => (tree, None),
        };
        let segments = tree.split("::").map(|segment| segment.trim().to_owned());
        let mut path = [path, &segments.collect::<Vec<_>>()].concat();
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = alias.or(path.last().cloned()).unwrap();
        imports.push(Import { path, name, public });
    }
}

/// Paths that begin at the root of the crate or go up, elsewhere than in a `use`.
fn rooted(code: &str) -> Vec<Vec<String>> {
    let mut rest = code.to_owned();
    for place in uses(code).into_iter().rev() {
        rest.replace_range(place, "");
    }
    let mut paths = Vec::new();
    for root in ["crate", "super"] {
        for path in followed(&rest, root) {
            paths.push([vec![root.to_owned()], path].concat());
        }
    }
    paths
}

/// What stands behind `name` in paths that begin with it.
fn followed(code: &str, name: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices(name) {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        if before.ends_with(in_word) || before.ends_with("::") || !after.starts_with("::") {
            continue;
        }
        let end = after
            .find(|c| c != ':' && !in_word(c))
            .unwrap_or(after.len());
        let path = after[..end]
            .split("::")
            .filter(|segment| !segment.is_empty());
        paths.push(path.map(str::to_owned).collect());
    }
    paths
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `text` without comments, without what strings hold, and up to its unit tests.
fn code(text: &str) -> String {
    let text = text.split("\nmod tests {").next().unwrap_or_default();
    let mut code = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"', '\'']) {
        code.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(string) = rest.strip_prefix('"') {
            2 + closing(string)
        } else if rest.starts_with("'\\") {
            // A character: the quote that ends it is the second behind the backslash's.
            3 + rest[3..].find('\'').unwrap_or(0) + 1
        } else if rest.starts_with("'\"'") {
            3
        } else {
            code.push_str(&rest[..1]);
            1
        };
        rest = &rest[length.min(rest.len())..];
    }
    code + rest
}

/// Where a string ends, whose first quote is left off.
fn closing(string: &str) -> usize {
    let mut escaped = false;
    let end = string.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.unwrap_or(string.len())
}

mod checks {
    use super::*;

    fn module(path: &str) -> Module {
        path.split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn sources(files: &[(&str, &str)]) -> Sources {
        let files = files
            .iter()
            .map(|(path, text)| (module(path), (*text).to_owned()));
        Sources::new(files.collect())
    }

    #[test]
    fn edges_of_every_spelling_are_found() {
        let sources = sources(&[
            (
                "",
                "mod a; mod b; mod c; mod d;\npub use a::Low;\npub(crate) use c::{Inner, made};\n",
            ),
            ("a", "pub struct Low; pub(crate) fn low() {}"),
            ("b", ""),
            (
                "c",
                "mod inner; mod other; pub(crate) use inner::Inner;\n pub use other::made as built;",
            ),
            ("c/inner", "use super::*; use super::super::b;"),
            (
                "c/other",
                "use super::{Inner, super::a};\n pub(crate) fn made() {}",
            ),
            (
                "d/grouped",
                "use core::mem;\nuse crate::{\n    a::{self, Low},\n    b,\n    c::{Inner as I, built},\n};",
            ),
            (
                "d/inline",
                "fn f() -> crate::Low { super::super::b::g(); Self::x() }",
            ),
            (
                "d/called",
                "use crate::{b, c};\nfn f() { c::built(); b::x(); xb::y() }",
            ),
            ("d/root", "use crate::{Low, made};"),
            (
                "d/none",
                "use std::fmt; // use crate::a;\n/* crate::b::x */\nconst S: &str = \"crate::c\\\" crate::b::x\";\nconst Q: char = '\"'; const A: char = '\\''; fn f<'a>() {}\n",
            ),
            (
                "d/tests",
                "use crate::b;\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n",
            ),
            ("d", "mod grouped;\npub(crate) use grouped::Some;"),
        ]);
        for (file, expected) in [
            ("", &[][..]),
            ("a", &[]),
            ("c", &[]),
            ("c/inner", &["b", "c"]),
            ("c/other", &["a", "c/inner"]),
            ("d/grouped", &["a", "b", "c/inner", "c/other"]),
            ("d/inline", &["a", "b"]),
            ("d/called", &["b", "c", "c/other"]),
            ("d/root", &["a", "c"]),
            ("d/none", &[]),
            ("d/tests", &["b"]),
            ("d", &[]),
        ] {
            let found = sources.edges(&module(file));
            assert_eq!(Vec::from_iter(found), expected, "{file}");
        }
    }

    #[test]
    fn a_use_is_read_as_a_tree() {
        let found = imports("pub use a::{b::{self, c}, d as e};\nuse f ;");
        let import = |path: &str, name: &str, public: bool| Import {
            path: module(path),
            name: name.to_owned(),
            public,
        };
        assert_eq!(
            found,
            [
                import("a/b", "b", true),
                import("a/b/c", "c", true),
                import("a/d", "e", true),
                import("f", "f", false),
            ]
        );
    }
}
