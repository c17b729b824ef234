//! The functions of a typed door, which follow from the table: its columns, its key and its indexes.
//! Names and parameters are settled here once, so that no two users of the door can differ.
//! Invariant: no two functions of a door have one name, and no two parameters of a function.

use crate::schema::{ColumnIndex, Index, InterfaceName, Table, Type, TypeName};
use interstice_codec::ValueType;

use super::violation_type;

/// A function of a typed door.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedFunction {
    /// Its name in WIT.
    pub name: String,
    /// What it does.
    pub operation: TypedOperation,
    /// Its parameters.
    pub params: Vec<(String, Type)>,
    /// Its result.
    pub result: DoorResult,
}

/// What a function of a typed door does. Indexes are named by their position in
/// [`Table::indexes`], from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TypedOperation {
    /// The row with this primary key. Takes the columns of the key.
    Get,
    /// The row with these values in a unique index. Takes the columns of the index.
    FindBy(usize),
    /// Rows by primary key. Takes direction and limit.
    Scan,
    /// Rows by an index, of which the leading columns may be given. Takes each column of the index as
    /// an option, direction and limit.
    ScanBy(usize),
    /// Rows by primary key, between two values of its first column. Takes low, high, direction and limit.
    Range,
    /// Rows by an index, between two values of its first column. Takes low, high, direction and limit.
    RangeBy(usize),
    /// How many rows there are.
    Count,
    /// Adds a row.
    Insert,
    /// Adds rows, all or none.
    InsertMany,
    /// Replaces the row with the same primary key.
    Update,
    /// Adds a row, or replaces the one with the same primary key.
    Upsert,
    /// Removes the row with this primary key. Takes the columns of the key.
    Delete,
    /// Removes rows between two values of the first column of the primary key. Takes low and high.
    DeleteRange,
}

/// The result of a function of a typed door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DoorResult {
    /// `option<row>`
    OptionalRow,
    /// `list<row>`
    Rows,
    /// `u64`
    Count,
    /// `bool`
    Found,
    /// `result<row, violation>`
    RowOrViolation,
    /// `result<list<row>, tuple<u32, violation>>`
    RowsOrViolation,
    /// `result<_, violation>`
    NothingOrViolation,
}

impl TypedOperation {
    /// Whether it changes the table, so that only the owner's linker has it.
    pub fn is_write(self) -> bool {
        use TypedOperation::{Delete, DeleteRange, Insert, InsertMany, Update, Upsert};
        matches!(self, Insert | InsertMany | Update | Upsert | Delete | DeleteRange)
    }
}

impl DoorResult {
    /// Its structure, for a table whose rows have this one.
    pub fn value_type(self, row: ValueType) -> ValueType {
        let violation = || Some(Box::new(violation_type()));
        match self {
            DoorResult::OptionalRow => ValueType::Option(Box::new(row)),
            DoorResult::Rows => ValueType::List(Box::new(row)),
            DoorResult::Count => ValueType::U64,
            DoorResult::Found => ValueType::Bool,
            DoorResult::RowOrViolation => ValueType::Result { ok: Some(Box::new(row)), err: violation() },
            DoorResult::RowsOrViolation => ValueType::Result {
                ok: Some(Box::new(ValueType::List(Box::new(row)))),
                err: Some(Box::new(ValueType::Tuple(vec![ValueType::U32, violation_type()]))),
            },
            DoorResult::NothingOrViolation => ValueType::Result { ok: None, err: violation() },
        }
    }

    /// The result as WIT text, with this name for the record.
    pub(super) fn wit(self, row: &str) -> String {
        match self {
            DoorResult::OptionalRow => format!("option<{row}>"),
            DoorResult::Rows => format!("list<{row}>"),
            DoorResult::Count => "u64".to_owned(),
            DoorResult::Found => "bool".to_owned(),
            DoorResult::RowOrViolation => format!("result<{row}, violation>"),
            DoorResult::RowsOrViolation => format!("result<list<{row}>, tuple<u32, violation>>"),
            DoorResult::NothingOrViolation => "result<_, violation>".to_owned(),
        }
    }
}

/// The functions of the typed door of a table that stands in this interface, in the order in which
/// they are printed.
pub fn typed_door(interface: &InterfaceName, table: &Table) -> Vec<TypedFunction> {
    let row = Type::Named(TypeName { interface: interface.clone(), name: table.name.clone() });
    let door = Door { table, row };
    let mut functions = vec![
        door.function("get", TypedOperation::Get, door.key(), &[], DoorResult::OptionalRow),
        door.function("scan", TypedOperation::Scan, Vec::new(), &door.order(), DoorResult::Rows),
        door.function(
            "range",
            TypedOperation::Range,
            Vec::new(),
            &door.range(&table.primary_key, true),
            DoorResult::Rows,
        ),
    ];
    for (position, index) in table.indexes.iter().enumerate() {
        functions.extend(door.by_index(position, index));
    }
    let row = [("row", door.row.clone())];
    let rows = [("rows", Type::List(Box::new(door.row.clone())))];
    let changed = DoorResult::RowOrViolation;
    functions.extend([
        door.function("count", TypedOperation::Count, Vec::new(), &[], DoorResult::Count),
        door.function("insert", TypedOperation::Insert, Vec::new(), &row, changed),
        door.function(
            "insert-many",
            TypedOperation::InsertMany,
            Vec::new(),
            &rows,
            DoorResult::RowsOrViolation,
        ),
        door.function("update", TypedOperation::Update, Vec::new(), &row, DoorResult::NothingOrViolation),
        door.function("upsert", TypedOperation::Upsert, Vec::new(), &row, changed),
        door.function("delete", TypedOperation::Delete, door.key(), &[], DoorResult::Found),
        door.function(
            "delete-range",
            TypedOperation::DeleteRange,
            Vec::new(),
            &door.range(&table.primary_key, false),
            DoorResult::Count,
        ),
    ]);
    functions
}

struct Door<'a> {
    table: &'a Table,
    row: Type,
}

impl Door<'_> {
    fn columns(&self, columns: &[ColumnIndex]) -> Vec<(String, Type)> {
        let columns = columns.iter().map(|column| &self.table.columns[column.0 as usize]);
        columns.map(|column| (column.name.clone(), column.ty.clone())).collect()
    }

    fn key(&self) -> Vec<(String, Type)> {
        self.columns(&self.table.primary_key)
    }

    fn order(&self) -> Vec<(&'static str, Type)> {
        vec![("descending", Type::Bool), ("limit", Type::U32)]
    }

    /// Two bounds on the first column of a key.
    fn range(&self, key: &[ColumnIndex], is_ordered: bool) -> Vec<(&'static str, Type)> {
        let bound = || Type::Option(Box::new(self.table.columns[key[0].0 as usize].ty.clone()));
        let mut params = vec![("low", bound()), ("high", bound())];
        if is_ordered {
            params.extend(self.order());
        }
        params
    }

    fn by_index(&self, position: usize, index: &Index) -> Vec<TypedFunction> {
        let name = &index.name;
        let columns = self.columns(&index.columns);
        let mut functions = Vec::new();
        if index.unique {
            functions.push(self.function(
                &format!("find-by-{name}"),
                TypedOperation::FindBy(position),
                columns.clone(),
                &[],
                DoorResult::OptionalRow,
            ));
        }
        let optional = columns.into_iter().map(|(name, ty)| (name, Type::Option(Box::new(ty)))).collect();
        functions.push(self.function(
            &format!("scan-by-{name}"),
            TypedOperation::ScanBy(position),
            optional,
            &self.order(),
            DoorResult::Rows,
        ));
        functions.push(self.function(
            &format!("range-by-{name}"),
            TypedOperation::RangeBy(position),
            Vec::new(),
            &self.range(&index.columns, true),
            DoorResult::Rows,
        ));
        functions
    }

    /// A column keeps its name; a parameter of ours that would have the same gives way.
    fn function(
        &self,
        name: &str,
        operation: TypedOperation,
        columns: Vec<(String, Type)>,
        fixed: &[(&str, Type)],
        result: DoorResult,
    ) -> TypedFunction {
        let mut params = columns;
        for (name, ty) in fixed {
            let mut name = (*name).to_owned();
            while params.iter().any(|(taken, _)| *taken == name) {
                name.insert_str(0, "scan-");
            }
            params.push((name, ty.clone()));
        }
        TypedFunction { name: name.to_owned(), operation, params, result }
    }
}
