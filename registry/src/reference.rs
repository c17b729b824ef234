//! References to other packages in the text of WIT: `acme:bank/ledger@1.2.0` where it stands in code.
//! It reads words and comments and nothing else of the language, so that it can be used on WIT that does
//! not resolve yet.
//! Invariant: what is replaced stands in code, never in a comment.

use crate::PackageId;
use interstice_wit::PackageName;
use semver::Version;
use std::ops::Range;

/// A reference to an interface of a package at a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The package at that version.
    pub package: PackageName,
    /// The interface.
    pub interface: String,
    /// Where the version stands.
    pub version: Range<usize>,
}

/// The references in a text, in its order. Those without a version are not among them.
pub(crate) fn references(text: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    for word in words(text) {
        let Some((package, rest)) = text[word.clone()].split_once('/') else { continue };
        let Some((interface, version)) = rest.split_once('@') else { continue };
        let Some(package) = package_id(package) else { continue };
        // `.{account}` follows a version without a blank.
        let version = version.trim_end_matches('.');
        let Ok(parsed) = Version::parse(version) else { continue };
        let start = word.start + text[word.clone()].len() - rest.len() + interface.len() + 1;
        found.push(Reference {
            package: package.at(&parsed),
            interface: interface.trim_start_matches('%').to_owned(),
            version: start..start + version.len(),
        });
    }
    found
}

/// The package that a text says it belongs to.
pub(crate) fn package_line(text: &str) -> Option<PackageName> {
    let mut words = words(text).map(|word| &text[word]);
    while words.next()? != "package" {}
    let (package, version) = words.next()?.split_once('@')?;
    Some(package_id(package)?.at(&Version::parse(version).ok()?))
}

/// The text with each reference to `package` at the version that is `wanted`, or nothing if none changes.
/// Those at the version `kept` stay.
pub(crate) fn with_version(
    text: &str,
    package: &PackageId,
    wanted: &Version,
    kept: Option<&Version>,
) -> Option<String> {
    let mut out = String::new();
    let mut done = 0;
    for reference in references(text) {
        let is_of = PackageId::of(&reference.package).is_ok_and(|id| id == *package);
        let version = &reference.package.version;
        if is_of && version != wanted && Some(version) != kept {
            out.push_str(&text[done..reference.version.start]);
            out.push_str(&wanted.to_string());
            done = reference.version.end;
        }
    }
    (done > 0).then(|| out + &text[done..])
}

fn package_id(text: &str) -> Option<PackageId> {
    text.replace('%', "").parse().ok()
}

/// The words of WIT: runs of what names, versions and paths are made of, outside of comments.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            if bytes[at..].starts_with(b"//") {
                at = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end);
            } else if bytes[at..].starts_with(b"/*") {
                at = end_of_block(bytes, at);
            } else if is_word(bytes[at]) {
                let start = at;
                // A `/` inside a word is one, unless a comment begins with it.
                while at < bytes.len()
                    && (is_word(bytes[at]) || bytes[at] == b'/')
                    && !bytes[at..].starts_with(b"//")
                    && !bytes[at..].starts_with(b"/*")
                {
                    at += 1;
                }
                return Some(start..at);
            } else {
                at += 1;
            }
        }
        None
    })
}

/// Block comments of WIT nest.
fn end_of_block(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if bytes[at..].starts_with(b"*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'@' | b'.' | b'%' | b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "// package no:no@9.0.0;\n/* /* acme:bank/x@1.2.0 */ acme:bank/x@1.2.0 */\n\
        package acme:%shop@0.3.0;\nworld w {\n  import acme:bank/ledger@1.2.0; // acme:bank/ledger@1.2.0\n  \
        include other:thing/w@0.1.0-rc.1;\n}\ninterface i { use acme:bank/%list@1.2.0.{a}; use acme:bank/plain.{b}; \
        use local.{c}; }";

    #[test]
    fn references_are_found_in_code_alone() {
        let found: Vec<_> = references(TEXT)
            .into_iter()
            .map(|found| format!("{} {} {}", found.package, found.interface, &TEXT[found.version]))
            .collect();
        let expected = [
            "acme:bank@1.2.0 ledger 1.2.0",
            "other:thing@0.1.0-rc.1 w 0.1.0-rc.1",
            "acme:bank@1.2.0 list 1.2.0",
        ];
        assert_eq!(found, expected);
        assert_eq!(package_line(TEXT).map(|name| name.to_string()).as_deref(), Some("acme:shop@0.3.0"));
    }

    #[test]
    fn versions_are_replaced_in_code_alone() {
        let bank = "acme:bank".parse().expect("a name");
        let text = with_version(TEXT, &bank, &Version::new(1, 10, 0), None).expect("it changes");
        assert!(text.contains("import acme:bank/ledger@1.10.0; // acme:bank/ledger@1.2.0\n"), "{text}");
        assert!(text.contains("use acme:bank/%list@1.10.0.{a};"), "{text}");
        assert!(text.starts_with("// package no:no@9.0.0;\n/* /* acme:bank/x@1.2.0 */ acme:bank/x@1.2.0 */"));
        assert_eq!(with_version(&text, &bank, &Version::new(1, 10, 0), None), None);
        // The project's own version stays where it names itself.
        assert_eq!(with_version(&text, &bank, &Version::new(1, 2, 0), Some(&Version::new(1, 10, 0))), None);
    }

    #[test]
    fn a_comment_without_an_end_is_the_rest() {
        assert_eq!(references("/* acme:bank/x@1.2.0"), []);
        assert_eq!(references("acme:bank/x@1.2.0/*"), references("acme:bank/x@1.2.0"));
    }
}
