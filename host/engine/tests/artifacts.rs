//! Files that are no component, and compiled components that are kept.

#![allow(clippy::unwrap_used)]

mod support;

use interstice_engine::{CompileCache, EngineError};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use support::engine;

/// A cache that counts.
#[derive(Default)]
struct Kept {
    entries: RefCell<HashMap<String, Vec<u8>>>,
    hits: Cell<usize>,
    puts: Cell<usize>,
}

impl CompileCache for Kept {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let found = self.entries.borrow().get(key).cloned();
        self.hits.set(self.hits.get() + usize::from(found.is_some()));
        found
    }

    fn put(&self, key: &str, entry: &[u8]) {
        self.puts.set(self.puts.get() + 1);
        self.entries.borrow_mut().insert(key.to_owned(), entry.to_vec());
    }
}

fn component() -> Vec<u8> {
    wat::parse_str("(component (core module (func)))").unwrap()
}

#[test]
fn what_is_no_component_is_told_apart() {
    let engine = engine();
    let compile = |bytes: &[u8]| engine.compile(bytes, None).err().unwrap();
    assert!(matches!(compile(b""), EngineError::NotWasm));
    assert!(matches!(compile(b"PK\x03\x04 a zip file"), EngineError::NotWasm));
    assert!(matches!(compile(b"(component)"), EngineError::NotWasm));
    assert!(matches!(compile(&wat::parse_str("(module)").unwrap()), EngineError::CoreModule));
    assert!(engine.compile(&component(), None).is_ok());
}

#[test]
fn a_component_cut_off_anywhere_is_refused_and_never_a_panic() {
    let engine = engine();
    let whole = component();
    for length in 0..whole.len() {
        // A cut between two sections leaves a valid, smaller component.
        if let Err(error) = engine.compile(&whole[..length], None) {
            assert!(matches!(error, EngineError::NotWasm | EngineError::Invalid(_)), "{length}: {error}");
        }
    }
    assert!(matches!(engine.compile(&whole[..whole.len() - 1], None), Err(EngineError::Invalid(_))));
}

#[test]
fn a_component_is_compiled_once_and_then_found() {
    let kept = Kept::default();
    engine().compile(&component(), Some(&kept)).unwrap();
    assert_eq!((kept.hits.get(), kept.puts.get()), (0, 1));
    // Another engine with the same settings, as after a restart.
    engine().compile(&component(), Some(&kept)).unwrap();
    assert_eq!((kept.hits.get(), kept.puts.get()), (1, 1));
}

#[test]
fn a_damaged_entry_is_compiled_anew_and_replaced() {
    let kept = Kept::default();
    engine().compile(&component(), Some(&kept)).unwrap();
    let key = kept.entries.borrow().keys().next().unwrap().clone();
    let whole = kept.entries.borrow()[&key].clone();
    let spoil = |place: usize| {
        let mut entry = whole.clone();
        entry[place] ^= 1;
        entry
    };
    let truncated = whole[..20].to_vec();
    for (round, entry) in
        [spoil(0), spoil(whole.len() / 2), spoil(whole.len() - 1), truncated, vec![]].into_iter().enumerate()
    {
        kept.entries.borrow_mut().insert(key.clone(), entry);
        engine().compile(&component(), Some(&kept)).unwrap();
        assert_eq!(kept.puts.get(), 2 + round);
        assert_eq!(kept.entries.borrow()[&key].len(), whole.len());
    }
}

#[test]
fn an_entry_under_the_name_of_another_component_is_not_taken() {
    let kept = Kept::default();
    engine().compile(&component(), Some(&kept)).unwrap();
    let entry = kept.entries.borrow().values().next().unwrap().clone();
    let other = wat::parse_str("(component (core module (func) (func)))").unwrap();
    engine().compile(&other, Some(&kept)).unwrap();
    let key = kept.entries.borrow().iter().find(|(_, kept)| **kept != entry).unwrap().0.clone();
    kept.entries.borrow_mut().insert(key, entry);
    engine().compile(&other, Some(&kept)).unwrap();
    assert_eq!(kept.puts.get(), 3);
}
