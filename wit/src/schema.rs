//! The schema of a module: what its WIT world says, as plain data that crates exchange.
//! It never holds an arena index of a WIT tool, so that two versions of such a tool can meet.
//! Invariant: every [`TypeName`] in a schema that the reader returned resolves in it.

use interstice_codec::{Case, Field, ValueType};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A package and its version, such as `acme:bank@1.2.0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageName {
    /// `acme`
    pub namespace: String,
    /// `bank`
    pub name: String,
    /// `1.2.0`
    pub version: Version,
}

/// An interface and the package that it belongs to, such as `acme:bank/ledger@1.2.0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InterfaceName {
    /// The package that declares it.
    pub package: PackageName,
    /// `ledger`
    pub name: String,
}

/// A named type and the interface that declares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TypeName {
    /// The interface in which the type stands.
    pub interface: InterfaceName,
    /// `transfer-error`
    pub name: String,
}

/// Everything that a module declares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The module's package.
    pub package: PackageName,
    /// The world that was read.
    pub world: String,
    /// The docs of the package, directives taken out.
    pub docs: Option<String>,
    /// The interfaces that the world exports, in the order of their names.
    pub exports: Vec<Interface>,
    /// The interfaces that the world imports by name, in the order of their names. Their
    /// declarations, as this module knew them, stand in `foreign`.
    pub imports: Vec<InterfaceName>,
    /// Interfaces that are not exported but whose types are reached from here: imported
    /// interfaces, and those whose types are `use`d. In the order of their names.
    pub foreign: Vec<Interface>,
}

/// An interface with everything in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Its full name.
    pub name: InterfaceName,
    /// Who may reach it.
    pub visibility: Visibility,
    /// Its docs, directives taken out.
    pub docs: Option<String>,
    /// Its types in the order of the declaration, tables' records and `use`d types included.
    pub types: Vec<TypeDef>,
    /// Its tables in the order of the declaration.
    pub tables: Vec<Table>,
    /// Its functions in the order of the declaration.
    pub functions: Vec<Function>,
}

/// Who may reach an interface or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// The module itself and the host.
    Private,
    /// Every module and every client.
    Public,
}

/// A type with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeDef {
    /// Its name in this interface.
    pub name: String,
    /// Its docs, directives taken out.
    pub docs: Option<String>,
    /// What it is.
    pub kind: TypeKind,
}

/// What a named type is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeKind {
    /// `record`
    Record(Vec<FieldDef>),
    /// `variant`
    Variant(Vec<CaseDef>),
    /// `enum`
    Enum(Vec<LabelDef>),
    /// `flags`
    Flags(Vec<LabelDef>),
    /// `type name = …`
    Alias(Type),
    /// `use other.{name}` (or `name as …`)
    Use(TypeName),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldDef {
    /// Its name.
    pub name: String,
    /// Its docs, directives taken out.
    pub docs: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseDef {
    /// Its name.
    pub name: String,
    /// Its docs.
    pub docs: Option<String>,
    /// What it carries.
    #[serde(rename = "type")]
    pub ty: Option<Type>,
}

/// A case of an enum, or a flag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelDef {
    /// Its name.
    pub name: String,
    /// Its docs.
    pub docs: Option<String>,
}

/// A type where it is used.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// `bool`
    Bool,
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `s8`
    S8,
    /// `s16`
    S16,
    /// `s32`
    S32,
    /// `s64`
    S64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `string`
    String,
    /// `list<T>`
    List(Box<Type>),
    /// `option<T>`
    Option(Box<Type>),
    /// `result<T, E>`
    Result {
        /// What `ok` carries.
        ok: Option<Box<Type>>,
        /// What `err` carries.
        err: Option<Box<Type>>,
    },
    /// `tuple<…>`
    Tuple(Vec<Type>),
    /// A type that has a name, in the interface that declares it (never by way of a `use`).
    Named(TypeName),
}

/// A table: a record whose doc comment says `@table`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The name of the record, and so of the table.
    pub name: String,
    /// Who may read it. Writing is for the module that owns it alone.
    pub visibility: Visibility,
    /// Whether its rows are logged.
    pub storage: Storage,
    /// Its columns in the order of the record's fields.
    pub columns: Vec<Column>,
    /// The columns of the primary key, in the order of the key.
    pub primary_key: Vec<ColumnIndex>,
    /// Its secondary indexes, unique ones included, in the order of their names.
    pub indexes: Vec<Index>,
    /// The name that the table had in the version before, if this one gave it another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// Whether the rows of a table survive a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// In the log, and so for ever.
    Logged,
    /// Empty after a restart.
    Ephemeral,
}

/// The position of a column in its table, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnIndex(pub u32);

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its docs, directives taken out.
    pub docs: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// Whether an insert with 0 is given the next number.
    pub auto_increment: bool,
    /// The value that an older row takes when the column is new, as canonical WAVE text.
    pub default: Option<String>,
    /// The name that the column had in the version before, if this one gave it another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// A secondary index, ordered by its columns and then by the primary key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// The names of its columns, joined by `-and-`: `owner`, `owner-and-day`.
    pub name: String,
    /// Its columns, in the order of the key.
    pub columns: Vec<ColumnIndex>,
    /// Whether two rows may hold the same key.
    pub unique: bool,
}

/// A function of an interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its docs, directives taken out.
    pub docs: Option<String>,
    /// What it is to the database.
    pub kind: FunctionKind,
    /// Its parameters in the order of the declaration.
    pub params: Vec<Param>,
    /// What it returns.
    pub result: Option<Type>,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
}

/// What a function is to the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FunctionKind {
    /// A write transaction.
    Reducer,
    /// A read-only function.
    Query,
    /// A handler that the host calls.
    On(Trigger),
    /// A reducer that the host calls again and again.
    Schedule {
        /// The time from one run to the next, in milliseconds.
        every_ms: u64,
    },
    /// The host calls it within an upgrade: it fills the new tables from those of the version before.
    Migrate,
}

/// What a handler waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// The module is installed.
    Init,
    /// The module replaces an older version of itself.
    Upgrade,
    /// A client connects.
    Connect,
    /// A client goes.
    Disconnect,
    /// A row of a table of this module, or of a public table of an imported one, has changed.
    Row {
        /// What happened to it.
        event: RowEvent,
        /// The record that is the table.
        table: TypeName,
        /// Only rows for which this holds.
        filter: Option<RowFilter>,
    },
}

/// What happened to a row in a transaction, taken over the whole of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowEvent {
    /// It is there now and was not before. The handler takes the row.
    Insert,
    /// It was there and has changed. The handler takes the row before and the row after.
    Update,
    /// It was there and is gone. The handler takes the row that was.
    Delete,
}

/// `where = column == value`: a condition on one column of the row (of the new row, for an update).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowFilter {
    /// The column that is compared.
    pub column: ColumnIndex,
    /// How it is compared.
    pub operator: Comparison,
    /// The value that it is compared with, as canonical WAVE text.
    pub value: String,
}

/// How two values are compared. Order is that of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}@{}", self.namespace, self.name, self.version)
    }
}

impl PackageName {
    /// The name without the version, such as `acme:bank`.
    pub fn unversioned(&self) -> String {
        format!("{}:{}", self.namespace, self.name)
    }

    /// The full name of an interface of this package.
    pub fn interface(&self, name: &str) -> InterfaceName {
        InterfaceName { package: self.clone(), name: name.to_owned() }
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PackageName { namespace, name, version } = &self.package;
        write!(f, "{namespace}:{name}/{}@{version}", self.name)
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{{{}}}", self.interface, self.name)
    }
}

impl Schema {
    /// The interface of that name, exported or foreign.
    pub fn interface(&self, name: &InterfaceName) -> Option<&Interface> {
        self.exports.iter().chain(&self.foreign).find(|interface| interface.name == *name)
    }

    /// The definition of a named type.
    pub fn type_def(&self, name: &TypeName) -> Option<&TypeDef> {
        self.interface(&name.interface)?.types.iter().find(|def| def.name == name.name)
    }

    /// Whether the interface belongs to another version of the module's own package, as the tables do
    /// that a migration reads.
    pub fn is_former_self(&self, interface: &InterfaceName) -> bool {
        let (owner, own) = (&interface.package, &self.package);
        owner.namespace == own.namespace && owner.name == own.name && owner.version != own.version
    }

    /// Whether the module may read a table of an interface that it does not export: a public one of an interface
    /// that it imports, or any of its own older version, for a migration.
    pub fn may_read(&self, interface: &Interface, table: &Table) -> bool {
        self.imports.contains(&interface.name)
            && (table.visibility == Visibility::Public || self.is_former_self(&interface.name))
    }

    /// The imported interfaces of older versions of the package itself.
    pub fn former_imports(&self) -> impl Iterator<Item = &InterfaceName> {
        self.imports.iter().filter(|import| self.is_former_self(import))
    }

    /// Every table that this module owns, with the interface in which it stands.
    pub fn tables(&self) -> impl Iterator<Item = (&Interface, &Table)> {
        self.exports.iter().flat_map(|interface| interface.tables.iter().map(move |table| (interface, table)))
    }

    /// Every function that this module exports, with the interface in which it stands.
    pub fn functions(&self) -> impl Iterator<Item = (&Interface, &Function)> {
        self.exports
            .iter()
            .flat_map(|interface| interface.functions.iter().map(move |function| (interface, function)))
    }

    /// The structure of a type: names and aliases resolved away.
    ///
    /// # Panics
    /// If the type names one that the schema does not hold, which [`Schema::validate`] rules out
    /// for a schema that came from outside.
    pub fn value_type(&self, ty: &Type) -> ValueType {
        let boxed = |ty: &Type| Box::new(self.value_type(ty));
        match ty {
            Type::Bool => ValueType::Bool,
            Type::U8 => ValueType::U8,
            Type::U16 => ValueType::U16,
            Type::U32 => ValueType::U32,
            Type::U64 => ValueType::U64,
            Type::S8 => ValueType::S8,
            Type::S16 => ValueType::S16,
            Type::S32 => ValueType::S32,
            Type::S64 => ValueType::S64,
            Type::F32 => ValueType::F32,
            Type::F64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::List(element) => ValueType::List(boxed(element)),
            Type::Option(some) => ValueType::Option(boxed(some)),
            Type::Result { ok, err } => {
                ValueType::Result { ok: ok.as_deref().map(boxed), err: err.as_deref().map(boxed) }
            }
            Type::Tuple(elements) => {
                ValueType::Tuple(elements.iter().map(|element| self.value_type(element)).collect())
            }
            Type::Named(name) => {
                let def = self.type_def(name).expect("a validated schema holds every type that it names");
                match &def.kind {
                    TypeKind::Record(fields) => ValueType::Record(
                        fields
                            .iter()
                            .map(|field| Field { name: field.name.clone(), ty: self.value_type(&field.ty) })
                            .collect(),
                    ),
                    TypeKind::Variant(cases) => ValueType::Variant(
                        cases
                            .iter()
                            .map(|case| Case {
                                name: case.name.clone(),
                                ty: case.ty.as_ref().map(|ty| self.value_type(ty)),
                            })
                            .collect(),
                    ),
                    TypeKind::Enum(cases) => {
                        ValueType::Enum(cases.iter().map(|case| case.name.clone()).collect())
                    }
                    TypeKind::Flags(flags) => {
                        ValueType::Flags(flags.iter().map(|flag| flag.name.clone()).collect())
                    }
                    TypeKind::Alias(ty) => self.value_type(ty),
                    TypeKind::Use(target) => self.value_type(&Type::Named(target.clone())),
                }
            }
        }
    }
}
