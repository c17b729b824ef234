//! Compiled components, kept between runs by whoever implements [`CompileCache`].
//! Loading one back is `unsafe`, and this is the only file that does it: wasmtime runs what it is
//! given as native code without looking at it. So an entry is found by the digest of the component
//! and of wasmtime's own settings, carries a digest of itself against damage, and must lie where
//! only those who may replace the host's own binary can write. Nothing that a module author or a
//! client sends is ever loaded this way.
//! Invariant: a damaged or foreign entry is a miss, never an error.
#![allow(unsafe_code)]

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A place where compiled components are kept. It must be as well protected as the host's binary.
///
/// It may forget everything at any time, and it reports no errors: a cache that does not work
/// costs time only.
pub trait CompileCache {
    /// What was kept under the key: a short string of hexadecimal digits and `-`, fit for a file name.
    fn get(&self, key: &str) -> Option<Vec<u8>>;
    /// Keeps an entry.
    fn put(&self, key: &str, entry: &[u8]);
}

const DIGEST_BYTES: usize = 32;

/// The key of a component: its digest, and that of everything that decides how it is compiled.
pub(crate) fn key(engine: &Engine, artifact: &[u8]) -> String {
    struct Collect(Sha256);
    impl Hasher for Collect {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut settings = Collect(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut settings);
    format!("{}-{}", hex(&Sha256::digest(artifact)), hex(&settings.0.finalize()[..8]))
}

/// Loads a component from the cache, if an undamaged entry is there.
pub(crate) fn load(engine: &Engine, cache: &dyn CompileCache, key: &str) -> Option<Component> {
    let entry = cache.get(key)?;
    let (digest, code) = entry.split_first_chunk::<DIGEST_BYTES>()?;
    if seal(key, code) != *digest {
        return None;
    }
    // SAFETY: the entry is the output of `Component::serialize` of an engine with these settings,
    // kept where only trusted writers reach, and its digest shows that it was not damaged since.
    // wasmtime itself refuses code of another version or for another machine.
    unsafe { Component::deserialize(engine, code) }.ok()
}

/// Keeps a component.
pub(crate) fn store(cache: &dyn CompileCache, key: &str, component: &Component) {
    if let Ok(code) = component.serialize() {
        let mut entry = seal(key, &code).to_vec();
        entry.extend_from_slice(&code);
        cache.put(key, &entry);
    }
}

/// The digest of an entry under its key, so that an entry under a wrong name is refused as well.
fn seal(key: &str, code: &[u8]) -> [u8; DIGEST_BYTES] {
    Sha256::new().chain_update(key).chain_update(code).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}
