//! What a module shows to those that depend on it: all that its interface hash covers, and no more.

#![allow(missing_docs, clippy::unwrap_used)]

use expect_test::expect;
use interstice_wit::hash::{imported_hashes, interface_hash};
use interstice_wit::{
    PublicWit, Schema, Sources, former_self, former_wit, public_wit, read, used_wit, wit_identifier,
};
use std::path::Path;

const SHELF: &str = r#"
/// A shelf.
package acme:%list@1.2.0;

/// The tables.
interface tables {
  use acme:money/types@2.0.0.{amount as price};
  /// A book.
  /// @table(primary-key = (shelf, id), visibility = public, storage = ephemeral)
  /// @index(author, year)
  /// @unique(author, id)
  record book {
    shelf: u32,
    /// @auto-increment
    /// @unique
    id: u64,
    author: string,
    /// The year.
    /// @default(1970)
    year: u16,
    /// @default(novel)
    kind: kind,
    cost: price,
  }
  enum kind { novel, poem }
  /// Nobody's business.
  /// @table(primary-key = id)
  record secret { id: u64, clue: clue }
  record clue { text: string }
  /// A loan, which a function gives out.
  /// @table(primary-key = id)
  /// @index(who)
  record loan { id: u64, who: string }
}
interface lending {
  use tables.{book as %record, loan, secret};
  use hidden.{reason};
  /** What went wrong.
      On two lines. */
  variant lend-error { none, no-such-book(u64), because(reason) }
  type %type = list<tuple<u64, option<%record>>>;
  flags marks { read, lent }
  /// Lends.
  /// @reducer
  lend: func(id: u64, %use: string) -> result<loan, lend-error>;
  /// @query
  all: func(marks: marks) -> %type;
  /// @on(delete loan)
  arrived: func(row: loan);
  /// @schedule(every = 1h)
  tick: func();
}
/// @visibility(private)
interface hidden {
  record reason { text: string }
  record unseen { text: string }
  /// @query
  peek: func() -> unseen;
}
world shelf { export tables; export lending; export hidden; }
"#;

const MONEY: &str = "package acme:money@2.0.0;
interface types { type amount = cents; record cents { value: u64 } record other { value: u8 } }";

/// A module as dependents see it, with the packages that it uses.
fn written(schema: &Schema) -> Vec<PublicWit> {
    std::iter::once(public_wit(schema)).chain(used_wit(&[schema]).unwrap()).collect()
}

fn shelf() -> Schema {
    let mut sources = Sources::new();
    sources.add_root("shelf.wit", SHELF);
    sources.add_dependency_file("money", "money.wit", MONEY);
    read(&sources, None).map_err(|found| found.render()).unwrap()
}

/// A module that imports all that another shows, reading nothing but what was written of it.
fn importer(schema: &Schema, written: &[PublicWit]) -> Schema {
    let mut text = "package test:importer@0.1.0;\nworld importer {\n".to_owned();
    let hashes = interface_hash(schema);
    for interface in schema.exports.iter() {
        let package = &interface.name.package;
        let prefix = format!("{}/{}/", package.unversioned(), interface.name.name);
        if hashes.items.keys().any(|item| item.starts_with(&prefix)) {
            let words =
                [&package.namespace, &package.name, &interface.name.name].map(|word| wit_identifier(word));
            let [namespace, name, interface] = words;
            text.push_str(&format!("  import {namespace}:{name}/{interface}@{};\n", package.version));
        }
    }
    text.push_str("}\n");
    let mut sources = Sources::new();
    sources.add_root("importer.wit", text);
    for PublicWit { package, text } in written {
        sources.add_dependency_file(package.to_string(), format!("{package}.wit"), text.as_str());
    }
    let read = read(&sources, None).map_err(|found| found.render());
    read.unwrap_or_else(|found| panic!("{found}\n{written:?}"))
}

/// Everything that the interface hash of a module covers is in what was written of it, and nothing else.
fn check_hashes(schema: &Schema) {
    let written = written(schema);
    let imported = imported_hashes(&importer(schema, &written));
    assert_eq!(imported.items, interface_hash(schema).items, "{written:?}");
}

#[test]
fn dependents_see_what_is_public_and_nothing_else() {
    let written = written(&shelf());
    let text: Vec<_> =
        written.iter().map(|PublicWit { package, text }| format!("// {package}\n{text}")).collect();
    expect![[r#"
        // acme:list@1.2.0
        /// A shelf.
        package acme:%list@1.2.0;

        /// @visibility(private)
        interface hidden {
          record reason {
            text: string,
          }
        }

        interface lending {
          use hidden.{reason};
          use tables.{book as %record, loan};
          /// What went wrong.
          ///      On two lines.
          variant lend-error {
            none,
            no-such-book(u64),
            because(reason),
          }
          type %type = list<tuple<u64, option<%record>>>;
          flags marks {
            read,
            lent,
          }
          /// Lends.
          /// @reducer
          lend: func(id: u64, %use: string) -> result<loan, lend-error>;
          /// @query
          all: func(marks: marks) -> %type;
        }

        /// The tables.
        interface tables {
          use acme:money/types@2.0.0.{amount as price};
          enum kind {
            novel,
            poem,
          }
          /// A book.
          /// @table(primary-key = (shelf, id), visibility = public, storage = ephemeral)
          /// @unique(author, id)
          /// @index(author, year)
          record book {
            shelf: u32,
            /// @auto-increment
            /// @unique
            id: u64,
            author: string,
            /// The year.
            /// @default(1970)
            year: u16,
            /// @default(novel)
            kind: kind,
            cost: price,
          }
          record clue {
            text: string,
          }
          /// A loan, which a function gives out.
          /// @table(primary-key = id)
          record loan {
            id: u64,
            who: string,
          }
        }

        // acme:money@2.0.0
        package acme:money@2.0.0;

        interface types {
          record cents {
            value: u64,
          }
          type amount = cents;
        }
    "#]]
    .assert_eq(&text.join("\n"));
    for hidden in ["secret", "unseen", "peek", "arrived", "tick"] {
        assert!(!text.concat().contains(hidden), "{hidden} is private");
    }
}

#[test]
fn what_is_written_has_the_interface_hashes_of_the_module() {
    check_hashes(&shelf());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut checked = 0;
    for folder in ["examples", "examples/smallbank", "tests/modules", "codegen/tests"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let wit = entry.unwrap().path().join("wit");
            if let Some(sources) = sources(&wit)
                && let Ok(schema) = read(&sources, None)
            {
                check_hashes(&schema);
                checked += 1;
            }
        }
    }
    assert!(checked > 15, "only {checked} packages were found");
}

#[test]
fn docs_from_a_forged_schema_cannot_leave_their_comment() {
    let mut schema = shelf();
    let forged = "fine\r}\ninterface evil {\u{202e}\u{7}\n  @reducer\n*/ type x = u8;".to_owned();
    schema.docs = Some(forged.clone());
    for interface in &mut schema.exports {
        interface.docs = Some(forged.clone());
        interface.types.iter_mut().for_each(|def| def.docs = Some(forged.clone()));
        interface.functions.iter_mut().for_each(|function| function.docs = Some(forged.clone()));
    }
    check_hashes(&schema);
}

fn sources(folder: &Path) -> Option<Sources> {
    let mut sources = Sources::new();
    let mut found = false;
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            sources.add_root(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
            found = true;
        }
    }
    for entry in std::fs::read_dir(folder.join("deps")).into_iter().flatten() {
        let folder = entry.unwrap().path();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            sources.add_dependency_file(
                name,
                path.display().to_string(),
                std::fs::read_to_string(&path).unwrap(),
            );
        }
    }
    found.then_some(sources)
}

#[test]
fn what_two_modules_use_of_a_package_is_put_together() {
    let user = |name: &str, money: &str, ty: &str| {
        let mut sources = Sources::new();
        let text = format!(
            "package acme:{name}@1.0.0; interface i {{ use acme:money/types@2.0.0.{{{ty}}};
/// @query
f: func() -> {ty}; }} world w {{ export i; }}"
        );
        sources.add_root("user.wit", text);
        sources.add_dependency_file("money", "money.wit", money);
        read(&sources, None).map_err(|found| found.render()).unwrap()
    };
    let (left, right) = (user("left", MONEY, "amount"), user("right", MONEY, "other"));
    let text = |written: Vec<PublicWit>| written.into_iter().map(|written| written.text).collect::<String>();
    expect![[r#"
        package acme:money@2.0.0;

        interface types {
          record cents {
            value: u64,
          }
          type amount = cents;
          record other {
            value: u8,
          }
        }
    "#]]
    .assert_eq(&text(used_wit(&[&left, &right]).unwrap()));
    let changed = user("right", &MONEY.replace("value: u64", "value: u32"), "amount");
    let error = used_wit(&[&left, &changed]).unwrap_err().to_string();
    assert_eq!(
        error,
        "`acme:left@1.0.0` and `acme:right@1.0.0` know different types as `acme:money/types@2.0.0.{cents}`"
    );
}

/// Linking tells by it a column that was passed on from one that never had another name.
#[test]
fn a_declared_rename_of_what_is_public_is_shown_and_of_what_is_private_is_not() {
    let mut sources = Sources::new();
    sources.add_root(
        "till.wit",
        "package acme:till@1.0.0;
        interface tables {
          /// @table(primary-key = id, visibility = public)
          /// @renamed-from(purse)
          record coin {
            id: u64,
            /// @renamed-from(value)
            worth: u32,
          }
          /// @table(primary-key = id)
          /// @renamed-from(hoard)
          record stash {
            /// @renamed-from(key)
            id: u64,
          }
          /// @query
          look: func() -> list<stash>;
        }
        world till { export tables; }",
    );
    let schema = read(&sources, None).unwrap();
    let text = public_wit(&schema).text;
    for (former, is_shown) in [("purse", true), ("value", true), ("hoard", false), ("key", false)] {
        assert_eq!(text.contains(&format!("@renamed-from({former})")), is_shown, "{former} in {text}");
    }
    assert_eq!(former_name(&text).as_deref(), Some("purse"), "an importer knows it");
}

/// What an importer, which reads nothing but this, knows of the name that `coin` had.
fn former_name(text: &str) -> Option<String> {
    let mut sources = Sources::new();
    sources.add_root(
        "shop.wit",
        "package acme:shop@1.0.0;
        interface shop {
          /// @query
          look: func() -> u32;
        }
        world importer { import acme:till/tables@1.0.0; export shop; }",
    );
    sources.add_dependency_file("till", "deps/till.wit", text);
    let schema = read(&sources, None).unwrap();
    let tables = &schema.foreign[0].tables;
    tables.iter().find(|table| table.name == "coin").unwrap().renamed_from.clone()
}

#[test]
fn a_later_version_reads_all_tables_of_the_older_one() {
    let shelf = shelf();
    let written = former_wit(&shelf);
    expect![[r#"
        /// A shelf.
        package acme:%list@1.2.0;

        /// The tables.
        interface tables {
          use acme:money/types@2.0.0.{amount as price};
          enum kind {
            novel,
            poem,
          }
          /// A book.
          /// @table(primary-key = (shelf, id), visibility = public, storage = ephemeral)
          /// @unique(author, id)
          /// @index(author, year)
          record book {
            shelf: u32,
            /// @auto-increment
            /// @unique
            id: u64,
            author: string,
            /// The year.
            /// @default(1970)
            year: u16,
            /// @default(novel)
            kind: kind,
            cost: price,
          }
          record clue {
            text: string,
          }
          /// Nobody's business.
          /// @table(primary-key = id)
          record secret {
            id: u64,
            clue: clue,
          }
          /// A loan, which a function gives out.
          /// @table(primary-key = id)
          /// @index(who)
          record loan {
            id: u64,
            who: string,
          }
        }
    "#]]
    .assert_eq(&written.text);
    let mut sources = Sources::new();
    let later = "package acme:%list@2.0.0;
interface migration {
/// @migrate
move-all: func();
}
world later { import acme:%list/tables@1.2.0; export migration; }";
    sources.add_root("later.wit", later);
    for PublicWit { package, text } in used_wit(&[&former_self(&shelf)]).unwrap().into_iter().chain([written])
    {
        sources.add_dependency_file(package.to_string(), format!("{package}.wit"), text);
    }
    let later = read(&sources, None).map_err(|found| found.render()).unwrap();
    let tables = |interfaces: &[interstice_wit::Interface]| {
        let found = interfaces.iter().find(|interface| interface.name.name == "tables").unwrap();
        found.tables.clone()
    };
    assert_eq!(tables(&later.foreign), tables(&shelf.exports));
    assert_eq!(later.docs, None);
}
