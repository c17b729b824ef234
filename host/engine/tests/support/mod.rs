//! What the tests of this crate share: schemas from a few words, and a host over plain maps.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

pub mod types;

use interstice_codec::ValueType;
use interstice_codec::key::KeyLayout;
use interstice_codec::row::{self, Layout};
use interstice_engine::{
    Batch, Called, Caller, Engine, EngineOptions, Fault, FunctionIndex, Host, Instance, Level, Panic,
    Returned, ScanRange, Violation,
};
use interstice_wit::{
    Column, ColumnIndex, FieldDef, Function, FunctionKind, Index, Interface, InterfaceName, PackageName,
    Param, Schema, Storage, Table, Type, TypeDef, TypeKind, TypeName, Visibility,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An engine with small limits.
pub fn engine() -> Engine {
    Engine::new(EngineOptions { max_instances: 40, max_memory_bytes: 32 << 20, ..EngineOptions::default() })
        .unwrap()
}

pub fn package(name: &str) -> PackageName {
    PackageName { namespace: "acme".into(), name: name.into(), version: "1.2.0".parse().unwrap() }
}

/// `acme:bank/ledger@1.2.0` from `bank` and `ledger`.
pub fn interface_name(package_name: &str, interface: &str) -> InterfaceName {
    package(package_name).interface(interface)
}

pub fn function(name: &str, params: &[(&str, Type)], result: Option<Type>) -> Function {
    Function {
        name: name.into(),
        docs: None,
        kind: FunctionKind::Reducer,
        params: params.iter().map(|(name, ty)| Param { name: (*name).into(), ty: ty.clone() }).collect(),
        result,
    }
}

pub fn interface(name: InterfaceName, functions: Vec<Function>) -> Interface {
    Interface {
        name,
        visibility: Visibility::Public,
        docs: None,
        types: Vec::new(),
        tables: Vec::new(),
        functions,
    }
}

/// The interface `tables` of a package with one table `account { id: u64, owner: string, balance: s64 }`:
/// `id` is numbered by itself, `owner` is unique, and an index orders by balance and owner.
pub fn tables(package_name: &str) -> Interface {
    let columns = [("id", Type::U64), ("owner", Type::String), ("balance", Type::S64)];
    let field = |(name, ty): &(&str, Type)| FieldDef { name: (*name).into(), docs: None, ty: ty.clone() };
    let column = |(name, ty): &(&str, Type)| Column {
        name: (*name).into(),
        docs: None,
        ty: ty.clone(),
        auto_increment: *name == "id",
        default: None,
        renamed_from: None,
    };
    let mut interface = interface(interface_name(package_name, "tables"), Vec::new());
    interface.types.push(TypeDef {
        name: "account".into(),
        docs: None,
        kind: TypeKind::Record(columns.iter().map(field).collect()),
    });
    let index = |name: &str, columns: &[u32], unique| Index {
        name: name.into(),
        columns: columns.iter().copied().map(ColumnIndex).collect(),
        unique,
    };
    interface.tables.push(Table {
        name: "account".into(),
        visibility: Visibility::Public,
        storage: Storage::Logged,
        columns: columns.iter().map(column).collect(),
        primary_key: vec![ColumnIndex(0)],
        indexes: vec![index("balance-and-owner", &[2, 1], false), index("owner", &[1], true)],
        renamed_from: None,
    });
    interface
}

pub fn schema(package_name: &str, exports: Vec<Interface>) -> Schema {
    Schema {
        package: package(package_name),
        world: package_name.into(),
        docs: None,
        exports,
        imports: Vec::new(),
        foreign: Vec::new(),
    }
}

pub fn account(package_name: &str) -> TypeName {
    TypeName { interface: interface_name(package_name, "tables"), name: "account".into() }
}

/// Runs on a thread whose stack is made for guests.
pub fn on_guest_thread<R: Send + 'static>(depth: usize, body: impl FnOnce() -> R + Send + 'static) -> R {
    let bytes = EngineOptions::default().stack_bytes(depth);
    std::thread::Builder::new()
        .stack_size(bytes)
        .spawn(move || interstice_engine::guest_thread(bytes - (64 << 10), body))
        .unwrap()
        .join()
        .unwrap()
}

/// Why the test's host stops a call.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped: {0}")]
pub struct Stop(pub &'static str);

/// A host over one table `account`, as slow as it is simple.
pub struct MapHost {
    pub rows: BTreeMap<Vec<u8>, Vec<u8>>,
    pub layout: Layout,
    /// Of the primary key, then of each index in the order of names.
    pub keys: Vec<KeyLayout>,
    pub counter: u64,
    pub scans: Vec<Vec<Vec<u8>>>,
    pub logged: Vec<(Level, String)>,
    pub panics: Vec<Panic>,
    pub calls: usize,
    pub who: Caller,
}

/// An instance that other modules call. It is empty while it runs.
pub type Slot = Arc<Mutex<Option<Instance<MapHost>>>>;

/// Where a call of another module goes.
#[derive(Clone)]
pub enum Target {
    /// To a module.
    Module(Slot, FunctionIndex),
    /// Nowhere: the arguments are the result.
    Echo,
}

impl MapHost {
    pub fn boxed() -> Box<Self> {
        let layout = Layout::new(&[ValueType::U64, ValueType::String, ValueType::S64]);
        let keys = [vec![0], vec![2, 1], vec![1]].map(|columns| KeyLayout::new(&layout, &columns).unwrap());
        Box::new(MapHost {
            rows: BTreeMap::new(),
            layout,
            keys: keys.into(),
            counter: 0,
            scans: Vec::new(),
            logged: Vec::new(),
            panics: Vec::new(),
            calls: 0,
            who: Caller::Client("alice".into()),
        })
    }

    /// The key of a row in an index; those of a secondary index end in the primary key.
    fn key(&self, index: usize, row: &[u8]) -> Vec<u8> {
        let mut key = Vec::new();
        self.keys[index].extract(row, &mut key);
        if index > 0 {
            self.keys[0].extract(row, &mut key);
        }
        key
    }

    fn checked(&mut self, row: &[u8]) -> Result<(Vec<u8>, u64), Stop> {
        self.layout.validate(row).map_err(|_| Stop("a row that is none"))?;
        let mut row = row.to_vec();
        let mut number = u64::from_le_bytes(*row.first_chunk().unwrap());
        if number == 0 {
            self.counter += 1;
            number = self.counter;
            row[..8].copy_from_slice(&number.to_le_bytes());
        }
        Ok((row, number))
    }

    fn owner_is_taken(&self, row: &[u8]) -> bool {
        let owner = self.layout.column(row, 1);
        let id = self.layout.column(row, 0);
        self.rows
            .values()
            .any(|other| self.layout.column(other, 1) == owner && self.layout.column(other, 0) != id)
    }

    fn in_range(&self, index: u32, low: &[u8], high: Option<&[u8]>) -> Vec<Vec<u8>> {
        let mut found: Vec<_> = self
            .rows
            .values()
            .map(|row| (self.key(index as usize, row), row.clone()))
            .filter(|(key, _)| key.as_slice() >= low && high.is_none_or(|high| key.as_slice() < high))
            .collect();
        found.sort();
        found.into_iter().map(|(_, row)| row).collect()
    }
}

impl Host for MapHost {
    type Table = ();
    type Target = Target;
    type Stop = Stop;

    fn get(&mut self, (): &(), key: &[u8], out: &mut Vec<u8>) -> Result<bool, Stop> {
        match self.rows.get(key) {
            Some(row) => {
                out.extend_from_slice(row);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn find(&mut self, (): &(), index: u32, key: &[u8], out: &mut Vec<u8>) -> Result<bool, Stop> {
        if index as usize >= self.keys.len() {
            return Err(Stop("no such index"));
        }
        let found = self.rows.values().find(|row| self.key(index as usize, row).starts_with(key));
        found.inspect(|row| out.extend_from_slice(row));
        Ok(found.is_some())
    }

    /// One row in the first batch, the rest in the second.
    fn scan(&mut self, (): &(), range: ScanRange<'_>, out: &mut Vec<u8>) -> Result<Batch, Stop> {
        let mut rows = self.in_range(range.index, range.low, range.high);
        if range.descending {
            rows.reverse();
        }
        if range.limit > 0 {
            rows.truncate(range.limit as usize);
        }
        let mut rest = rows.into_iter();
        let first = rest.next();
        first.iter().for_each(|first| row::push_row(first, out));
        let rest: Vec<_> = rest.collect();
        let scan = (!rest.is_empty()).then(|| {
            self.scans.push(rest);
            u32::try_from(self.scans.len()).unwrap()
        });
        Ok(Batch { scan, rows: u32::from(first.is_some()) })
    }

    fn next(&mut self, (): &(), scan: u32, out: &mut Vec<u8>) -> Result<Batch, Stop> {
        let position = (scan as usize).checked_sub(1).ok_or(Stop("no such scan"))?;
        let rows = std::mem::take(self.scans.get_mut(position).ok_or(Stop("no such scan"))?);
        rows.iter().for_each(|next| row::push_row(next, out));
        Ok(Batch { scan: None, rows: u32::try_from(rows.len()).unwrap() })
    }

    fn close(&mut self, (): &(), scan: u32) -> Result<(), Stop> {
        let position = (scan as usize).checked_sub(1).ok_or(Stop("no such scan"))?;
        self.scans.get_mut(position).ok_or(Stop("no such scan"))?.clear();
        Ok(())
    }

    fn count(&mut self, (): &()) -> Result<u64, Stop> {
        Ok(self.rows.len() as u64)
    }

    fn insert(&mut self, (): &(), row: &[u8]) -> Result<Result<u64, Violation>, Stop> {
        let (row, number) = self.checked(row)?;
        let key = self.key(0, &row);
        if self.rows.contains_key(&key) {
            return Ok(Err(Violation::DuplicateKey));
        }
        if self.owner_is_taken(&row) {
            return Ok(Err(Violation::DuplicateUnique(2)));
        }
        self.rows.insert(key, row);
        Ok(Ok(number))
    }

    fn insert_many(
        &mut self,
        (): &(),
        rows: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Result<(), (u32, Violation)>, Stop> {
        let before = self.rows.clone();
        for (position, row) in row::Batch::new(rows).enumerate() {
            match self.insert(&(), row.map_err(|_| Stop("a batch that is none"))?)? {
                Ok(number) => out.extend_from_slice(&number.to_le_bytes()),
                Err(violation) => {
                    self.rows = before;
                    return Ok(Err((u32::try_from(position).unwrap(), violation)));
                }
            }
        }
        Ok(Ok(()))
    }

    fn update(&mut self, (): &(), row: &[u8]) -> Result<Result<(), Violation>, Stop> {
        let (row, _) = self.checked(row)?;
        let key = self.key(0, &row);
        match self.rows.get_mut(&key) {
            Some(old) => {
                *old = row;
                Ok(Ok(()))
            }
            None => Ok(Err(Violation::NoSuchRow)),
        }
    }

    fn upsert(&mut self, (): &(), row: &[u8]) -> Result<Result<u64, Violation>, Stop> {
        let (row, number) = self.checked(row)?;
        if self.owner_is_taken(&row) {
            return Ok(Err(Violation::DuplicateUnique(2)));
        }
        self.rows.insert(self.key(0, &row), row);
        Ok(Ok(number))
    }

    fn delete(&mut self, (): &(), key: &[u8]) -> Result<bool, Stop> {
        Ok(self.rows.remove(key).is_some())
    }

    fn delete_range(&mut self, (): &(), index: u32, low: &[u8], high: Option<&[u8]>) -> Result<u64, Stop> {
        let rows = self.in_range(index, low, high);
        for row in &rows {
            self.rows.remove(&self.key(0, row));
        }
        Ok(rows.len() as u64)
    }

    fn caller(&mut self) -> Caller {
        self.who.clone()
    }

    fn timestamp(&mut self) -> u64 {
        1_700_000_000_000_000
    }

    fn random(&mut self) -> u64 {
        42
    }

    fn log(&mut self, level: Level, message: &str) {
        self.logged.push((level, message.to_owned()));
    }

    fn panicked(&mut self, panic: &Panic) {
        self.panics.push(panic.clone());
    }

    fn call(
        mut self: Box<Self>,
        target: &Target,
        arguments: &[u8],
        result: &mut Vec<u8>,
        fuel: u64,
    ) -> Called<Self> {
        self.calls += 1;
        let Target::Module(slot, function) = target else {
            result.extend_from_slice(arguments);
            return (self, fuel, Ok(Returned::Ok));
        };
        let Some(mut instance) = slot.lock().unwrap().take() else {
            return (self, fuel, Err(Fault::Stopped(Stop("a cycle"))));
        };
        let called = instance.call(self, *function, arguments, result, fuel);
        *slot.lock().unwrap() = Some(instance);
        called
    }
}

/// What came of a call: the host, and how it returned with the bytes of the result.
pub type Answer = (Box<MapHost>, Result<(Returned, Vec<u8>), Fault<Stop>>);

/// Calls with plenty of fuel and gives back what came of it.
pub fn call(
    instance: &mut Instance<MapHost>,
    host: Box<MapHost>,
    function: FunctionIndex,
    arguments: &[u8],
) -> Answer {
    let mut result = Vec::new();
    let (host, _, outcome) = instance.call(host, function, arguments, &mut result, 1_000_000_000);
    (host, outcome.map(|returned| (returned, result)))
}
