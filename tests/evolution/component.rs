//! Components from a contract alone: every exported function returns zeros, and before that calls every function
//! that is imported with zeros. Zeros are a value of every type: 0, an empty list, `none`, the first case.

use interstice_wit::{Schema, Sources, read, section};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

/// Where results are written and read: zeros, far from the beginning.
const ZEROS: i32 = 4096;

/// The schema and the component of a package with one world.
pub(crate) fn component(sources: &Sources) -> (Schema, Vec<u8>) {
    let schema = read(sources, None).unwrap_or_else(|found| panic!("{}", found.render()));
    let (resolve, package) = sources.resolve(&[]).unwrap();
    let world = resolve.packages[package].worlds[&schema.world];
    let mut module = core_module(&resolve, world, &schema);
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

fn core_module(resolve: &Resolve, world: WorldId, schema: &Schema) -> Vec<u8> {
    let world = &resolve.worlds[world];
    let mut imports = items(resolve, world.imports.iter(), AbiVariant::GuestImport);
    // What another module's interface has for its host only is not called, and so not imported.
    imports.retain(|item| {
        let interfaces =
            schema.foreign.iter().filter(|interface| interface.name.to_string() == item.interface);
        interfaces.flat_map(|interface| &interface.functions).any(|function| function.name == item.name)
    });
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
            code.function(&body(item, &imports));
        }
    }
    // Whatever a callee returns has no length, so that no byte is written where this points.
    let realloc = (imports.len() + exports.len()) as u32;
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    functions.function(realloc);
    export_section.export("cabi_realloc", ExportKind::Func, realloc);
    let mut function = Function::new([]);
    function.instructions().i32_const(ZEROS).end();
    code.function(&function);

    let mut memory = MemorySection::new();
    let ty = MemoryType { minimum: 2, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memory.memory(ty);
    export_section.export("memory", ExportKind::Memory, 0);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), [0_u8]);
    let mut module = Module::new();
    module.section(&types).section(&import_section).section(&functions).section(&memory);
    module.section(&export_section).section(&code).section(&data);
    module.finish()
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
                _ if is_return_pointer || is_pointer => code.i32_const(ZEROS),
                WasmType::I64 | WasmType::PointerOrI64 => code.i64_const(0),
                WasmType::F32 => code.f32_const(0.0.into()),
                WasmType::F64 => code.f64_const(0.0.into()),
                WasmType::I32 | WasmType::Pointer | WasmType::Length => code.i32_const(0),
            };
        }
        code.call(position);
        for _ in &import.signature.results {
            code.drop();
        }
    }
    for result in &item.signature.results {
        match result {
            WasmType::I32 | WasmType::Length if !item.signature.retptr => code.i32_const(0),
            WasmType::I32 | WasmType::Pointer | WasmType::Length => code.i32_const(ZEROS),
            WasmType::I64 | WasmType::PointerOrI64 => code.i64_const(0),
            WasmType::F32 => code.f32_const(0.0.into()),
            WasmType::F64 => code.f64_const(0.0.into()),
        };
    }
    code.end();
    function
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
