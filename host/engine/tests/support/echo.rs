//! A component for any one type: it imports `f: func(x: T) -> T`, exports the same, and hands each
//! value through in core values or memory, as the canonical ABI has it.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use interstice_codec::{Case, Field, ValueType};
use std::fmt::Write;

/// The interface that is imported, and the one that is exported.
pub const IMPORT: &str = "acme:other/echo@1.2.0";
pub const EXPORT: &str = "acme:bank/echo@1.2.0";

/// A function that is handed through.
pub struct Handed {
    pub name: String,
    pub params: Vec<(String, ValueType)>,
    pub result: Option<ValueType>,
}

/// The component of one function `f` as text, and its types that have names: `t0`, `t1`, …
pub fn component(ty: &ValueType, encoding: &str) -> (String, Vec<ValueType>) {
    let f = Handed { name: "f".into(), params: vec![("x".into(), ty.clone())], result: Some(ty.clone()) };
    hand_through(IMPORT, EXPORT, &[f], encoding)
}

/// A component that imports functions and exports the same.
pub fn hand_through(
    import: &str,
    export: &str,
    functions: &[Handed],
    encoding: &str,
) -> (String, Vec<ValueType>) {
    let mut named = Vec::new();
    let mut parts = Parts::default();
    for function in functions {
        parts.add(function, &mut named, encoding);
    }
    let mut definitions = String::new();
    let mut aliases = String::new();
    for (index, (text, _)) in named.iter().enumerate() {
        writeln!(
            definitions,
            r#"(type $d{index} {text}) (export "t{index}" (type $t{index} (eq $d{index})))"#
        )
        .unwrap();
        writeln!(aliases, r#"(alias export $host "t{index}" (type $t{index}))"#).unwrap();
    }
    let Parts { imports, lowered, given, core_imports, core, lifted, exports } = parts;
    let text = format!(
        r#"(component
  (import "{import}" (instance $host {definitions} {imports}))
  {aliases}
  (core module $memory
    (memory (export "memory") 256)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                              (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $new)))
      (memory.copy (local.get $at) (local.get $old)
        (select (local.get $size) (local.get $new) (i32.lt_u (local.get $size) (local.get $new))))
      (local.get $at)))
  (core instance $m (instantiate $memory))
  {lowered}
  (core module $main {core_imports} {core})
  (core instance $i (instantiate $main (with "host" (instance {given}))))
  {lifted}
  (instance $exports {exports})
  (export "{export}" (instance $exports)))"#
    );
    (text, named.into_iter().map(|(_, ty)| ty).collect())
}

#[derive(Default)]
struct Parts {
    imports: String,
    lowered: String,
    given: String,
    core_imports: String,
    core: String,
    lifted: String,
    exports: String,
}

impl Parts {
    fn add(&mut self, function: &Handed, named: &mut Vec<(String, ValueType)>, encoding: &str) {
        let name = &function.name;
        let mut signature = String::new();
        let (mut flat, mut flat_result) = (Vec::new(), Vec::new());
        for (param, ty) in &function.params {
            write!(signature, r#"(param "{param}" {}) "#, expression(ty, named)).unwrap();
            flatten(ty, &mut flat);
        }
        if let Some(result) = &function.result {
            write!(signature, "(result {})", expression(result, named)).unwrap();
            flatten(result, &mut flat_result);
        }
        if flat.len() > 16 {
            flat = vec!["i32"];
        }
        let params = flat.join(" ");
        let gets: String = (0..flat.len()).map(|index| format!("local.get {index} ")).collect();
        let (import, result, body) = match flat_result.as_slice() {
            [] => (format!("(param {params})"), String::new(), format!("{gets} call ${name}")),
            [one] => {
                let result = format!("(result {one})");
                (format!("(param {params}) {result}"), result, format!("{gets} call ${name}"))
            }
            _ => (
                format!("(param {params} i32)"),
                "(result i32)".to_owned(),
                format!("{gets} i32.const 1024 call ${name} i32.const 1024"),
            ),
        };
        let options =
            format!(r#"(memory $m "memory") (realloc (func $m "realloc")) string-encoding={encoding}"#);
        writeln!(self.imports, r#"(export "{name}" (func {signature}))"#).unwrap();
        writeln!(self.lowered, r#"(core func ${name} (canon lower (func $host "{name}") {options}))"#)
            .unwrap();
        writeln!(self.given, r#"(export "{name}" (func ${name}))"#).unwrap();
        writeln!(self.core_imports, r#"(import "host" "{name}" (func ${name} {import}))"#).unwrap();
        writeln!(self.core, r#"(func (export "{name}") (param {params}) {result} {body})"#).unwrap();
        writeln!(self.lifted, r#"(func ${name} {signature} (canon lift (core func $i "{name}") {options}))"#)
            .unwrap();
        writeln!(self.exports, r#"(export "{name}" (func ${name}))"#).unwrap();
    }
}

/// The type as a component may have it: no empty records or tuples, and 1 to 32 flags.
pub fn mended(ty: &ValueType) -> ValueType {
    let boxed = |ty: &ValueType| Box::new(mended(ty));
    match ty {
        ValueType::Tuple(elements) if elements.is_empty() => ValueType::Bool,
        ValueType::Record(fields) if fields.is_empty() => ValueType::Bool,
        ValueType::Flags(names) if names.is_empty() => ValueType::Bool,
        ValueType::Flags(names) => ValueType::Flags(names.iter().take(32).cloned().collect()),
        ValueType::List(element) => ValueType::List(boxed(element)),
        ValueType::Option(some) => ValueType::Option(boxed(some)),
        ValueType::Result { ok, err } => {
            ValueType::Result { ok: ok.as_deref().map(boxed), err: err.as_deref().map(boxed) }
        }
        ValueType::Tuple(elements) => ValueType::Tuple(elements.iter().map(mended).collect()),
        ValueType::Record(fields) => ValueType::Record(
            fields.iter().map(|field| Field { name: field.name.clone(), ty: mended(&field.ty) }).collect(),
        ),
        ValueType::Variant(cases) => ValueType::Variant(
            cases
                .iter()
                .map(|case| Case { name: case.name.clone(), ty: case.ty.as_ref().map(mended) })
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The type as text; those that need a name are defined in `named`.
fn expression(ty: &ValueType, named: &mut Vec<(String, ValueType)>) -> String {
    let optional = |ty: Option<&ValueType>, named: &mut Vec<_>| ty.map(|ty| expression(ty, named));
    let definition = match ty {
        ValueType::Bool => return "bool".into(),
        ValueType::U8 => return "u8".into(),
        ValueType::U16 => return "u16".into(),
        ValueType::U32 => return "u32".into(),
        ValueType::U64 => return "u64".into(),
        ValueType::S8 => return "s8".into(),
        ValueType::S16 => return "s16".into(),
        ValueType::S32 => return "s32".into(),
        ValueType::S64 => return "s64".into(),
        ValueType::F32 => return "f32".into(),
        ValueType::F64 => return "f64".into(),
        ValueType::Char => return "char".into(),
        ValueType::String => return "string".into(),
        ValueType::List(element) => return format!("(list {})", expression(element, named)),
        ValueType::Option(some) => return format!("(option {})", expression(some, named)),
        ValueType::Result { ok, err } => {
            let ok = optional(ok.as_deref(), named).unwrap_or_default();
            let err = optional(err.as_deref(), named).map(|err| format!("(error {err})")).unwrap_or_default();
            return format!("(result {ok} {err})");
        }
        ValueType::Tuple(elements) => {
            let elements: Vec<_> = elements.iter().map(|ty| expression(ty, named)).collect();
            return format!("(tuple {})", elements.join(" "));
        }
        ValueType::Record(fields) => {
            let fields: String = fields
                .iter()
                .map(|field| format!(r#"(field "{}" {})"#, field.name, expression(&field.ty, named)))
                .collect();
            format!("(record {fields})")
        }
        ValueType::Variant(cases) => {
            let cases: String = cases
                .iter()
                .map(|case| {
                    let payload = optional(case.ty.as_ref(), named).unwrap_or_default();
                    format!(r#"(case "{}" {payload})"#, case.name)
                })
                .collect();
            format!("(variant {cases})")
        }
        ValueType::Enum(names) => format!(r#"(enum "{}")"#, names.join(r#"" ""#)),
        ValueType::Flags(names) => format!(r#"(flags "{}")"#, names.join(r#"" ""#)),
    };
    let known = named.iter().position(|(_, known)| known == ty);
    let index = known.unwrap_or_else(|| {
        named.push((definition, ty.clone()));
        named.len() - 1
    });
    format!("$t{index}")
}

fn flatten(ty: &ValueType, out: &mut Vec<&'static str>) {
    match ty {
        ValueType::U64 | ValueType::S64 => out.push("i64"),
        ValueType::F32 => out.push("f32"),
        ValueType::F64 => out.push("f64"),
        ValueType::String | ValueType::List(_) => out.extend(["i32", "i32"]),
        ValueType::Option(some) => cases(&[None, Some(some)], out),
        ValueType::Result { ok, err } => cases(&[ok.as_deref(), err.as_deref()], out),
        ValueType::Variant(all) => cases(&all.iter().map(|case| case.ty.as_ref()).collect::<Vec<_>>(), out),
        ValueType::Tuple(elements) => elements.iter().for_each(|ty| flatten(ty, out)),
        ValueType::Record(fields) => fields.iter().for_each(|field| flatten(&field.ty, out)),
        _ => out.push("i32"),
    }
}

fn cases(payloads: &[Option<&ValueType>], out: &mut Vec<&'static str>) {
    out.push("i32");
    let mut joined: Vec<&'static str> = Vec::new();
    for payload in payloads.iter().flatten() {
        let mut flat = Vec::new();
        flatten(payload, &mut flat);
        for (position, ty) in flat.into_iter().enumerate() {
            match joined.get_mut(position) {
                None => joined.push(ty),
                Some(before) if *before == ty => {}
                Some(before) if matches!((*before, ty), ("i32", "f32") | ("f32", "i32")) => *before = "i32",
                Some(before) => *before = "i64",
            }
        }
    }
    out.extend(joined);
}
