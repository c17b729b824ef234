//! Whatever the sources are, the reader answers with a schema or with placed findings, and never panics.

#![allow(missing_docs, clippy::unwrap_used)]

use interstice_wit::hash::{interface_hash, storage_hash};
use interstice_wit::section::{SECTION_NAME, embed, extract};
use interstice_wit::{Sources, read};
use proptest::prelude::*;

const BANK: &str = include_str!("bank.wit");

/// Pieces that a mutation puts in; most of them mean something somewhere.
const PIECES: &[&str] = &[
    "/**/",
    "world w { export i: interface { f: func(); } ",
    "f: func();",
    "include bank;",
    "use tables.{account};",
    "import a: ",
    "export x: interface {",
    "resource r;",
    "constructor();",
    "static ",
    "with { a as b }",
    "as ",
    "type t = u64;",
    "/// @table(primary-key = id)\n",
    "/// @index(",
    "/// @unique\n",
    "/// @default(",
    "/// @on(insert account",
    "/// @schedule(every = 1h)\n",
    "/// @query\n",
    "/// @",
    "///",
    "/**",
    "*/",
    "/*",
    "//",
    "{",
    "}",
    "(",
    ")",
    "<",
    ">",
    ",",
    ";",
    ":",
    ".",
    "@",
    "%",
    "\"",
    "'",
    "\\",
    "-",
    "->",
    "=",
    "\n",
    "\r\n",
    "\u{feff}",
    "é",
    "日本",
    "\u{0}",
    "interface ",
    "world ",
    "record ",
    "variant ",
    "enum ",
    "flags ",
    "resource ",
    "type ",
    "use ",
    "export ",
    "import ",
    "include ",
    "package a:b@1.0.0",
    "func()",
    "async ",
    "list<",
    "option<",
    "result<",
    "tuple<",
    "map<",
    "stream<",
    "future",
    "error-context",
    "borrow<",
    "u64",
    "string",
    "f32",
    "account",
    "tables",
    "ledger",
    "bank",
    "@unstable(feature = x)\n",
    "@since(version = 1.0.0)\n",
    "_",
    "0",
    "1.2.0",
    "acme:bank/tables@1.2.0",
];

const JSON_PIECES: &[&str] = &[
    "",
    "0",
    "9",
    "-1",
    "4294967295",
    "null",
    "true",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"u64\"",
    "\"f64\"",
    "[]",
    "{}",
    "\"private\"",
    "\"public\"",
    "account",
    "owner",
    "tables",
    "ledger",
    "-",
    " ",
    "é",
    "\u{0}",
];

/// 2,000 cases; a longer campaign is `PROPTEST_CASES=1000000 cargo test -p interstice-wit --release --test
/// robustness`.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: cases.unwrap_or(2_000), ..ProptestConfig::default() }
}

fn survives(sources: &Sources) {
    match read(sources, None) {
        Ok(schema) => {
            schema.validate().unwrap();
            let component = embed(b"\0asm\x0d\0\x01\0", &schema).unwrap();
            let back = extract(&component).unwrap();
            assert_eq!(interface_hash(&back), interface_hash(&schema));
            assert_eq!(storage_hash(&back), storage_hash(&schema));
        }
        Err(findings) => {
            assert!(!findings.findings().is_empty());
            for finding in findings.findings() {
                assert!(finding.line() > 0 && finding.column() > 0 && !finding.message().is_empty());
                let span = finding.span();
                let (_, text) = sources.files().find(|(path, _)| *path == finding.path()).unwrap();
                assert!(text.get(span).is_some());
            }
            let places: Vec<_> =
                findings.findings().iter().map(|f| (f.path(), f.line(), f.column())).collect();
            assert!(places.is_sorted(), "{places:?}");
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mutated_sources_are_read_or_refused(
        edits in prop::collection::vec((0..BANK.len(), 0usize..20, 0..PIECES.len()), 1..6),
    ) {
        let mut text = BANK.to_owned();
        for (at, length, piece) in edits {
            let boundary = |at: usize, text: &str| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let start = boundary(at, &text);
            let end = boundary(start + length, &text).max(start);
            text.replace_range(start..end, PIECES[piece]);
        }
        let mut sources = Sources::new();
        sources.add_root("bank.wit", text.clone());
        survives(&sources);
        let mut sources = Sources::new();
        sources.add_root("shop.wit", "package acme:shop@1.0.0;\nworld shop { import acme:bank/tables@1.2.0; import acme:bank/ledger@1.2.0; }");
        sources.add_dependency_file("bank", "deps/bank.wit", text);
        survives(&sources);
    }

    #[test]
    fn mutated_sections_are_extracted_or_refused(
        edits in prop::collection::vec((0usize..6_000, 0usize..8, 0..JSON_PIECES.len()), 1..4),
    ) {
        let mut sources = Sources::new();
        sources.add_root("bank.wit", BANK);
        let schema = read(&sources, None).unwrap();
        let component = embed(b"\0asm\x0d\0\x01\0", &schema).unwrap();
        let start = component.iter().position(|byte| *byte == b'{').unwrap();
        let mut json = component[start..].to_vec();
        for (at, length, piece) in edits {
            let start = at % json.len();
            let end = (start + length).min(json.len());
            json.splice(start..end, JSON_PIECES[piece].bytes());
        }
        let section = wasm_encoder::CustomSection { name: SECTION_NAME.into(), data: json.into() };
        let mut forged = wasm_encoder::Component::new();
        forged.section(&section);
        if let Ok(extracted) = extract(&forged.finish()) {
            extracted.validate().unwrap();
        }
    }

    #[test]
    fn heaps_of_pieces_are_read_or_refused(pieces in prop::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        let mut sources = Sources::new();
        sources.add_root("heap.wit", format!("package a:b@1.0.0;\nworld w {{ export i; }}\ninterface i {{\n{text}\n}}"));
        survives(&sources);
    }
}

/// wit-parser 0.254 takes `/**/` for a doc comment, strips `/**` from its beginning and panics when no
/// `*/` is left to strip from its end.
#[test]
fn an_empty_block_comment_is_a_comment() {
    let text = "package a:b@1.0.0;\ninterface i {\n/**/ type t = u64;\n// /**/\n/***/ type u = t;\n/** */ type v = u;\n}\nworld w { export i; }";
    let mut sources = Sources::new();
    sources.add_root("a.wit", text);
    assert_eq!(read(&sources, None).unwrap().exports[0].types.len(), 3);
    assert!(sources.resolve(&[]).is_ok());
}

/// Reads every package of a folder of WIT, where one is named: `INTERSTICE_WIT_CORPUS=folder`. Each
/// subfolder and each file is taken as a package, with a folder `deps` beside its files.
#[test]
fn packages_from_the_wild_are_read_or_refused() {
    let Some(corpus) = std::env::var_os("INTERSTICE_WIT_CORPUS") else { return };
    let mut folders = vec![std::path::PathBuf::from(corpus)];
    let (mut read_count, mut refused_count) = (0, 0);
    while let Some(folder) = folders.pop() {
        let mut whole = Sources::new();
        let mut entries: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "wit") {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let mut alone = Sources::new();
            alone.add_root(path.display().to_string(), text.clone());
            whole.add_root(path.display().to_string(), text);
            add_dependencies(&mut alone, &folder.join("deps"));
            survives(&alone);
        }
        if whole.files().next().is_some() {
            add_dependencies(&mut whole, &folder.join("deps"));
            survives(&whole);
            let worlds = interstice_wit::worlds(&whole).unwrap_or_default();
            for world in worlds {
                match read(&whole, Some(&world)) {
                    Ok(_) => read_count += 1,
                    Err(findings) => {
                        refused_count += 1;
                        if std::env::var_os("INTERSTICE_WIT_VERBOSE").is_some() {
                            println!("{} {world}\n{}", folder.display(), findings.render());
                        }
                    }
                }
            }
        }
    }
    println!("{read_count} worlds read, {refused_count} refused");
}

fn add_dependencies(sources: &mut Sources, folder: &std::path::Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let files = match std::fs::read_dir(&path) {
            Ok(files) => files.map(|file| file.unwrap().path()).collect(),
            Err(_) => vec![path],
        };
        for file in files {
            if file.extension().is_some_and(|extension| extension == "wit")
                && let Ok(text) = std::fs::read_to_string(&file)
            {
                sources.add_dependency_file(name.as_str(), file.display().to_string(), text);
            }
        }
    }
}
