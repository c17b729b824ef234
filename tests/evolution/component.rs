//! Components from a contract alone: every exported function returns zeros, and before that calls every function
//! that is imported with zeros. Zeros are a value of every type: 0, an empty list, `none`, the first case.
//! A relay is a function that hands its arguments on to an imported one, and what that returns back.

use interstice_wit::doors::HOST_WIT;
use interstice_wit::{ExtraFile, ExtraPackage, Schema, Sources, read, section};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, ImportSection, InstructionSink, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

/// Zeros, which nobody writes.
const ZEROS: i32 = 4096;

/// Where an imported function writes its result.
const RESULT: i32 = 16 << 10;

/// Where memory for lists and strings begins; what is taken is never given back.
const HEAP: i32 = 32 << 10;

const PAGE: i32 = 64 << 10;

/// A component that hands calls on: what is added to its sources, and who relays to whom.
#[derive(Default)]
pub(crate) struct Relays {
    /// The interfaces of doors of other packages and of its own, by the package.
    pub(crate) doors: Vec<(ExtraPackage, String)>,
    /// What its world imports besides.
    pub(crate) imports: Vec<String>,
    /// Whether nothing is called but what is relayed to.
    pub(crate) is_silent: bool,
    /// A function of the component, and the one that it relays to, each with the name of its interface.
    pub(crate) pairs: Vec<([String; 2], [String; 2])>,
}

/// The schema and the component of a package with one world.
pub(crate) fn component(sources: &Sources) -> (Schema, Vec<u8>) {
    relaying(sources, &Relays::default())
}

/// The same, with functions that hand on what they are asked.
pub(crate) fn relaying(sources: &Sources, relays: &Relays) -> (Schema, Vec<u8>) {
    let schema = read(sources, None).unwrap_or_else(|found| panic!("{}", found.render()));
    let mut world = format!("world relaying {{ include {};", schema.world);
    relays.imports.iter().for_each(|import| world += &format!(" import {import};"));
    let mut extra =
        vec![(ExtraPackage::Root, format!("{world} }}")), (ExtraPackage::New, HOST_WIT.to_owned())];
    extra.extend(relays.doors.iter().cloned());
    let file = |(position, (package, text)): (usize, (ExtraPackage, String))| ExtraFile {
        package,
        path: format!("extra-{position}.wit"),
        text,
    };
    let extra: Vec<_> = extra.into_iter().enumerate().map(file).collect();
    let (resolve, package) = sources.resolve(&extra).unwrap_or_else(|found| panic!("{}", found.render()));
    let world = resolve.packages[package].worlds["relaying"];
    let mut module = core_module(&resolve, world, &schema, relays);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .merge_imports_based_on_semver(false)
        .module(&module)
        .unwrap();
    let component = encoder.encode().unwrap();
    (schema.clone(), section::embed(&component, &schema).unwrap())
}

/// A function of the world: the name of its interface, its own, and how it looks to core wasm.
struct Item {
    interface: String,
    name: String,
    signature: WasmSignature,
}

fn items<'a>(
    resolve: &Resolve,
    items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
    variant: AbiVariant,
) -> Vec<Item> {
    let mut found = Vec::new();
    for (key, item) in items {
        let WorldItem::Interface { id, .. } = item else { continue };
        for function in resolve.interfaces[*id].functions.values() {
            let signature = resolve.wasm_signature(variant, function);
            found.push(Item {
                interface: resolve.name_world_key(key),
                name: function.name.clone(),
                signature,
            });
        }
    }
    found
}

impl Item {
    fn is(&self, [interface, name]: &[String; 2]) -> bool {
        self.interface == *interface && self.name == *name
    }
}

fn core_module(resolve: &Resolve, world: WorldId, schema: &Schema, relays: &Relays) -> Vec<u8> {
    let world = &resolve.worlds[world];
    let all = items(resolve, world.imports.iter(), AbiVariant::GuestImport);
    // What another module's interface has for its host only is not called, and so not imported.
    let is_called = |item: &Item| {
        if relays.is_silent {
            return false;
        }
        let interfaces =
            schema.foreign.iter().filter(|interface| interface.name.to_string() == item.interface);
        interfaces.flat_map(|interface| &interface.functions).any(|function| function.name == item.name)
    };
    let is_relayed_to = |item: &Item| relays.pairs.iter().any(|(_, target)| item.is(target));
    let (mut imports, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_called);
    let called = imports.len();
    imports.extend(others.into_iter().filter(is_relayed_to));
    let exports = items(resolve, world.exports.iter(), AbiVariant::GuestExport);

    let (mut types, mut import_section, mut functions) =
        (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut export_section, mut code) = (ExportSection::new(), CodeSection::new());
    for (position, item) in (0..).zip(imports.iter().chain(&exports)) {
        types.ty().function(values(&item.signature.params), values(&item.signature.results));
        if (position as usize) < imports.len() {
            import_section.import(&item.interface, &item.name, wasm_encoder::EntityType::Function(position));
        } else {
            functions.function(position);
            let name = format!("{}#{}", item.interface, item.name);
            export_section.export(&name, ExportKind::Func, position);
            let relay = relays.pairs.iter().find(|(own, _)| item.is(own));
            code.function(&match relay {
                Some((_, target)) => {
                    let to = imports.iter().position(|import| import.is(target)).unwrap_or_else(|| {
                        panic!("{target:?} is not imported, or not there");
                    });
                    relay_body(item, &imports[to], to as u32)
                }
                None => body(item, &imports[..called]),
            });
        }
    }
    let realloc = (imports.len() + exports.len()) as u32;
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    functions.function(realloc);
    export_section.export("cabi_realloc", ExportKind::Func, realloc);
    code.function(&allocate());
    let mut globals = GlobalSection::new();
    let heap = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(heap, &ConstExpr::i32_const(HEAP));

    let mut memory = MemorySection::new();
    let ty = MemoryType { minimum: 2, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memory.memory(ty);
    export_section.export("memory", ExportKind::Memory, 0);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), [0_u8]);
    let mut module = Module::new();
    module.section(&types).section(&import_section).section(&functions).section(&memory).section(&globals);
    module.section(&export_section).section(&code).section(&data);
    module.finish()
}

/// `cabi_realloc(_, _, align, size)`: further memory, aligned, of which nothing is ever given back.
fn allocate() -> Function {
    let mut function = Function::new([(1, ValType::I32)]);
    let mut code = function.instructions();
    // place = (heap + align - 1) & -align; heap = place + size
    code.global_get(0).local_get(2).i32_add().i32_const(1).i32_sub();
    code.i32_const(0).local_get(2).i32_sub().i32_and().local_tee(4);
    code.local_get(3).i32_add().global_set(0);
    code.block(wasm_encoder::BlockType::Empty);
    code.global_get(0).memory_size(0).i32_const(PAGE).i32_mul().i32_le_u().br_if(0);
    code.local_get(3).i32_const(PAGE).i32_div_u().i32_const(1).i32_add().memory_grow(0).drop();
    code.end().local_get(4).end();
    function
}

/// Hands the arguments on, which look alike on both sides, and returns what comes back, if it is to.
fn relay_body(item: &Item, import: &Item, position: u32) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    (0..item.signature.params.len() as u32).for_each(|param| {
        code.local_get(param);
    });
    if import.signature.retptr {
        code.i32_const(RESULT);
    }
    code.call(position);
    match (item.signature.results.is_empty(), import.signature.retptr) {
        (false, true) => {
            code.i32_const(RESULT);
        }
        (true, false) => import.signature.results.iter().for_each(|_| {
            code.drop();
        }),
        _ => {}
    }
    code.end();
    function
}

/// Calls everything that is imported, and returns zeros.
fn body(item: &Item, imports: &[Item]) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    for (position, import) in (0..).zip(imports) {
        for (at, param) in import.signature.params.iter().enumerate() {
            let is_return_pointer = import.signature.retptr && at + 1 == import.signature.params.len();
            let is_pointer = import.signature.indirect_params && at == 0;
            match param {
                _ if is_return_pointer => {
                    code.i32_const(RESULT);
                }
                _ if is_pointer => {
                    code.i32_const(ZEROS);
                }
                ty => zero(*ty, &mut code),
            }
        }
        code.call(position);
        for _ in &import.signature.results {
            code.drop();
        }
    }
    for result in &item.signature.results {
        match result {
            WasmType::I32 | WasmType::Pointer | WasmType::Length if item.signature.retptr => {
                code.i32_const(ZEROS);
            }
            ty => zero(*ty, &mut code),
        }
    }
    code.end();
    function
}

fn zero(ty: WasmType, code: &mut InstructionSink<'_>) {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => code.i64_const(0),
        WasmType::F32 => code.f32_const(0.0.into()),
        WasmType::F64 => code.f64_const(0.0.into()),
        WasmType::I32 | WasmType::Pointer | WasmType::Length => code.i32_const(0),
    };
}

fn values(types: &[WasmType]) -> Vec<ValType> {
    let value = |ty: &WasmType| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
    };
    types.iter().map(value).collect()
}
