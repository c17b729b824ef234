//! The schema section of a component: what is refused, and that the rest comes back whole.

#![allow(missing_docs, clippy::unwrap_used)]

use interstice_wit::section::{SECTION_NAME, embed, extract};
use interstice_wit::{Schema, SectionError, Sources, read};
use serde_json::{Value, json};
use wasm_encoder::{Component, CustomSection, Module, NestedComponentSection};

fn schema() -> Schema {
    let mut sources = Sources::new();
    sources.add_root("bank.wit", include_str!("bank.wit"));
    read(&sources, None).map_err(|found| found.render()).unwrap()
}

fn empty() -> Vec<u8> {
    Component::new().finish()
}

fn with_sections(contents: &[&[u8]]) -> Vec<u8> {
    let mut component = Component::new();
    for content in contents {
        component.section(&CustomSection { name: SECTION_NAME.into(), data: (*content).into() });
    }
    component.finish()
}

/// The content of an honest section, changed.
fn forged(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let component = embed(&empty(), &schema()).unwrap();
    let start = component.iter().position(|byte| *byte == b'{').unwrap();
    let mut content: Value = serde_json::from_slice(&component[start..]).unwrap();
    change(&mut content);
    with_sections(&[&serde_json::to_vec(&content).unwrap()])
}

#[test]
fn what_is_embedded_is_extracted() {
    let component = embed(&empty(), &schema()).unwrap();
    assert_eq!(extract(&component).unwrap(), schema());
    assert_eq!(embed(&empty(), &schema()).unwrap(), component, "the same input gives the same bytes");
    assert_eq!(embed(&component, &schema()).unwrap(), component, "an old section is replaced");
}

#[test]
fn other_sections_stay_as_they_were() {
    let mut nested = Component::new();
    nested.section(&CustomSection { name: SECTION_NAME.into(), data: b"not ours".as_slice().into() });
    let mut component = Component::new();
    component.section(&CustomSection { name: "a".into(), data: b"1".as_slice().into() });
    component.section(&NestedComponentSection(&nested));
    component.section(&CustomSection { name: "b".into(), data: b"2".as_slice().into() });
    let plain = component.finish();
    let once = embed(&plain, &schema()).unwrap();
    assert!(once.starts_with(&plain));
    assert_eq!(embed(&once, &schema()).unwrap(), once);
    assert_eq!(extract(&once).unwrap(), schema());
}

#[test]
fn a_file_that_is_not_wasm_is_refused() {
    for bytes in [b"".as_slice(), b"interface", b"\x7fELF", b"\0asn\x0d\0\x01\0"] {
        assert!(matches!(extract(bytes), Err(SectionError::NotWasm)), "{bytes:?}");
    }
}

#[test]
fn a_core_module_is_refused() {
    assert!(matches!(extract(&Module::new().finish()), Err(SectionError::CoreModule)));
    assert!(matches!(embed(&Module::new().finish(), &schema()), Err(SectionError::CoreModule)));
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let component = embed(&empty(), &schema()).unwrap();
    let header = empty().len();
    for end in 1..component.len() {
        let result = extract(&component[..end]);
        if end == header {
            assert!(matches!(result, Err(SectionError::Missing)));
        } else {
            assert!(matches!(result, Err(SectionError::Truncated { .. })), "{end}: {result:?}");
        }
    }
}

#[test]
fn a_component_without_a_section_is_refused() {
    assert!(matches!(extract(&empty()), Err(SectionError::Missing)));
}

#[test]
fn two_sections_are_refused() {
    let component = with_sections(&[b"{}", b"{}"]);
    assert!(matches!(extract(&component), Err(SectionError::Several { count: 2 })));
}

#[test]
fn a_newer_format_is_refused_whatever_it_holds() {
    let component = with_sections(&[r#"{"format": 7, "zip": "…"}"#.as_bytes()]);
    assert!(matches!(extract(&component), Err(SectionError::NewerFormat { found: 7 })));
}

#[test]
fn an_unreadable_section_is_refused() {
    for content in ["", "[]", "{\"format\": 1}", "{\"format\": -1}", "\u{0}"] {
        let component = with_sections(&[content.as_bytes()]);
        assert!(matches!(extract(&component), Err(SectionError::Unreadable(_))), "{content:?}");
    }
}

#[test]
fn a_schema_that_was_changed_is_refused() {
    let renamed = forged(|content| {
        let function = &mut content["schema"]["exports"][1]["functions"][0];
        assert_eq!(function["name"], json!("transfer"));
        function["name"] = json!("steal");
    });
    assert!(matches!(extract(&renamed), Err(SectionError::HashMismatch { which: "interface", .. })));
    let uncounted = forged(|content| {
        let column = &mut content["schema"]["exports"][2]["tables"][0]["columns"][0];
        assert_eq!(column["auto_increment"], json!(true));
        column["auto_increment"] = json!(false);
    });
    assert!(matches!(extract(&uncounted), Err(SectionError::HashMismatch { which: "storage", .. })));
}

type Change = Box<dyn Fn(&mut Value)>;

fn table(content: &mut Value, change: &dyn Fn(&mut Value)) {
    change(&mut content["schema"]["exports"][2]["tables"][0]);
}

/// Each change makes a schema that the reader would never return.
#[test]
fn a_schema_that_contradicts_itself_is_refused() {
    let tables = |content: &mut Value| content["schema"]["exports"][2].take();
    let changes: Vec<(&str, Change)> = vec![
        ("a key of a column that is not there", Box::new(|c| table(c, &|t| t["primary_key"] = json!([9])))),
        ("no key", Box::new(|c| table(c, &|t| t["primary_key"] = json!([])))),
        ("a column twice in a key", Box::new(|c| table(c, &|t| t["primary_key"] = json!([0, 0])))),
        ("an index with another name", Box::new(|c| table(c, &|t| t["indexes"][0]["name"] = json!("x")))),
        (
            "a default of another type",
            Box::new(|c| table(c, &|t| t["columns"][2]["default"] = json!("\"x\""))),
        ),
        (
            "a default of a unique column",
            Box::new(|c| table(c, &|t| t["columns"][1]["default"] = json!("\"x\""))),
        ),
        (
            "a counter of strings",
            Box::new(|c| table(c, &|t| t["columns"][1]["auto_increment"] = json!(true))),
        ),
        ("a column that is no field", Box::new(|c| table(c, &|t| t["columns"][1]["name"] = json!("other")))),
        (
            "a name that is none",
            Box::new(|c| c["schema"]["exports"][1]["functions"][0]["name"] = json!("a b")),
        ),
        (
            "a schedule without a pause",
            Box::new(|c| {
                c["schema"]["exports"][0]["functions"][2]["kind"] = json!({"schedule": {"every_ms": 0}});
            }),
        ),
        (
            "an interface twice",
            Box::new(|c| {
                let copy = c["schema"]["exports"][0].clone();
                c["schema"]["exports"][1] = copy;
            }),
        ),
        (
            "an import without a description",
            Box::new(|c| {
                let mut name = c["schema"]["exports"][0]["name"].clone();
                name["name"] = json!("elsewhere");
                c["schema"]["imports"] = json!([name]);
            }),
        ),
        (
            "a type that is not there",
            Box::new(|c| {
                let mut name = c["schema"]["exports"][1]["name"].clone();
                name["name"] = json!("elsewhere");
                c["schema"]["exports"][1]["functions"][0]["result"] =
                    json!({"named": {"interface": name, "name": "t"}});
            }),
        ),
        (
            "a type that contains itself",
            Box::new(|c| {
                let name = c["schema"]["exports"][1]["name"].clone();
                let itself = json!({"named": {"interface": name, "name": "transfer-error"}});
                c["schema"]["exports"][1]["types"][0]["kind"] = json!({"alias": {"list": itself}});
            }),
        ),
        (
            "a handler without its row",
            Box::new(|c| {
                c["schema"]["exports"][0]["functions"][1]["params"] = json!([]);
            }),
        ),
        (
            "a handler of a table that is not there",
            Box::new(|c| {
                c["schema"]["exports"][0]["functions"][1]["kind"]["on"]["row"]["table"]["name"] =
                    json!("other");
            }),
        ),
        ("a tables interface that is null", Box::new(move |c| drop(tables(c)))),
    ];
    for (what, change) in changes {
        let result = extract(&forged(|content| change(content)));
        let is_refused = matches!(result, Err(SectionError::Invalid(_) | SectionError::Unreadable(_)));
        assert!(is_refused, "{what}: {result:?}");
    }
}

#[test]
fn a_forged_type_that_would_fill_the_memory_is_refused() {
    let bomb = forged(|content| {
        let interface = content["schema"]["exports"][1]["name"].clone();
        let named = |n: usize| json!({"named": {"interface": interface, "name": format!("r{n}")}});
        let field = |name: &str, ty: &Value| json!({"name": name, "docs": null, "type": ty});
        let types = (0..60).map(|n| {
            let ty = if n == 0 { json!("u64") } else { named(n - 1) };
            json!({"name": format!("r{n}"), "docs": null, "kind": {"record": [field("a", &ty), field("b", &ty)]}})
        });
        content["schema"]["exports"][1]["types"] = types.collect();
        content["schema"]["exports"][1]["functions"][0]["result"] = named(59);
    });
    assert!(matches!(extract(&bomb), Err(SectionError::Invalid(_))));
    let nested = forged(|content| {
        let deep = (0..100).fold(json!("u8"), |inner, _| json!({"list": inner}));
        content["schema"]["exports"][1]["functions"][0]["result"] = deep;
    });
    assert!(matches!(extract(&nested), Err(SectionError::Invalid(_) | SectionError::Unreadable(_))));
}
