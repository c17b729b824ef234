//! Components that want more than they may have, or something else than there is: each of the five checks of
//! linking refuses in its turn, and says which module, which item, what was wanted, what was found and what to do.
//! The components are written by hand, so that nothing of ours stands between a forger and the host; their schemas
//! say whatever the forger likes.

use interstice_test::Database;
use interstice_wit::{
    Column, ColumnIndex, FieldDef, Function, FunctionKind, Index, Interface, PackageName, Param, Schema,
    Storage, Table, Type, TypeDef, TypeKind, Visibility, section,
};

fn package(name: &str, version: &str) -> PackageName {
    PackageName { namespace: "test".to_owned(), name: name.to_owned(), version: version.parse().unwrap() }
}

fn function(name: &str, kind: FunctionKind, params: &[(&str, Type)], result: Option<Type>) -> Function {
    let params = params.iter().map(|(name, ty)| Param { name: (*name).to_owned(), ty: ty.clone() }).collect();
    Function { name: name.to_owned(), docs: None, kind, params, result }
}

fn table(
    name: &str,
    visibility: Visibility,
    columns: &[(&str, Type)],
    indexes: &[(&str, u32, bool)],
) -> Table {
    let column = |(name, ty): &(&str, Type)| Column {
        name: (*name).to_owned(),
        docs: None,
        ty: ty.clone(),
        auto_increment: false,
        default: None,
        renamed_from: None,
    };
    let index = |(name, column, unique): &(&str, u32, bool)| Index {
        name: (*name).to_owned(),
        columns: vec![ColumnIndex(*column)],
        unique: *unique,
    };
    Table {
        name: name.to_owned(),
        visibility,
        storage: Storage::Logged,
        columns: columns.iter().map(column).collect(),
        primary_key: vec![ColumnIndex(0)],
        indexes: indexes.iter().map(index).collect(),
        renamed_from: None,
    }
}

fn record_of(table: &Table) -> TypeDef {
    let field = |column: &Column| FieldDef { name: column.name.clone(), docs: None, ty: column.ty.clone() };
    let kind = TypeKind::Record(table.columns.iter().map(field).collect());
    TypeDef { name: table.name.clone(), docs: None, kind }
}

/// Sets the tables of an interface, and their records.
fn set_tables(interface: &mut Interface, tables: Vec<Table>) {
    interface.types = tables.iter().map(record_of).collect();
    interface.tables = tables;
}

fn interface(
    package: &PackageName,
    name: &str,
    visibility: Visibility,
    functions: Vec<Function>,
) -> Interface {
    Interface {
        name: package.interface(name),
        visibility,
        docs: None,
        types: Vec::new(),
        tables: Vec::new(),
        functions,
    }
}

fn coin() -> Table {
    let columns = [("id", Type::U64), ("owner", Type::String), ("worth", Type::S64)];
    table("coin", Visibility::Public, &columns, &[("owner", 1, true), ("worth", 2, false)])
}

fn secret() -> Table {
    table("secret", Visibility::Private, &[("id", Type::U64), ("text", Type::String)], &[])
}

/// The vault: what everybody may call, what nobody may, and two tables of which one is public.
fn vault(version: &str) -> Schema {
    let package = package("vault", version);
    let mut tables = interface(&package, "tables", Visibility::Public, Vec::new());
    set_tables(&mut tables, vec![coin(), secret()]);
    let book = vec![
        function("peek", FunctionKind::Query, &[], Some(Type::U32)),
        function("poke", FunctionKind::Reducer, &[("by", Type::U32)], Some(Type::U32)),
        function("rest", FunctionKind::Schedule { every_ms: 3_600_000 }, &[], None),
    ];
    let inner = vec![function("wipe", FunctionKind::Reducer, &[], None)];
    Schema {
        world: "vault".to_owned(),
        docs: None,
        exports: vec![
            interface(&package, "book", Visibility::Public, book),
            interface(&package, "inner", Visibility::Private, inner),
            tables,
        ],
        imports: Vec::new(),
        foreign: Vec::new(),
        package,
    }
}

fn export<'s>(schema: &'s mut Schema, name: &str) -> &'s mut Interface {
    schema.exports.iter_mut().find(|interface| interface.name.name == name).unwrap()
}

/// A component that exports what the schema of the vault says. Each function answers with a fixed number.
fn vault_component(schema: &Schema) -> Vec<u8> {
    let version = &schema.package.version;
    let book = schema.exports.iter().find(|interface| interface.name.name == "book").unwrap();
    let function = |function: &Function| {
        let ty = |ty: &Type| if *ty == Type::U64 { "u64" } else { "u32" };
        let core = |ty: &Type| if *ty == Type::U64 { "i64" } else { "i32" };
        let name = &function.name;
        let params: String = function
            .params
            .iter()
            .map(|param| format!("(param \"{}\" {})", param.name, ty(&param.ty)))
            .collect();
        let core_params: String =
            function.params.iter().map(|param| format!("(param {})", core(&param.ty))).collect();
        let result = function.result.as_ref().map(|result| format!("(result {})", ty(result)));
        let core_result = function
            .result
            .as_ref()
            .map(|result| format!("(result {}) {}.const 7", core(result), core(result)));
        (
            format!("(func (export \"{name}\") {core_params} {})", core_result.unwrap_or_default()),
            format!(
                "(func ${name} {params} {} (canon lift (core func $code \"{name}\")))",
                result.unwrap_or_default()
            ),
            format!("(export \"{name}\" (func ${name}))"),
        )
    };
    let inner = schema.exports.iter().find(|interface| interface.name.name == "inner").unwrap();
    let all: Vec<_> = book.functions.iter().chain(&inner.functions).map(function).collect();
    let bodies: String = all.iter().map(|(body, _, _)| body.as_str()).collect();
    let lifted: String = all.iter().map(|(_, lifted, _)| lifted.as_str()).collect();
    let of_book: String = all[..book.functions.len()].iter().map(|(_, _, name)| name.as_str()).collect();
    let of_inner: String = all[book.functions.len()..].iter().map(|(_, _, name)| name.as_str()).collect();
    let text = format!(
        "(component
           (core module $module {bodies})
           (core instance $code (instantiate $module))
           {lifted}
           (instance $book {of_book})
           (instance $inner {of_inner})
           (export \"test:vault/book@{version}\" (instance $book))
           (export \"test:vault/inner@{version}\" (instance $inner)))"
    );
    section::embed(&wat::parse_str(text).unwrap(), schema).unwrap()
}

/// The schema of a module that imports these interfaces of a vault, as it knows them.
fn thief(known: &Schema, imports: &[&str]) -> Schema {
    let mut imports: Vec<_> = imports.iter().map(|name| known.package.interface(name)).collect();
    imports.sort();
    Schema {
        package: package("thief", "1.0.0"),
        world: "thief".to_owned(),
        docs: None,
        exports: Vec::new(),
        foreign: known
            .exports
            .iter()
            .filter(|interface| imports.contains(&interface.name))
            .cloned()
            .collect(),
        imports,
    }
}

/// A component with this schema that imports these functions, each an instance and what it holds.
fn component(schema: &Schema, imports: &[(&str, &str)]) -> Vec<u8> {
    let imports: String =
        imports.iter().map(|(name, holds)| format!("(import \"{name}\" (instance {holds}))")).collect();
    section::embed(&wat::parse_str(format!("(component {imports})")).unwrap(), schema).unwrap()
}

const COUNT: &str = "(export \"count\" (func (result u64)))";
const FIND: &str =
    "(export \"find\" (func (param \"index\" u32) (param \"key\" (list u8)) (result (option (list u8)))))";
const PEEK: &str = "(export \"peek\" (func (result u32)))";
const POKE: &str = "(export \"poke\" (func (param \"by\" u32) (result u32)))";
const INSERT: &str = "(type (variant (case \"duplicate-key\") (case \"duplicate-unique\" u32) (case \"no-such-row\") \
     (case \"counter-overflow\"))) (export \"violation\" (type (eq 0))) \
     (export \"insert\" (func (param \"row\" (list u8)) (result (result u64 (error 1)))))";

/// A database with this vault.
fn with(vault: &Schema) -> Database {
    let database = Database::empty();
    database.node().install(&vault_component(vault)).unwrap();
    database
}

/// Offers a component to a database with this vault. It must be refused with this code, say all of this, and leave
/// nothing.
fn refused(vault: &Schema, component: &[u8], code: &str, says: &[&str]) {
    let database = with(vault);
    let before = database.node().last_sequence();
    let error = database.node().install(component).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    for text in says {
        assert!(error.to_string().contains(text), "{error} does not say {text:?}");
    }
    assert_eq!((database.node().last_sequence(), database.node().modules().len()), (before, 1));
}

/// The same, refused by one of the five checks: it says who wants what, and what to do.
fn not_linked(vault: &Schema, component: &[u8], check: &str, says: &[&str]) {
    refused(vault, component, "version.link", &["test:thief@1.0.0", check]);
    refused(vault, component, "version.link", says);
}

fn linked(vault: &Schema, component: &[u8]) {
    with(vault).node().install(component).unwrap();
}

#[test]
fn honest_components_are_linked() {
    let vault = vault("1.2.0");
    let imports = [
        ("test:vault/book@1.2.0", format!("{PEEK}{POKE}")),
        ("test:vault/coin-rows@1.2.0", format!("{COUNT}{FIND}")),
    ];
    let imports = imports.each_ref().map(|(name, holds)| (*name, holds.as_str()));
    linked(&vault, &component(&thief(&vault, &["book", "tables"]), &imports));
}

#[test]
fn what_no_module_exports_is_not_present() {
    let vault = vault("1.2.0");
    let mut other = self::vault("1.2.0");
    other.package.name = "safe".to_owned();
    other.exports.iter_mut().for_each(|interface| interface.name.package.name = "safe".to_owned());
    let wants = component(&thief(&other, &["book"]), &[("test:safe/book@1.2.0", PEEK)]);
    not_linked(
        &vault,
        &wants,
        "present",
        &["test:safe/book@1.2.0", "no such module", "install test:safe first"],
    );
    let mut guessed = vault.clone();
    export(&mut guessed, "book").name.name = "boon".to_owned();
    guessed.exports.sort_by(|left, right| left.name.cmp(&right.name));
    let wants = component(&thief(&guessed, &["boon"]), &[("test:vault/boon@1.2.0", PEEK)]);
    not_linked(&vault, &wants, "present", &["without that interface"]);
    let mut guessed = vault.clone();
    export(&mut guessed, "book").functions[0].name = "drain".to_owned();
    let holds = "(export \"drain\" (func (result u32)))";
    let wants = component(&thief(&guessed, &["book"]), &[("test:vault/book@1.2.0", holds)]);
    not_linked(&vault, &wants, "present", &["drain", "no function of that name"]);
    let mut guessed = vault.clone();
    let mut hoard = coin();
    hoard.name = "hoard".to_owned();
    set_tables(export(&mut guessed, "tables"), vec![hoard]);
    let wants = component(&thief(&guessed, &["tables"]), &[("test:vault/hoard-rows@1.2.0", COUNT)]);
    not_linked(&vault, &wants, "present", &["hoard", "no table of that name"]);
}

#[test]
fn what_is_private_stays_so_whatever_the_importer_says_of_it() {
    let vault = vault("1.2.0");
    // Without a lie the proof refuses it before any check.
    let wants = component(&thief(&vault, &["tables"]), &[("test:vault/secret-rows@1.2.0", COUNT)]);
    refused(&vault, &wants, "version.forged-schema", &["secret-rows", "private"]);
    // In the importer's own copy everything is public.
    let mut lie = vault.clone();
    export(&mut lie, "inner").visibility = Visibility::Public;
    export(&mut lie, "tables").tables[1].visibility = Visibility::Public;
    let wants = component(&thief(&lie, &["tables"]), &[("test:vault/secret-rows@1.2.0", COUNT)]);
    not_linked(&vault, &wants, "visible", &["secret", "a private one", "ask its owner"]);
    let wants =
        component(&thief(&lie, &["inner"]), &[("test:vault/inner@1.2.0", "(export \"wipe\" (func))")]);
    not_linked(&vault, &wants, "visible", &["test:vault/inner@1.2.0", "a private one"]);
    // What the host alone calls is passed off as a reducer.
    let mut lie = vault.clone();
    export(&mut lie, "book").functions[2].kind = FunctionKind::Reducer;
    let wants = component(&thief(&lie, &["book"]), &[("test:vault/book@1.2.0", "(export \"rest\" (func))")]);
    not_linked(&vault, &wants, "visible", &["rest", "a handler that the host alone calls"]);
}

#[test]
fn what_no_schema_imports_is_refused_by_its_name() {
    let vault = vault("1.2.0");
    for (name, holds) in [
        ("test:vault/secret-rows@1.2.0", COUNT),
        ("test:vault/coin-rows@1.2.0", COUNT),
        ("test:vault/book@1.2.0", PEEK),
        ("test:vault/inner@1.2.0", "(export \"wipe\" (func))"),
        ("wasi:filesystem/preopens@0.2.0", "(export \"get-directories\" (func))"),
    ] {
        let wants = component(&thief(&vault, &[]), &[(name, holds)]);
        refused(&vault, &wants, "version.forged-schema", &[name, "not on the list"]);
    }
}

#[test]
fn another_modules_table_is_written_by_nobody_else() {
    let vault = vault("1.2.0");
    let wants = component(&thief(&vault, &["tables"]), &[("test:vault/coin-rows@1.2.0", INSERT)]);
    refused(&vault, &wants, "version.forged-schema", &["insert", "only the owner of a table changes it"]);
    // It says that it is the owner: its own package has an interface of that name, and a table beside it.
    let mut own = thief(&vault, &[]);
    own.exports = vec![vault.exports[2].clone()];
    let wants = component(&own, &[("test:vault/coin-rows@1.2.0", INSERT)]);
    refused(&vault, &wants, "version.bad-component", &["another package's interface"]);
}

#[test]
fn versions_that_promise_nothing_are_not_taken_for_others() {
    for (built, installed, serves) in [
        ("1.2.0", "1.2.0", true),
        ("1.2.0", "1.2.3", true),
        ("1.2.0", "1.9.0", true),
        ("1.2.0", "1.1.0", false),
        ("1.2.0", "2.0.0", false),
        ("1.2.0", "1.3.0-rc.1", false),
        ("0.2.0", "0.2.7", true),
        ("0.2.0", "0.3.0", false),
    ] {
        let known = vault(built);
        let book = format!("test:vault/book@{built}");
        let rows = format!("test:vault/coin-rows@{built}");
        for (imports, import) in [("book", (book.as_str(), PEEK)), ("tables", (rows.as_str(), COUNT))] {
            let wants = component(&thief(&known, &[imports]), &[import]);
            if serves {
                linked(&vault(installed), &wants);
            } else {
                let found = format!("test:vault@{installed}");
                not_linked(&vault(installed), &wants, "semver", &[&format!("test:vault >= {built}"), &found]);
            }
        }
    }
}

#[test]
fn an_altered_copy_of_the_contract_is_refused_at_the_item_that_was_altered() {
    let real = vault("1.2.0");
    type Alter = fn(&mut Table);
    let cases: [(Alter, &[&str]); 6] = [
        (|coin| coin.columns[2].ty = Type::U64, &["column coin.worth", "u64", "s64 in test:vault@1.2.0"]),
        (
            |coin| {
                coin.columns[2].name = "value".to_owned();
                coin.indexes[1].name = "value".to_owned();
            },
            &["column coin.value", "nothing of that name"],
        ),
        (
            |coin| coin.primary_key = vec![ColumnIndex(1)],
            &["table coin", "primary-key(owner)", "primary-key(id)"],
        ),
        (|coin| coin.storage = Storage::Ephemeral, &["table coin", "ephemeral", "logged"]),
        (|coin| coin.indexes[1].unique = true, &["index coin.worth", "unique(worth)", "index(worth)"]),
        (
            |coin| {
                coin.indexes[0].columns.push(ColumnIndex(2));
                coin.indexes[0].name = "owner-and-worth".to_owned();
            },
            &["index coin.owner-and-worth", "unique(owner, worth)", "nothing of that name"],
        ),
    ];
    for (alter, says) in cases {
        let mut altered = real.clone();
        let mut table = coin();
        alter(&mut table);
        set_tables(export(&mut altered, "tables"), vec![table]);
        let wants = component(&thief(&altered, &["tables"]), &[("test:vault/coin-rows@1.2.0", FIND)]);
        not_linked(&real, &wants, "hash", says);
        // A copy that says that it is private is compared all the same.
        export(&mut altered, "tables").visibility = Visibility::Private;
        let wants = component(&thief(&altered, &["tables"]), &[("test:vault/coin-rows@1.2.0", FIND)]);
        not_linked(&real, &wants, "hash", says);
    }
    let mut altered = real.clone();
    export(&mut altered, "book").functions[0].kind = FunctionKind::Reducer;
    let wants = component(&thief(&altered, &["book"]), &[("test:vault/book@1.2.0", PEEK)]);
    not_linked(&real, &wants, "hash", &["function peek", "reducer()", "query()"]);
    let mut altered = real.clone();
    export(&mut altered, "book").functions[1].params[0].name = "with".to_owned();
    let holds = "(export \"poke\" (func (param \"with\" u32) (result u32)))";
    let wants = component(&thief(&altered, &["book"]), &[("test:vault/book@1.2.0", holds)]);
    not_linked(
        &real,
        &wants,
        "hash",
        &["function poke", "with: u32", "by: u32", "build test:thief@1.0.0 against"],
    );
    // What is altered and not used harms nobody.
    let wants = component(&thief(&altered, &["book"]), &[("test:vault/book@1.2.0", PEEK)]);
    linked(&real, &wants);
}

#[test]
fn who_knew_fewer_columns_and_indexes_is_linked_and_who_used_what_is_gone_is_not() {
    let built = vault("1.2.0");
    let mut installed = vault("1.5.0");
    let columns = [("id", Type::U64), ("minted", Type::U32), ("worth", Type::S64), ("owner", Type::String)];
    let indexes = [("minted", 1, false), ("owner", 3, true)];
    set_tables(
        export(&mut installed, "tables"),
        vec![table("coin", Visibility::Public, &columns, &indexes), secret()],
    );
    let schema = thief(&built, &["tables"]);
    linked(&installed, &component(&schema, &[("test:vault/coin-rows@1.2.0", COUNT)]));
    let wants = component(&schema, &[("test:vault/coin-rows@1.2.0", FIND)]);
    not_linked(&installed, &wants, "hash", &["index coin.worth", "index(worth)", "nothing of that name"]);
}

#[test]
fn a_binary_that_is_not_what_its_section_says_is_refused() {
    let vault = vault("1.2.0");
    let schema = thief(&vault, &["book", "tables"]);
    for (name, holds, says) in [
        ("test:vault/book@1.2.0", "(export \"peek\" (func (result u64)))", "peek"),
        ("test:vault/book@1.2.0", "(export \"poke\" (func (param \"amount\" u32) (result u32)))", "poke"),
        ("test:vault/coin-rows@1.2.0", "(export \"count\" (func (result u32)))", "count"),
        ("test:vault/coin-rows@1.2.0", "(export \"steal\" (func))", "steal"),
    ] {
        refused(&vault, &component(&schema, &[(name, holds)]), "version.forged-schema", &[says]);
    }
}
