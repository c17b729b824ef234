//! `build_from`: binaries of other toolchains become modules, and everything else is told apart.

#![allow(clippy::unwrap_used)]

use expect_test::{Expect, expect};
use interstice_builder::{BuildError, FromOptions, build_from};
use interstice_wit::hash::artifact_hash;
use interstice_wit::section;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const WIT: &str = "\
package acme:probe@1.0.0;

interface answers {
  /// @query
  answer: func() -> u32;
}

world probe {
  export answers;
}
";

/// A core module that fits the world, with more imports if the test wants some.
fn core(imports: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          {imports}
          (memory (export "memory") 1)
          (func (export "acme:probe/answers@1.0.0#answer") (result i32) i32.const 42)
        )"#
    );
    wat::parse_str(text).unwrap()
}

struct Case {
    folder: TempDir,
}

impl Case {
    fn new() -> Case {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("probe.wit"), WIT).unwrap();
        Case { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn build(&self, binary: &[u8]) -> Result<interstice_builder::Built, BuildError> {
        fs::write(self.path("binary.wasm"), binary).unwrap();
        build_from(&self.path("binary.wasm"), &self.path("probe.wit"), &FromOptions::default())
    }
}

/// Builds and compares the refusal, in which the folder is called `DIR`.
fn check(binary: &[u8], expected: Expect) {
    let case = Case::new();
    let error = case.build(binary).expect_err("the binary is refused");
    let folder = case.folder.path().display().to_string();
    expected.assert_eq(&error.to_string().replace(&folder, "DIR"));
    assert!(!case.path("acme-probe-1.0.0.wasm").exists(), "nothing is written when something is refused");
}

#[test]
fn a_core_module_without_a_world_is_encoded_against_its_wit() {
    let case = Case::new();
    let built = case.build(&core("")).unwrap();
    assert_eq!(built.path, case.path("acme-probe-1.0.0.wasm"));
    assert_eq!(fs::read(&built.path).unwrap(), built.component);
    assert_eq!(built.digest, artifact_hash(&built.component));
    let extracted = section::extract(&built.component).unwrap();
    assert_eq!(extracted, built.schema);
    assert_eq!(extracted.package.to_string(), "acme:probe@1.0.0");
}

#[test]
fn the_same_binary_gives_the_same_digest_wherever_it_lies() {
    let (first, second) = (Case::new(), Case::new());
    assert_eq!(first.build(&core("")).unwrap().digest, second.build(&core("")).unwrap().digest);
}

#[test]
fn a_component_of_another_toolchain_gets_a_schema() {
    let case = Case::new();
    let built = case.build(&core("")).unwrap();
    let bare = without_schema(&built.component);
    let again = case.build(&bare).unwrap();
    assert_eq!(again.schema, built.schema);
    assert_eq!(again.component, built.component);
}

#[test]
fn a_component_with_a_schema_is_refused() {
    let case = Case::new();
    let built = case.build(&core("")).unwrap();
    check(
        &built.component,
        expect!["DIR/binary.wasm already carries a schema: it can be installed as it is"],
    );
}

#[test]
fn what_is_no_wasm_is_told() {
    check(b"", expect!["DIR/binary.wasm is not a WebAssembly binary: it is empty"]);
    check(
        b"#!/bin/sh\n",
        expect![[r#"DIR/binary.wasm is not a WebAssembly binary: it does not begin with the bytes `\0asm`"#]],
    );
}

#[test]
fn a_truncated_binary_is_told() {
    let whole = core("");
    check(
        &whole[..whole.len() - 5],
        expect!["DIR/binary.wasm is not valid WebAssembly: unexpected end-of-file (at offset 0x49)"],
    );
}

#[test]
fn imports_of_an_operating_system_are_all_named() {
    let imports = r#"
        (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (import "env" "malloc" (func (param i32) (result i32)))"#;
    check(
        &core(imports),
        expect![[r#"
            the component imports what the host does not provide to `acme:probe`:
              `wasi_snapshot_preview1`: modules have no operating system; time, randomness and logging come from the module's context, so compile for a target without WASI, or stub it out
              `env`: a symbol was left undefined when linking; time, randomness and logging come from the module's context"#]],
    );
}

#[test]
fn imports_that_the_world_does_not_have_are_all_named() {
    let component = wat::parse_str(
        r#"(component
          (import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64)))))
          (import "acme:other/things@1.0.0" (instance (export "do" (func))))
          (import "launch" (func))
          (import "interstice:host/context@0.1.0" (instance (export "random" (func (result u64)))))
        )"#,
    )
    .unwrap();
    check(
        &component,
        expect![[r#"
            the component imports what the host does not provide to `acme:probe`:
              `wasi:clocks/monotonic-clock@0.2.0`: modules have no operating system; time, randomness and logging come from the module's context, so compile for a target without WASI, or stub it out
              `acme:other/things@1.0.0`: the world `probe` does not import it; import it there, or remove the dependency that brings it in
              `launch`: a module imports interfaces, not bare functions or types"#]],
    );
}

#[test]
fn a_missing_export_is_named() {
    let core = wat::parse_str(r#"(module (memory (export "memory") 1))"#).unwrap();
    check(
        &core,
        expect![
            "the core module does not fit the world `probe`: failed to decode world from module: module was not valid: failed to find export of interface `acme:probe/answers@1.0.0` function `answer`"
        ],
    );
}

#[test]
fn the_binary_itself_is_never_overwritten() {
    let case = Case::new();
    fs::write(case.path("acme-probe-1.0.0.wasm"), core("")).unwrap();
    let error =
        build_from(&case.path("acme-probe-1.0.0.wasm"), &case.path("probe.wit"), &FromOptions::default());
    assert!(matches!(error, Err(BuildError::SameFile { .. })));
    assert_eq!(fs::read(case.path("acme-probe-1.0.0.wasm")).unwrap(), core(""));
}

#[test]
fn mistakes_in_the_wit_are_told_with_their_place() {
    let case = Case::new();
    fs::write(case.path("probe.wit"), WIT.replace("@query", "@qery")).unwrap();
    let Err(BuildError::Wit(findings)) = case.build(&core("")) else { panic!("the WIT is refused") };
    let finding = &findings.findings()[0];
    assert_eq!((finding.line(), Path::new(finding.path()).file_name().unwrap()), (4, "probe.wit".as_ref()));
}

#[test]
fn an_unknown_world_is_told() {
    let case = Case::new();
    fs::write(case.path("binary.wasm"), core("")).unwrap();
    let options = FromOptions { world: Some("nowhere".to_owned()), output: None };
    let error = build_from(&case.path("binary.wasm"), &case.path("probe.wit"), &options);
    let Err(BuildError::Wit(findings)) = error else { panic!("the world is refused") };
    assert!(findings.render().contains("nowhere"), "{}", findings.render());
}

/// The component as another toolchain would have made it.
fn without_schema(component: &[u8]) -> Vec<u8> {
    use wasmparser::{Parser, Payload};
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if depth == 1 && section.name() == "interstice:schema" => {
                // The header of a section is its id and its size; the schema is embedded last.
                let size = section.range().end - section.range().start;
                let header = 1 + leb128_bytes(size);
                let mut bare = component[..section.range().start - header].to_vec();
                bare.extend_from_slice(&component[section.range().end..]);
                return bare;
            }
            _ => {}
        }
    }
    panic!("the component has a schema");
}

fn leb128_bytes(number: usize) -> usize {
    (usize::BITS - number.leading_zeros()).div_ceil(7).max(1) as usize
}
