//! Words that people bring from elsewhere, and what WIT has in their place: types of other languages, and
//! names that are not in kebab-case.
//! Invariant: a name that is suggested is one that wit-parser reads.

use crate::identifier::wit_identifier;

/// Types of other languages and databases, and what to write for them.
const FOREIGN_TYPES: &[(&[&str], &str)] = &[
    (&["bit", "boolean", "logical"], "write `bool`"),
    (&["byte", "uint8", "octet"], "write `u8`"),
    (&["int8", "i8", "sbyte", "tinyint"], "write `s8`"),
    (&["int16", "i16", "short", "smallint"], "write `s16`"),
    (&["uint16", "ushort"], "write `u16`"),
    (&["int32", "i32"], "write `s32`"),
    (&["uint32"], "write `u32`"),
    (&["int64", "i64", "long", "bigint"], "write `s64`"),
    (&["uint64", "ulong", "usize"], "write `u64`"),
    (&["isize"], "write `s64`"),
    (&["int", "integer"], "write `s32` or `s64`, or `u32` or `u64` for a number that is never negative"),
    (&["uint", "unsigned", "serial"], "write `u32` or `u64`"),
    (&["number", "numeric"], "write `s64` for a whole number, or `f64`"),
    (&["float", "float32", "real", "single"], "write `f32`"),
    (&["double", "float64"], "write `f64`"),
    (&["decimal", "money", "currency"], "write `s64`, and count in the smallest unit"),
    (&["str", "text", "varchar", "utf8"], "write `string`"),
    (&["character", "rune"], "write `char`"),
    (&["bytes", "blob", "binary", "bytea", "buffer"], "write `list<u8>`"),
    (
        &["timestamp", "datetime", "time", "date", "instant"],
        "write `u64` or `s64`, and count in one unit such as microseconds",
    ),
    (&["duration", "interval"], "write `u64`, and count in one unit such as milliseconds"),
    (&["uuid", "guid"], "write `string`, or `tuple<u64, u64>`"),
    (&["vec", "array", "sequence", "set"], "write `list<T>`"),
    (&["dict", "hashmap", "hash"], "write `list<tuple<K, V>>`, or keep the entries in a table"),
    (&["optional", "maybe", "nullable"], "write `option<T>`"),
    (&["json", "any", "object", "value"], "write `string`, or a variant of what it can be"),
    (&["void", "unit", "null"], "leave it out: a function without `->` returns nothing"),
    (&["struct"], "declare a `record`"),
];

/// What to write for a type of another language.
pub(super) fn foreign_type(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    FOREIGN_TYPES.iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, mend)| *mend)
}

/// The name in kebab-case as it is written in WIT; nothing if it has letters that no name has.
pub(super) fn kebab(name: &str) -> Option<String> {
    let mut out = String::new();
    let letters: Vec<char> = name.trim_start_matches('%').chars().collect();
    for (position, letter) in letters.iter().enumerate() {
        let before = position.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(position + 1);
        let begins_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if begins_word {
            out.push('-');
        }
        out.push(if *letter == '_' { '-' } else { letter.to_ascii_lowercase() });
    }
    let words: Vec<_> = out.split('-').filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    is_name(&name).then(|| if is_type(&name) { name.clone() } else { wit_identifier(&name) })
}

/// A name of the same length, for the parser to go on with.
pub(super) fn same_length(name: &str) -> Option<String> {
    let name = name.replace('_', "-").to_ascii_lowercase();
    is_name(&name).then_some(name)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split('-').all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

/// Whether the name is one of WIT's own types.
fn is_type(name: &str) -> bool {
    matches!(
        name,
        "bool"
            | "u8"
            | "u16"
            | "u32"
            | "u64"
            | "s8"
            | "s16"
            | "s32"
            | "s64"
            | "f32"
            | "f64"
            | "char"
            | "string"
            | "list"
            | "option"
            | "result"
            | "tuple"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_languages_become_kebab_case() {
        let check = |name: &str, expected: Option<&str>| assert_eq!(kebab(name).as_deref(), expected);
        check("OrderState", Some("order-state"));
        check("order_state", Some("order-state"));
        check("HTTPServer2Id", Some("http-server2-id"));
        check("String", Some("string"));
        check("Record", Some("%record"));
        check("_a__b_", Some("a-b"));
        check("2nd", None);
        check("größe", None);
        check("", None);
    }
}
