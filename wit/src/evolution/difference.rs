//! Where two structures differ first, and whether bytes of the one read as the other.
//! Records and tuples are their parts one after the other, and a case is its position, so that further cases
//! at the end leave the bytes of the others as they were.
//! Invariant: where this says that bytes stay, every value of the old type has the same bytes and the same
//! meaning in the new one.

use crate::canonical::structure_of;
use interstice_codec::{Case, Field, ValueType};

/// How values of an old type read as values of a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The types are equal.
    Same,
    /// The new type has further cases or flags, and the bytes of old values stay.
    More,
    /// They do not; the first difference, with where it is.
    Differs(String),
}

/// Types up to this length are written out in a message.
const MAX_SHOWN_BYTES: usize = 60;

/// How values of the old type read as values of the new one.
pub(crate) fn reading(old: &ValueType, new: &ValueType) -> Reading {
    if old == new {
        return Reading::Same;
    }
    match first_difference(old, new, true) {
        Some(difference) => Reading::Differs(difference),
        None => Reading::More,
    }
}

/// The first difference between two types, as a clause: `the field `a` is gone`; none if they are equal.
pub(crate) fn difference(old: &ValueType, new: &ValueType) -> Option<String> {
    first_difference(old, new, false)
}

/// A type as text, or what kind of type it is where that would be too long.
pub fn shown(ty: &ValueType) -> String {
    abbreviated(structure_of(ty))
}

/// The text of a type, or what kind of type it is where that would be too long.
pub(crate) fn abbreviated(text: String) -> String {
    if text.len() <= MAX_SHOWN_BYTES {
        return text;
    }
    let kind = text.split([' ', '<']).next().unwrap_or_default();
    match kind {
        "record" | "variant" | "enum" | "flags" => format!("{kind} {{ … }}"),
        _ => format!("{kind}<…>"),
    }
}

fn first_difference(old: &ValueType, new: &ValueType, grows: bool) -> Option<String> {
    let inside = |what: &str, old: &ValueType, new: &ValueType| {
        first_difference(old, new, grows).map(|found| format!("{what}: {found}"))
    };
    match (old, new) {
        (ValueType::List(old), ValueType::List(new)) => inside("in its elements", old, new),
        (ValueType::Option(old), ValueType::Option(new)) => inside("in its `some`", old, new),
        (ValueType::Result { ok, err }, ValueType::Result { ok: new_ok, err: new_err }) => {
            payload("in its `ok`", ok.as_deref(), new_ok.as_deref(), grows)
                .or_else(|| payload("in its `err`", err.as_deref(), new_err.as_deref(), grows))
        }
        (ValueType::Tuple(old), ValueType::Tuple(new)) if old.len() == new.len() => (1..)
            .zip(old.iter().zip(new))
            .find_map(|(number, (old, new))| inside(&format!("in its element {number}"), old, new)),
        (ValueType::Record(old), ValueType::Record(new)) => fields(old, new, grows),
        (ValueType::Variant(old), ValueType::Variant(new)) => variants(old, new, grows),
        (ValueType::Enum(old), ValueType::Enum(new)) => {
            let keeps_width = case_width(old.len()) == case_width(new.len());
            names_differ("case", old, new, grows && keeps_width)
        }
        (ValueType::Flags(old), ValueType::Flags(new)) => {
            let keeps_width = old.len().div_ceil(8) == new.len().div_ceil(8);
            names_differ("flag", old, new, grows && keeps_width)
        }
        _ if old == new => None,
        _ => Some(format!("{} became {}", shown(old), shown(new))),
    }
}

fn payload(what: &str, old: Option<&ValueType>, new: Option<&ValueType>, grows: bool) -> Option<String> {
    match (old, new) {
        (Some(old), Some(new)) => first_difference(old, new, grows).map(|found| format!("{what}: {found}")),
        (None, None) => None,
        (Some(old), None) => Some(format!("{what}: {} is gone", shown(old))),
        (None, Some(new)) => Some(format!("{what}: {} is added", shown(new))),
    }
}

fn fields(old: &[Field], new: &[Field], grows: bool) -> Option<String> {
    let names = |fields: &[Field]| fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
    names_differ("field", &names(old), &names(new), false).or_else(|| {
        old.iter().zip(new).find_map(|(old, new)| {
            let what = format!("in its field `{}`", old.name);
            payload(&what, Some(&old.ty), Some(&new.ty), grows)
        })
    })
}

fn variants(old: &[Case], new: &[Case], grows: bool) -> Option<String> {
    let names = |cases: &[Case]| cases.iter().map(|case| case.name.clone()).collect::<Vec<_>>();
    let keeps_width = case_width(old.len()) == case_width(new.len());
    names_differ("case", &names(old), &names(new), grows && keeps_width).or_else(|| {
        old.iter().zip(new).find_map(|(old, new)| {
            let what = format!("in its case `{}`", old.name);
            payload(&what, old.ty.as_ref(), new.ty.as_ref(), grows)
        })
    })
}

/// What is different about a list of names; with `grows`, further ones at the end are no difference.
pub(crate) fn names_differ(what: &str, old: &[String], new: &[String], grows: bool) -> Option<String> {
    if old == new || (grows && new.starts_with(old)) {
        return None;
    }
    if let Some(gone) = old.iter().find(|name| !new.contains(name)) {
        // One name in place of another, and all others as they were, may be a new name for the same.
        let renamed = (old.len() == new.len())
            .then(|| old.iter().zip(new).filter(|(old, new)| old != new).collect::<Vec<_>>())
            .filter(|pairs| pairs.len() == 1);
        return Some(match renamed.as_deref() {
            Some([(old, new)]) => format!("the {what} `{old}` is gone, and `{new}` stands in its place"),
            _ => format!("the {what} `{gone}` is gone"),
        });
    }
    if let Some((at, added)) = new.iter().enumerate().find(|(_, name)| !old.contains(name)) {
        let place = if new.starts_with(old) || at >= old.len() { "" } else { " between the others" };
        return Some(format!("the {what} `{added}` is added{place}"));
    }
    Some(format!("the {what}s stand in another order"))
}

/// How many bytes the index of a case takes, as the row codec writes it.
fn case_width(cases: usize) -> usize {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}
