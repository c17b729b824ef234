//! The types of an interface: records, variants, enums and flags, with the row codec of each.
//! Invariant: fields, cases and flags are written and read in the order of the WIT.

use super::format::docs;
use super::names::{Names, Structure, case, snake};
use interstice_wit::{CaseDef, FieldDef, Interface, LabelDef, Type, TypeDef, TypeKind};
use std::fmt::Write;

/// All types of an interface.
pub(crate) fn types(names: &Names<'_>, interface: &Interface) -> String {
    let mut source = String::new();
    for def in &interface.types {
        source += &TypeWriter { names, interface, def }.write();
    }
    source
}

struct TypeWriter<'a> {
    names: &'a Names<'a>,
    interface: &'a Interface,
    def: &'a TypeDef,
}

impl TypeWriter<'_> {
    fn write(&self) -> String {
        let docs =
            docs(self.def.docs.as_deref(), &format!("`{}` of `{}`.", self.def.name, self.interface.name));
        let ident = self.ident();
        match &self.def.kind {
            TypeKind::Record(fields) => docs + &self.record(ident, fields),
            TypeKind::Variant(cases) => docs + &self.variant(ident, cases),
            TypeKind::Enum(cases) => docs + &self.enumeration(ident, cases),
            TypeKind::Flags(flags) => self.flags(ident, &docs, flags),
            TypeKind::Alias(ty) => format!("{docs}pub type {ident} = {};", self.rust(ty)),
            TypeKind::Use(target) => {
                let target = self.rust(&Type::Named(target.clone()));
                format!("{docs}pub type {ident} = {target};")
            }
        }
    }

    fn ident(&self) -> &str {
        self.names.type_ident(&self.interface.name, &self.def.name)
    }

    fn rust(&self, ty: &Type) -> String {
        self.names.rust(ty, self.names.module(&self.interface.name))
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

    fn record(&self, ident: &str, fields: &[FieldDef]) -> String {
        // The glue may copy a list of such records as one piece of memory.
        let layout = if self.is_copy() { "#[repr(C)]\n" } else { "" };
        let mut definition = format!("{}{layout}pub struct {ident} {{\n", self.derives());
        let (mut encode, mut decode) = (String::new(), String::new());
        for field in fields {
            let name = snake(&field.name);
            let ty = self.rust(&field.ty);
            let fallback = format!("`{}` of `{}`.", field.name, self.def.name);
            definition += &docs(field.docs.as_deref(), &fallback);
            let _ = writeln!(definition, "pub {name}: {ty},");
            let _ = writeln!(encode, "{ENCODE}::encode(&self.{name}, out);");
            let _ = writeln!(decode, "{name}: {DECODE}::decode(reader)?,");
        }
        definition + "}\n" + &codec(ident, &encode, &format!("Ok(Self {{ {decode} }})"))
    }

    fn variant(&self, ident: &str, cases: &[CaseDef]) -> String {
        let mut definition = format!("{}pub enum {ident} {{\n", self.derives());
        let (mut encode, mut decode) = (String::new(), String::new());
        let count = cases.len();
        for (index, variant) in cases.iter().enumerate() {
            let name = case(&variant.name);
            let fallback = format!("`{}` of `{}`.", variant.name, self.def.name);
            definition += &docs(variant.docs.as_deref(), &fallback);
            let pattern = if index + 1 == count { "_".to_owned() } else { index.to_string() };
            match &variant.ty {
                None => {
                    let _ = writeln!(definition, "{name},");
                    let _ = writeln!(encode, "Self::{name} => {WRITE_CASE}({index}, {count}, out),");
                    let _ = writeln!(decode, "{pattern} => Self::{name},");
                }
                Some(ty) => {
                    let _ = writeln!(definition, "{name}({}),", self.rust(ty));
                    let _ = writeln!(
                        encode,
                        "Self::{name}(value) => {{ {WRITE_CASE}({index}, {count}, out); {ENCODE}::encode(value, out); }}"
                    );
                    let _ = writeln!(decode, "{pattern} => Self::{name}({DECODE}::decode(reader)?),");
                }
            }
        }
        definition
            + "}\n"
            + &codec(
                ident,
                &format!("match self {{ {encode} }}"),
                &format!("Ok(match reader.case({count})? {{ {decode} }})"),
            )
            + &self.error(ident)
    }

    fn enumeration(&self, ident: &str, cases: &[LabelDef]) -> String {
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
            let fallback = format!("`{}` of `{}`.", label.name, self.def.name);
            definition += &docs(label.docs.as_deref(), &fallback);
            let _ = writeln!(definition, "{name},");
            let pattern = if index + 1 == count { "_".to_owned() } else { index.to_string() };
            let _ = writeln!(decode, "{pattern} => Self::{name},");
        }
        let codec = codec(
            ident,
            &format!("{WRITE_CASE}(*self as u32, {count}, out);"),
            &format!("Ok(match reader.case({count})? {{ {decode} }})"),
        );
        let key = format!(
            "impl ::interstice::codec::key::KeyColumn for {ident} {{
                #[inline]
                fn encode_key(&self, out: &mut Vec<u8>) {{
                    ::interstice::codec::key::write_case(*self as u32, {count}, out);
                }}
            }}\n"
        );
        definition + "}\n" + &codec + &key + &self.error(ident)
    }

    fn flags(&self, ident: &str, docs_of_type: &str, flags: &[LabelDef]) -> String {
        let repr = match flags.len() {
            0..=8 => "u8",
            9..=16 => "u16",
            _ => "u32",
        };
        let mut body = format!(
            "{docs_of_type}#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]\npub struct {ident}: {repr} {{\n"
        );
        for (index, flag) in flags.iter().enumerate() {
            let fallback = format!("`{}` of `{}`.", flag.name, self.def.name);
            let name = heck::ToShoutySnakeCase::to_shouty_snake_case(flag.name.as_str());
            body += &docs(flag.docs.as_deref(), &fallback);
            let _ = writeln!(body, "const {name} = 1 << {index};");
        }
        let count = flags.len();
        let codec = codec(
            ident,
            &format!("::interstice::codec::row::write_flags(&[u32::from(self.bits())], {count}, out);"),
            &format!(
                "let [bits] = reader.flags::<1>({count})?;\nOk(Self::from_bits_truncate(bits as {repr}))"
            ),
        );
        format!("::interstice::rt::bitflags::bitflags! {{\n{body}}}\n}}\n{codec}")
    }

    /// A type that is only ever an `err` can be handed on with `?` and shown.
    fn error(&self, ident: &str) -> String {
        if !self.is_error() {
            return String::new();
        }
        format!(
            "impl ::core::fmt::Display for {ident} {{
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{
                    ::core::fmt::Debug::fmt(self, f)
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

const ENCODE: &str = "::interstice::codec::row::Encode";
const DECODE: &str = "::interstice::codec::row::Decode";
const WRITE_CASE: &str = "::interstice::codec::row::write_case";

fn codec(ident: &str, encode: &str, decode: &str) -> String {
    format!(
        "impl {ENCODE} for {ident} {{
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {{ {encode} }}
        }}
        impl {DECODE} for {ident} {{
            #[inline]
            fn decode(
                reader: &mut ::interstice::codec::row::Reader<'_>,
            ) -> Result<Self, ::interstice::codec::DecodeError> {{ {decode} }}
        }}\n"
    )
}

/// The lifting of enums that the glue calls, for all enums of the interfaces.
pub(crate) fn enum_lifts(names: &Names<'_>) -> String {
    let schema = names.schema;
    let mut source = String::new();
    for interface in schema.exports.iter().chain(&schema.foreign) {
        for def in &interface.types {
            let TypeKind::Enum(cases) = &def.kind else { continue };
            let path = names.type_path(&interface.name, &def.name).unwrap_or_default();
            let repr = if cases.len() <= 0x100 { "u8" } else { "u16" };
            let mut arms = String::new();
            for (index, label) in cases.iter().enumerate() {
                let pattern = if index + 1 == cases.len() { "_".to_owned() } else { index.to_string() };
                let _ = writeln!(arms, "{pattern} => Self::{},", case(&label.name));
            }
            let _ = writeln!(
                source,
                "impl super::{path} {{
                    #[doc(hidden)]
                    pub fn _lift(index: {repr}) -> Self {{ match index {{ {arms} }} }}
                }}"
            );
        }
    }
    source
}
