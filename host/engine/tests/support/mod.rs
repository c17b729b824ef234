//! What the tests of this crate share: schemas from a few words, and a host over plain maps.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use interstice_engine::{
    Batch, Called, Caller, Engine, EngineOptions, Fault, FunctionIndex, Host, Instance, Level, Panic,
    Returned, ScanRange, Violation,
};
use interstice_wit::{
    Column, ColumnIndex, FieldDef, Function, FunctionKind, Interface, InterfaceName, PackageName, Param,
    Schema, Storage, Table, Type, TypeDef, TypeKind, TypeName, Visibility,
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

/// The interface `tables` of a package with one table `account { id: u64, balance: s64 }`.
pub fn tables(package_name: &str) -> Interface {
    let field = |name: &str, ty| FieldDef { name: name.into(), docs: None, ty };
    let column =
        |name: &str, ty| Column { name: name.into(), docs: None, ty, auto_increment: false, default: None };
    let mut interface = interface(interface_name(package_name, "tables"), Vec::new());
    interface.types.push(TypeDef {
        name: "account".into(),
        docs: None,
        kind: TypeKind::Record(vec![field("id", Type::U64), field("balance", Type::S64)]),
    });
    interface.tables.push(Table {
        name: "account".into(),
        visibility: Visibility::Public,
        storage: Storage::Logged,
        columns: vec![column("id", Type::U64), column("balance", Type::S64)],
        primary_key: vec![ColumnIndex(0)],
        indexes: Vec::new(),
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
        .spawn(move || interstice_engine::guest_thread(bytes - (128 << 10), body))
        .unwrap()
        .join()
        .unwrap()
}

/// Why the test's host stops a call.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped: {0}")]
pub struct Stop(pub &'static str);

/// A host over one map of rows for each table.
#[derive(Default)]
pub struct MapHost {
    pub tables: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
    pub scans: Vec<Vec<Vec<u8>>>,
    pub logged: Vec<(Level, String)>,
    pub panics: Vec<Panic>,
    pub modules: Vec<Slot>,
    pub calls: usize,
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
    pub fn boxed(tables: usize) -> Box<Self> {
        Box::new(MapHost { tables: vec![BTreeMap::new(); tables], ..MapHost::default() })
    }
}

fn key_of(row: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut key: [u8; 8] = *row.first_chunk().ok_or(Stop("a row that is none"))?;
    key.reverse();
    Ok(key.to_vec())
}

fn push_row(row: &[u8], out: &mut Vec<u8>) {
    out.push(u8::try_from(row.len()).unwrap());
    out.extend_from_slice(row);
}

impl Host for MapHost {
    type Table = usize;
    type Target = Target;
    type Stop = Stop;

    fn get(&mut self, table: &usize, key: &[u8], out: &mut Vec<u8>) -> Result<bool, Stop> {
        match self.tables[*table].get(key) {
            Some(row) => {
                out.extend_from_slice(row);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn find(&mut self, table: &usize, index: u32, key: &[u8], out: &mut Vec<u8>) -> Result<bool, Stop> {
        if index == 0 { self.get(table, key, out) } else { Err(Stop("no such index")) }
    }

    /// One row in the first batch, the rest in the second.
    fn scan(&mut self, table: &usize, range: ScanRange<'_>, out: &mut Vec<u8>) -> Result<Batch, Stop> {
        let low = range.low.to_vec();
        let mut rows: Vec<Vec<u8>> = match range.high {
            Some(high) => self.tables[*table].range(low..high.to_vec()).map(|(_, row)| row.clone()).collect(),
            None => self.tables[*table].range(low..).map(|(_, row)| row.clone()).collect(),
        };
        if range.descending {
            rows.reverse();
        }
        if range.limit > 0 {
            rows.truncate(range.limit as usize);
        }
        let mut rest = rows.into_iter();
        let first = rest.next();
        if let Some(row) = &first {
            push_row(row, out);
        }
        let rest: Vec<_> = rest.collect();
        let scan = (!rest.is_empty()).then(|| {
            self.scans.push(rest);
            u32::try_from(self.scans.len()).unwrap()
        });
        Ok(Batch { scan, rows: u32::from(first.is_some()) })
    }

    fn next(&mut self, _: &usize, scan: u32, out: &mut Vec<u8>) -> Result<Batch, Stop> {
        let position = (scan as usize).checked_sub(1).ok_or(Stop("no such scan"))?;
        let rows = std::mem::take(self.scans.get_mut(position).ok_or(Stop("no such scan"))?);
        rows.iter().for_each(|row| push_row(row, out));
        Ok(Batch { scan: None, rows: u32::try_from(rows.len()).unwrap() })
    }

    fn close(&mut self, _: &usize, scan: u32) -> Result<(), Stop> {
        let position = (scan as usize).checked_sub(1).ok_or(Stop("no such scan"))?;
        self.scans.get_mut(position).ok_or(Stop("no such scan"))?.clear();
        Ok(())
    }

    fn count(&mut self, table: &usize) -> Result<u64, Stop> {
        Ok(self.tables[*table].len() as u64)
    }

    fn insert(&mut self, table: &usize, row: &[u8]) -> Result<Result<u64, Violation>, Stop> {
        let key = key_of(row)?;
        if self.tables[*table].contains_key(&key) {
            return Ok(Err(Violation::DuplicateKey));
        }
        self.tables[*table].insert(key, row.to_vec());
        Ok(Ok(u64::from_le_bytes(*row.first_chunk().unwrap())))
    }

    fn insert_many(
        &mut self,
        table: &usize,
        mut rows: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Result<(), (u32, Violation)>, Stop> {
        let mut position = 0;
        while let Some((length, rest)) = rows.split_first() {
            let (row, rest) =
                rest.split_at_checked(usize::from(*length)).ok_or(Stop("a batch that is none"))?;
            match self.insert(table, row)? {
                Ok(number) => out.extend_from_slice(&number.to_le_bytes()),
                Err(violation) => return Ok(Err((position, violation))),
            }
            position += 1;
            rows = rest;
        }
        Ok(Ok(()))
    }

    fn update(&mut self, table: &usize, row: &[u8]) -> Result<Result<(), Violation>, Stop> {
        match self.tables[*table].get_mut(&key_of(row)?) {
            Some(old) => {
                *old = row.to_vec();
                Ok(Ok(()))
            }
            None => Ok(Err(Violation::NoSuchRow)),
        }
    }

    fn upsert(&mut self, table: &usize, row: &[u8]) -> Result<Result<u64, Violation>, Stop> {
        self.tables[*table].insert(key_of(row)?, row.to_vec());
        Ok(Ok(u64::from_le_bytes(*row.first_chunk().unwrap())))
    }

    fn delete(&mut self, table: &usize, key: &[u8]) -> Result<bool, Stop> {
        Ok(self.tables[*table].remove(key).is_some())
    }

    fn delete_range(&mut self, table: &usize, _: u32, low: &[u8], high: Option<&[u8]>) -> Result<u64, Stop> {
        let before = self.tables[*table].len();
        self.tables[*table]
            .retain(|key, _| key.as_slice() < low || high.is_some_and(|high| key.as_slice() >= high));
        Ok((before - self.tables[*table].len()) as u64)
    }

    fn caller(&mut self) -> Caller {
        Caller::Client("alice".into())
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

/// Calls with plenty of fuel and gives back what came of it, with the bytes of the result.
pub fn call(
    instance: &mut Instance<MapHost>,
    host: Box<MapHost>,
    function: FunctionIndex,
    arguments: &[u8],
) -> (Box<MapHost>, Result<(Returned, Vec<u8>), Fault<Stop>>) {
    let mut result = Vec::new();
    let (host, _, outcome) = instance.call(host, function, arguments, &mut result, 1_000_000_000);
    (host, outcome.map(|returned| (returned, result)))
}
