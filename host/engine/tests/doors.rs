//! Both doors, driven from outside through a guest that hands every call on: each function does to
//! the table what its name says.

#![allow(clippy::unwrap_used)]

#[path = "support/echo.rs"]
mod echo;
mod support;

use echo::{Handed, hand_through};
use interstice_codec::key::Key;
use interstice_codec::row::{self, Encode, from_bytes, to_bytes};
use interstice_codec::{Case, ValueType};
use interstice_engine::{Caller, FunctionIndex, Instance, Level, ModuleLink, Panic, Program};
use interstice_wit::doors::{RowFunction, typed_door};
use interstice_wit::{Schema, Type, TypeName, Visibility};
use support::types::schema_type;
use support::{
    MapHost, account, call, engine, function, interface, interface_name, on_guest_thread, schema, tables,
};

/// An account: id, owner, balance.
type Account = (u64, String, i64);

fn of(id: u64, owner: &str, balance: i64) -> Account {
    (id, owner.to_owned(), balance)
}

struct Door {
    program: Program<MapHost>,
    instance: Instance<MapHost>,
    host: Option<Box<MapHost>>,
}

impl Door {
    /// A guest that hands the functions of an imported interface through.
    fn new(import: &str, functions: &[Handed], mut schema: Schema) -> Self {
        let home = interface_name("bank", "types");
        let mut types = Vec::new();
        let exported = functions
            .iter()
            .map(|handed| {
                let params: Vec<_> = handed
                    .params
                    .iter()
                    .map(|(name, ty)| (name.as_str(), schema_type(ty, &home, &mut types)))
                    .collect();
                let result = handed.result.as_ref().map(|ty| schema_type(ty, &home, &mut types));
                function(&handed.name, &params, result)
            })
            .collect();
        let mut declared = interface(home, Vec::new());
        declared.types = types;
        schema.foreign.push(declared);
        schema.exports.push(interface(interface_name("bank", "through"), exported));
        let text = hand_through(import, "acme:bank/through@1.2.0", functions, "utf8").0;
        let engine = engine();
        let compiled = engine.compile(&wat::parse_str(text).unwrap(), None).unwrap();
        let mut link = ModuleLink::<MapHost>::new(&engine, &compiled, &schema).unwrap();
        for table in link.needs().tables {
            assert_eq!(table, account("bank"));
            link.table(table, ());
        }
        let program = link.finish().unwrap();
        let instance = program.instantiate().unwrap();
        Door { program, instance, host: Some(MapHost::boxed()) }
    }

    fn rows() -> Self {
        let functions = RowFunction::ALL.map(|function| Handed {
            name: function.name().into(),
            params: function.params().into_iter().map(|(name, ty)| (name.into(), ty)).collect(),
            result: function.result(),
        });
        Door::new("acme:bank/account-rows@1.2.0", &functions, schema("bank", vec![tables("bank")]))
    }

    fn typed() -> Self {
        let tables = tables("bank");
        let schema = schema("bank", vec![tables.clone()]);
        let row = schema.value_type(&Type::Named(account("bank")));
        let functions: Vec<Handed> = typed_door(&tables.name, &tables.tables[0])
            .into_iter()
            .map(|function| Handed {
                name: function.name,
                params: function
                    .params
                    .iter()
                    .map(|(name, ty)| (name.clone(), schema.value_type(ty)))
                    .collect(),
                result: Some(function.result.value_type(row.clone())),
            })
            .collect();
        Door::new("acme:bank/account-table@1.2.0", &functions, schema)
    }

    fn index(&self, name: &str) -> FunctionIndex {
        self.program.function(&interface_name("bank", "through"), name).unwrap()
    }

    fn call<R: interstice_codec::row::Decode>(&mut self, name: &str, arguments: impl Encode) -> R {
        let function = self.index(name);
        let host = self.host.take().unwrap();
        let (host, outcome) = call(&mut self.instance, host, function, &to_bytes(&arguments));
        self.host = Some(host);
        from_bytes(&outcome.unwrap().1).unwrap()
    }

    fn fail(&mut self, name: &str, arguments: impl Encode) -> String {
        let function = self.index(name);
        let host = self.host.take().unwrap();
        let (host, outcome) = call(&mut self.instance, host, function, &to_bytes(&arguments));
        self.host = Some(host);
        outcome.unwrap_err().to_string()
    }
}

fn key(key: impl Key) -> Vec<u8> {
    key.to_key()
}

fn batch(rows: &[Account]) -> Vec<u8> {
    let mut batch = Vec::new();
    rows.iter().for_each(|account| row::push_row(&to_bytes(account), &mut batch));
    batch
}

/// What `variant violation` decodes to here: the case, and the index for the one that has it.
type Violation = (u8, Option<u32>);

/// `result<T, violation>` as bytes, since no Rust type stands for the variant here.
fn refused(bytes: &[u8]) -> Violation {
    match bytes {
        [1, 1, index @ ..] => (1, Some(u32::from_le_bytes(index.try_into().unwrap()))),
        [1, case] => (*case, None),
        other => panic!("not refused: {other:?}"),
    }
}

impl Door {
    fn raw(&mut self, name: &str, arguments: impl Encode) -> Vec<u8> {
        let function = self.index(name);
        let host = self.host.take().unwrap();
        let (host, outcome) = call(&mut self.instance, host, function, &to_bytes(&arguments));
        self.host = Some(host);
        outcome.unwrap().1
    }
}

#[test]
fn the_row_door_reads_and_writes_rows_as_bytes() {
    on_guest_thread(0, || {
        let mut door = Door::rows();
        let row = |id, owner, balance| to_bytes(&of(id, owner, balance));
        assert_eq!(door.raw("insert", row(0, "ann", 5)), to_bytes(&(0_u8, 1_u64)));
        assert_eq!(door.raw("insert", row(7, "bob", 9)), to_bytes(&(0_u8, 7_u64)));
        assert_eq!(refused(&door.raw("insert", row(7, "cid", 9))), (0, None));
        assert_eq!(refused(&door.raw("insert", row(8, "bob", 9))), (1, Some(2)));
        assert_eq!(refused(&door.raw("update", row(9, "dan", 9))), (2, None));
        assert_eq!(door.raw("update", row(7, "bob", 10)), [0]);
        assert_eq!(door.raw("upsert", row(2, "cid", 1)), to_bytes(&(0_u8, 2_u64)));
        assert_eq!(door.call::<Option<Vec<u8>>>("get", key((7_u64,))), Some(row(7, "bob", 10)));
        assert_eq!(door.call::<Option<Vec<u8>>>("get", key((3_u64,))), None);
        assert_eq!(door.call::<Option<Vec<u8>>>("find", (2_u32, key(("cid",)))), Some(row(2, "cid", 1)));
        assert_eq!(door.call::<u64>("count", ()), 3);

        let (scan, first): (u32, Vec<u8>) =
            door.call("scan", (0_u32, Vec::<u8>::new(), None::<Vec<u8>>, false, 0_u32));
        assert_eq!((scan, first), (1, batch(&[of(1, "ann", 5)])));
        let (more, rest): (bool, Vec<u8>) = door.call("next", scan);
        assert_eq!((more, rest), (false, batch(&[of(2, "cid", 1), of(7, "bob", 10)])));
        let (scan, _): (u32, Vec<u8>) =
            door.call("scan", (1_u32, key((0_i64,)), Some(key((10_i64,))), true, 2_u32));
        assert!(door.raw("close", scan).is_empty());

        door.host.as_mut().unwrap().counter = 20;
        let many = batch(&[of(0, "eve", 1), of(0, "fay", 2)]);
        assert_eq!(door.raw("insert-many", batch(&[of(0, "gus", 1), of(1, "hal", 2)])), [1, 1, 0, 0, 0, 0]);
        assert_eq!(
            door.raw("insert-many", many),
            to_bytes(&(0_u8, [22_u64, 23].map(u64::to_le_bytes).concat()))
        );
        assert!(door.call::<bool>("delete", key((7_u64,))));
        assert!(!door.call::<bool>("delete", key((7_u64,))));
        assert_eq!(door.call::<u64>("delete-range", (0_u32, key((2_u64,)), None::<Vec<u8>>)), 3);
        assert_eq!(door.call::<u64>("count", ()), 1);
        assert_eq!(door.fail("insert", vec![1_u8, 2]), "stopped: a row that is none");
    });
}

#[test]
fn the_typed_door_reads_and_writes_records() {
    on_guest_thread(0, || {
        let mut door = Door::typed();
        let ok = |account: Account| to_bytes(&(0_u8, account));
        assert_eq!(door.raw("insert", of(0, "ann", 5)), ok(of(1, "ann", 5)));
        assert_eq!(door.raw("insert", of(7, "bob", 9)), ok(of(7, "bob", 9)));
        assert_eq!(refused(&door.raw("insert", of(7, "cid", 9))), (0, None));
        assert_eq!(refused(&door.raw("upsert", of(8, "bob", 9))), (1, Some(2)));
        assert_eq!(refused(&door.raw("update", of(9, "dan", 9))), (2, None));
        assert_eq!(door.raw("update", of(7, "bob", 10)), [0]);
        assert_eq!(door.raw("upsert", of(2, "cid", 10)), ok(of(2, "cid", 10)));
        assert_eq!(door.call::<Option<Account>>("get", 7_u64), Some(of(7, "bob", 10)));
        assert_eq!(door.call::<Option<Account>>("get", 3_u64), None);
        assert_eq!(door.call::<Option<Account>>("find-by-owner", "cid"), Some(of(2, "cid", 10)));
        assert_eq!(door.call::<Option<Account>>("find-by-owner", "ci"), None);
        assert_eq!(door.call::<u64>("count", ()), 3);

        let (ann, bob, cid) = (of(1, "ann", 5), of(7, "bob", 10), of(2, "cid", 10));
        let all = vec![ann.clone(), cid.clone(), bob.clone()];
        assert_eq!(door.call::<Vec<Account>>("scan", (false, 0_u32)), all);
        assert_eq!(door.call::<Vec<Account>>("scan", (true, 2_u32)), [bob.clone(), cid.clone()]);
        assert_eq!(
            door.call::<Vec<Account>>("range", (Some(2_u64), Some(7_u64), false, 0_u32)),
            std::slice::from_ref(&cid)
        );
        assert_eq!(door.call::<Vec<Account>>("range", (None::<u64>, None::<u64>, false, 0_u32)), all);
        assert_eq!(
            door.call::<Vec<Account>>(
                "scan-by-balance-and-owner",
                (Some(10_i64), None::<String>, false, 0_u32)
            ),
            [bob.clone(), cid.clone()]
        );
        assert_eq!(
            door.call::<Vec<Account>>("scan-by-balance-and-owner", (Some(10_i64), Some("cid"), false, 0_u32)),
            std::slice::from_ref(&cid)
        );
        assert_eq!(
            door.call::<Vec<Account>>(
                "range-by-balance-and-owner",
                (Some(-3_i64), Some(10_i64), true, 0_u32)
            ),
            std::slice::from_ref(&ann)
        );
        assert_eq!(
            door.call::<Vec<Account>>("range-by-owner", (Some("b"), None::<String>, false, 0_u32)),
            [bob, cid]
        );

        door.host.as_mut().unwrap().counter = 20;
        let many = vec![of(0, "eve", 1), of(0, "a longer name", 2)];
        assert_eq!(
            door.raw("insert-many", many),
            to_bytes(&(0_u8, vec![of(21, "eve", 1), of(22, "a longer name", 2)]))
        );
        assert_eq!(door.raw("insert-many", vec![of(0, "gus", 1), of(1, "hal", 2)]), [1, 1, 0, 0, 0, 0]);
        assert!(door.call::<bool>("delete", 7_u64));
        assert!(!door.call::<bool>("delete", 7_u64));
        assert_eq!(door.call::<u64>("delete-range", (Some(2_u64), None::<u64>)), 3);
        assert_eq!(door.call::<u64>("count", ()), 1);
        let message = door.fail("scan-by-balance-and-owner", (None::<i64>, Some("cid"), false, 0_u32));
        assert!(message.contains("not the columns before it"), "{message}");
    });
}

#[test]
fn the_context_tells_who_calls_and_when_and_takes_messages() {
    let text = ValueType::String;
    let case = |name: &str, ty| Case { name: name.into(), ty };
    let caller = ValueType::Variant(vec![
        case("client", Some(text.clone())),
        case("module", Some(text.clone())),
        case("system", None),
    ]);
    let level = ValueType::Enum(["trace", "debug", "info", "warn", "error"].map(str::to_owned).into());
    let handed = |name: &str, params: &[(&str, ValueType)], result| Handed {
        name: name.into(),
        params: params.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect(),
        result,
    };
    let functions = [
        handed("caller", &[], Some(caller)),
        handed("timestamp", &[], Some(ValueType::U64)),
        handed("random", &[], Some(ValueType::U64)),
        handed("log", &[("level", level), ("message", text.clone())], None),
        handed(
            "panicked",
            &[
                ("message", text.clone()),
                ("file", text),
                ("line", ValueType::U32),
                ("column", ValueType::U32),
            ],
            None,
        ),
    ];
    on_guest_thread(0, move || {
        let mut door = Door::new("interstice:host/context@0.1.0", &functions, schema("bank", Vec::new()));
        assert_eq!(door.call::<(u8, String)>("caller", ()), (0, "alice".to_owned()));
        door.host.as_mut().unwrap().who = Caller::Module("acme:shop".into());
        assert_eq!(door.call::<(u8, String)>("caller", ()), (1, "acme:shop".to_owned()));
        door.host.as_mut().unwrap().who = Caller::System;
        assert_eq!(door.raw("caller", ()), [2]);
        assert_eq!(door.call::<u64>("timestamp", ()), 1_700_000_000_000_000);
        assert_eq!(door.call::<u64>("random", ()), 42);
        assert!(door.raw("log", (3_u8, "careful")).is_empty());
        assert!(door.raw("panicked", ("oh", "lib.rs", 3_u32, 9_u32)).is_empty());
        let host = door.host.unwrap();
        assert_eq!(host.logged, [(Level::Warn, "careful".to_owned())]);
        let panic = Panic { message: "oh".into(), file: "lib.rs".into(), line: 3, column: 9 };
        assert_eq!(host.panics, [panic]);
    });
}

#[test]
fn a_reader_of_a_public_table_has_the_reads_and_no_writes() {
    let mut consumer = schema("shop", Vec::new());
    let home = interface_name("bank", "tables");
    consumer.imports.push(home.clone());
    consumer.foreign.push(tables("bank"));
    let link = |functions: &[RowFunction], schema: &Schema| {
        let functions: Vec<Handed> = functions
            .iter()
            .map(|function| Handed {
                name: function.name().into(),
                params: function.params().into_iter().map(|(name, ty)| (name.into(), ty)).collect(),
                result: function.result(),
            })
            .collect();
        let text = hand_through("acme:bank/account-rows@1.2.0", "exports", &functions, "utf8").0;
        let engine = engine();
        let compiled = engine.compile(&wat::parse_str(text).unwrap(), None).unwrap();
        ModuleLink::<MapHost>::new(&engine, &compiled, schema)
            .map(|link| link.needs())
            .map_err(|error| error.to_string())
    };
    let name = TypeName { interface: home, name: "account".into() };
    let needs = link(&[RowFunction::Get, RowFunction::Count], &consumer).unwrap();
    assert_eq!(needs.tables.into_iter().collect::<Vec<_>>(), [name]);
    let refused = link(&[RowFunction::Get, RowFunction::Delete], &consumer).unwrap_err();
    assert!(refused.contains("only the owner of a table changes it"), "{refused}");
    consumer.foreign[0].tables[0].visibility = Visibility::Private;
    let refused = link(&[RowFunction::Get], &consumer).unwrap_err();
    assert!(refused.contains("that table is private"), "{refused}");
}
