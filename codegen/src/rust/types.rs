//! The types of an interface: records, variants, enums and flags, and the row codec of each.
//! The definitions are for the author to read; the codec stands with the glue.
//! Invariant: fields, cases and flags are written and read in the order of the WIT.

use super::format::docs;
use super::names::{Names, Structure, case, snake};
use interstice_wit::{CaseDef, FieldDef, Interface, LabelDef, Type, TypeDef, TypeKind};
use std::fmt::Write;

/// The types of an interface.
#[derive(Default)]
pub(crate) struct Types {
    /// Their definitions, in the module of the interface.
    pub(crate) definitions: String,
    /// What they implement, in the module of the glue.
    pub(crate) impls: String,
}

/// All types of an interface.
pub(crate) fn types(names: &Names<'_>, interface: &Interface) -> Types {
    let mut types = Types::default();
    for def in &interface.types {
        TypeWriter { names, interface, def }.write(&mut types);
    }
    types
}

struct TypeWriter<'a> {
    names: &'a Names<'a>,
    interface: &'a Interface,
    def: &'a TypeDef,
}

impl TypeWriter<'_> {
    fn write(&self, types: &mut Types) {
        let docs = docs(self.def.docs.as_deref(), &format!("The type `{}`.", self.def.name));
        let ident = self.ident();
        types.definitions += &match &self.def.kind {
            TypeKind::Record(fields) => {
                let layout = if self.is_copy() { LAYOUT } else { "" };
                docs + layout + &self.record(ident, fields, &mut types.impls)
            }
            TypeKind::Variant(cases) => docs + &self.variant(ident, cases, &mut types.impls),
            TypeKind::Enum(cases) => docs + &self.enumeration(ident, cases, &mut types.impls),
            TypeKind::Flags(flags) => self.flags(ident, &docs, flags, &mut types.impls),
            TypeKind::Alias(ty) => format!("{docs}pub type {ident} = {};", self.rust(ty)),
            TypeKind::Use(target) => {
                let name = self.rust(&Type::Named(target.clone()));
                let same = name.rsplit("::").next() == Some(ident);
                if same { format!("pub use {name};") } else { format!("pub use {name} as {ident};") }
            }
        };
    }

    /// Its path from the glue.
    fn path(&self) -> String {
        let path = self.names.type_path(&self.interface.name, &self.def.name);
        format!("super::{}", path.unwrap_or_default())
    }

    fn ident(&self) -> &str {
        self.names.type_ident(&self.interface.name, &self.def.name)
    }

    fn rust(&self, ty: &Type) -> String {
        self.names.rust(ty, self.names.module(&self.interface.name))
    }

    fn is_row(&self) -> bool {
        self.interface.tables.iter().any(|table| table.name == self.def.name)
    }

    fn is_copy(&self) -> bool {
        !self.names.any_in_def(self.def, &|ty| matches!(ty, Type::String | Type::List(_)))
    }

    fn derives(&self) -> &'static str {
        let copy = self.is_copy();
        let floats = self.names.any_in_def(self.def, &|ty| matches!(ty, Type::F32 | Type::F64));
        match (copy, floats) {
            (true, true) => "#[derive(Clone, Copy, Debug, PartialEq)]\n",
            (true, false) => "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n",
            (false, true) => "#[derive(Clone, Debug, PartialEq)]\n",
            (false, false) => "#[derive(Clone, Debug, PartialEq, Eq, Hash)]\n",
        }
    }

    fn record(&self, ident: &str, fields: &[FieldDef], impls: &mut String) -> String {
        let mut definition = format!("{}pub struct {ident} {{\n", self.derives());
        let (mut encode, mut decode) = (String::new(), String::new());
        for field in fields {
            let name = snake(&field.name);
            let ty = self.rust(&field.ty);
            let fallback = format!("The field `{}`.", field.name);
            definition += &docs(field.docs.as_deref(), &fallback);
            let _ = writeln!(definition, "pub {name}: {ty},");
            let _ = writeln!(encode, "Encode::encode(&self.{name}, out);");
            let _ = writeln!(decode, "{name}: Decode::decode(reader)?,");
        }
        // The sdk reads the rows of a table in two places that are not inlined themselves.
        let inline = if self.is_row() { "#[inline(always)]" } else { "#[inline]" };
        *impls += &codec(&self.path(), &encode, inline, &format!("Ok(Self {{ {decode} }})"));
        definition + "}\n"
    }

    fn variant(&self, ident: &str, cases: &[CaseDef], impls: &mut String) -> String {
        let mut definition = format!("{}pub enum {ident} {{\n", self.derives());
        let (mut encode, mut decode) = (String::new(), String::new());
        let count = cases.len();
        for (index, variant) in cases.iter().enumerate() {
            let name = case(&variant.name);
            let fallback = format!("The case `{}`.", variant.name);
            definition += &docs(variant.docs.as_deref(), &fallback);
            let pattern = if index + 1 == count { "_".to_owned() } else { index.to_string() };
            match &variant.ty {
                None => {
                    let _ = writeln!(definition, "{name},");
                    let _ = writeln!(encode, "Self::{name} => write_case({index}, {count}, out),");
                    let _ = writeln!(decode, "{pattern} => Self::{name},");
                }
                Some(ty) => {
                    let _ = writeln!(definition, "{name}({}),", self.rust(ty));
                    let _ = writeln!(
                        encode,
                        "Self::{name}(value) => {{ write_case({index}, {count}, out); Encode::encode(value, out); }}"
                    );
                    let _ = writeln!(decode, "{pattern} => Self::{name}(Decode::decode(reader)?),");
                }
            }
        }
        let decode = format!("Ok(match reader.case({count})? {{ {decode} }})");
        *impls += &codec(&self.path(), &format!("match self {{ {encode} }}"), "#[inline]", &decode);
        let cases = cases.iter().map(|case| (&case.name, case.docs.as_deref(), case.ty.is_some()));
        *impls += &self.error(cases);
        definition + "}\n"
    }

    fn enumeration(&self, ident: &str, cases: &[LabelDef], impls: &mut String) -> String {
        let count = cases.len();
        let repr = match count {
            0..=0x100 => "u8",
            0x101..=0x1_0000 => "u16",
            _ => "u32",
        };
        let mut definition = format!(
            "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]\n#[repr({repr})]\npub enum {ident} {{\n"
        );
        let mut decode = String::new();
        for (index, label) in cases.iter().enumerate() {
            let name = case(&label.name);
            let fallback = format!("The case `{}`.", label.name);
            definition += &docs(label.docs.as_deref(), &fallback);
            let _ = writeln!(definition, "{name},");
            let pattern = if index + 1 == count { "_".to_owned() } else { index.to_string() };
            let _ = writeln!(decode, "{pattern} => Self::{name},");
        }
        let path = self.path();
        let encode = format!("write_case(*self as u32, {count}, out);");
        let read = format!("Ok(match reader.case({count})? {{ {decode} }})");
        *impls += &codec(&path, &encode, "#[inline]", &read);
        let _ = writeln!(
            impls,
            "impl KeyColumn for {path} {{
                #[inline]
                fn encode_key(&self, out: &mut Vec<u8>) {{
                    ::interstice::codec::key::write_case(*self as u32, {count}, out);
                }}
            }}
            impl {path} {{
                // The rest of the glue makes a value of its index in this way.
                pub(crate) fn _lift(index: {repr}) -> Self {{ match index {{ {decode} }} }}
            }}"
        );
        *impls += &self.error(cases.iter().map(|label| (&label.name, label.docs.as_deref(), false)));
        definition + "}\n"
    }

    fn flags(&self, ident: &str, docs_of_type: &str, flags: &[LabelDef], impls: &mut String) -> String {
        let repr = match flags.len() {
            0..=8 => "u8",
            9..=16 => "u16",
            _ => "u32",
        };
        let mut body = format!(
            "{docs_of_type}#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]\npub struct {ident}: {repr} {{\n"
        );
        for (index, flag) in flags.iter().enumerate() {
            let fallback = format!("The flag `{}`.", flag.name);
            let name = heck::ToShoutySnakeCase::to_shouty_snake_case(flag.name.as_str());
            body += &docs(flag.docs.as_deref(), &fallback);
            let _ = writeln!(body, "const {name} = 1 << {index};");
        }
        let count = flags.len();
        *impls += &codec(
            &self.path(),
            &format!("write_flags(&[u32::from(self.bits())], {count}, out);"),
            "#[inline]",
            &format!(
                "let [bits] = reader.flags::<1>({count})?;\nOk(Self::from_bits_truncate(bits as {repr}))"
            ),
        );
        format!("::interstice::rt::bitflags::bitflags! {{\n{body}}}\n}}\n")
    }

    /// The `err` of a function is an error for Rust, too. It is shown by the first sentence of each case's
    /// docs, or else by its name, and what the case carries.
    fn error<'c>(&self, cases: impl Iterator<Item = (&'c String, Option<&'c str>, bool)>) -> String {
        if !self.is_error() {
            return String::new();
        }
        let ident = self.path();
        let mut arms = String::new();
        for (name, docs, carries) in cases {
            let message = format!("{:?}", message(name, docs));
            let name = case(name);
            let _ = match carries {
                true => {
                    writeln!(
                        arms,
                        "Self::{name}(value) => ::core::write!(f, \"{{}}: {{value:?}}\", {message}),"
                    )
                }
                false => writeln!(arms, "Self::{name} => f.write_str({message}),"),
            };
        }
        format!(
            "impl ::core::fmt::Display for {ident} {{
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{
                    match self {{ {arms} }}
                }}
            }}
            impl ::core::error::Error for {ident} {{}}\n"
        )
    }

    fn is_error(&self) -> bool {
        let schema = self.names.schema;
        let functions = schema.exports.iter().chain(&schema.foreign).flat_map(|found| &found.functions);
        functions.filter_map(|function| function.result.as_ref()).any(|result| match result {
            Type::Result { err: Some(err), .. } => {
                matches!(self.names.structure(err), Structure::Named(def) if std::ptr::eq(def, self.def))
            }
            _ => false,
        })
    }
}

/// What `#[repr(C)]` is for, in the docs of a record that has it.
const LAYOUT: &str =
    "///\n/// It is laid out as in C, so that a list of them can be copied as a whole.\n#[repr(C)]\n";

/// The first sentence of the docs without its full stop, or the name in words.
fn message(name: &str, docs: Option<&str>) -> String {
    let docs = docs.map(str::trim).filter(|docs| !docs.is_empty());
    let Some(docs) = docs else { return name.replace('-', " ") };
    let paragraph = docs.split("\n\n").next().unwrap_or_default().lines().map(str::trim);
    let paragraph = paragraph.collect::<Vec<_>>().join(" ");
    let sentence = paragraph.split(". ").next().unwrap_or_default();
    sentence.trim_end_matches('.').to_owned()
}

fn codec(path: &str, encode: &str, inline: &str, decode: &str) -> String {
    format!(
        "impl Encode for {path} {{
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {{ {encode} }}
        }}
        impl Decode for {path} {{
            {inline}
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {{ {decode} }}
        }}\n"
    )
}
