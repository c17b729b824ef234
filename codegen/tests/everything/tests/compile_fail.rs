//! What the types rule out.
#![allow(missing_docs)]

#[test]
fn mistakes_do_not_compile() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/compile-fail/*.rs");
}
