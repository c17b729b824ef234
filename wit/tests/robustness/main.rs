//! Whatever the sources are, the reader answers with a schema or with placed findings, and never panics.

#![allow(missing_docs, clippy::unwrap_used)]

mod wild;

use interstice_wit::hash::{interface_hash, storage_hash};
use interstice_wit::section::{SECTION_NAME, embed, extract};
use interstice_wit::{Sources, plain, read};
use proptest::prelude::*;

const BANK: &str = include_str!("../bank.wit");

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
    // What is no module is read too, whatever it says.
    if let Ok(package) = plain::read(sources) {
        assert_eq!(plain::compare(&package, &package).changes, []);
    }
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

/// The text with pieces put in the place of some bytes: where, how many, and which piece.
fn edited(text: &str, edits: &[(usize, usize, usize)]) -> String {
    let mut text = text.to_owned();
    for (at, length, piece) in edits {
        let start = text.floor_char_boundary(*at);
        let end = text.floor_char_boundary(start + length);
        text.replace_range(start..end, PIECES[*piece]);
    }
    text
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mutated_sources_are_read_or_refused(
        edits in prop::collection::vec((0..BANK.len(), 0usize..20, 0..PIECES.len()), 1..6),
    ) {
        let text = edited(BANK, &edits);
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
