//! What changes each hash, and what must not.

#![allow(missing_docs, clippy::unwrap_used)]

use expect_test::{Expect, expect};
use interstice_wit::hash::{imported_hashes, interface_hash, storage_hash};
use interstice_wit::{Hash, Schema, Sources, canonical, read};

const BANK: &str = include_str!("bank.wit");

fn schema(text: &str) -> Schema {
    let mut sources = Sources::new();
    sources.add_root("bank.wit", text);
    let schema = read(&sources, None).map_err(|found| found.render()).unwrap();
    schema.validate().unwrap();
    schema
}

/// The bank with a piece of its text replaced.
fn changed(from: &str, to: &str) -> Schema {
    assert!(BANK.contains(from), "the bank says `{from}`");
    schema(&BANK.replace(from, to))
}

/// Says which items of the interface hash differ from the bank's, and whether the storage hash does.
fn check(changed: &Schema, expected: Expect) {
    let bank = schema(BANK);
    let (before, after) = (interface_hash(&bank), interface_hash(changed));
    let mut text = String::new();
    for item in before.items.keys().chain(after.items.keys().filter(|item| !before.items.contains_key(*item)))
    {
        let change = match (before.items.get(item), after.items.get(item)) {
            (Some(before), Some(after)) if before == after => continue,
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "gone",
            _ => "new",
        };
        text.push_str(&format!("{change} {item}\n"));
    }
    assert_eq!(before.module == after.module, before.interfaces == after.interfaces);
    if before.module != after.module {
        text.push_str("interface hash changed\n");
    }
    if storage_hash(&bank) != storage_hash(changed) {
        text.push_str("storage hash changed\n");
    }
    expected.assert_eq(&text);
}

/// The bank with a piece of its text replaced is the same to callers, and its rows are the same.
fn check_same(from: &str, to: &str) {
    check(&changed(from, to), expect![""]);
}

#[test]
fn the_canonical_form_of_the_bank_is_fixed() {
    let bank = schema(BANK);
    let mut text = String::new();
    for interface in &bank.exports {
        text.push_str(&format!("{}\n", interface.name));
        for (item, content) in canonical::interface_items(&bank, interface) {
            text.push_str(&format!("  {item} = {content}\n"));
        }
    }
    text.push_str(&canonical::storage(&bank));
    expect![[r#"
        acme:bank/automation@1.2.0
        acme:bank/ledger@1.2.0
          function/balance = query(id: u64) -> option<s64>
          function/transfer = reducer(source: u64, target: u64, amount: u64) -> result<_, variant { no-such-account(u64), insufficient-funds(s64) }>
          type/transfer-error = variant { no-such-account(u64), insufficient-funds(s64) }
        acme:bank/tables@1.2.0
          column/account.balance = s64
          column/account.id = u64
          column/account.owner = string
          index/account.owner = unique(owner)
          index/account.owner-and-balance = index(owner, balance)
          table/account = logged primary-key(id)
          type/account = record { id: u64, owner: string, balance: s64 }
        codec 1
        table account logged
          column id: u64 auto-increment
          column owner: string
          column balance: s64
          primary-key(id)
          unique(owner)
          index(owner, balance)
    "#]].assert_eq(&text);
}

#[test]
fn the_hashes_of_the_bank_are_fixed() {
    let bank = schema(BANK);
    let hashes = serde_json::to_string_pretty(&interface_hash(&bank)).unwrap();
    expect![[r#"
        {
          "module": "c83155e3b38b1f3e689356b735b820863ce401686076de2d3b037c652f972b63",
          "interfaces": {
            "acme:bank/ledger": "a566ba52427a6e0f0187268028c463eca78f99be5ac2ea1ab588d5feb3879a78",
            "acme:bank/tables": "09bd4c97cbdbe98833ef6ba18e420eacf558a0d74f2d1e9a13e962b0b206b740"
          },
          "items": {
            "acme:bank/ledger/function/balance": "119b61f49749181562365c3334edb6a7aaa0132320b394ebdd86d84502d31e52",
            "acme:bank/ledger/function/transfer": "e5074ce5f98159fc9d74e0661b021e8984518a46c77f98670412e6471973b11a",
            "acme:bank/ledger/type/transfer-error": "2e9dc0e32deb3668f5c1a59a2199f5613b4629faf82ad3ce67dab35ab3d8e66a",
            "acme:bank/tables/column/account.balance": "e89ac4af94950496c0dd620084556ff54b7b3ec0969dd500c2d370e38f6f9646",
            "acme:bank/tables/column/account.id": "30e3848eeac528c8cbd069f55ce3f65a157842ef1637f744cc08478059d0d37b",
            "acme:bank/tables/column/account.owner": "8c6c0aeffe9864fc0b49e3dff02f91afa17af7ff1310d353039c3631d7eef284",
            "acme:bank/tables/index/account.owner": "d41fa14a111965c2df4832af175444de1026c2f4e0991f0061cf34bfddf342bd",
            "acme:bank/tables/index/account.owner-and-balance": "60fe7f07564ca9c968abf6aa354fbc5599f1292ca962351b379c9b4f179e8339",
            "acme:bank/tables/table/account": "ebbb5f51b59c94ad6a926fbd5c25ba7aee29e5e93427bfb3e2376c501c89e8d1",
            "acme:bank/tables/type/account": "2c9df8b44addaf56c1a4b2b417d427fe3d60739f21efb0fb52f4c15497a915d3"
          }
        }
        storage 85939abfd91a4fc90cbf94ee4f98b3c075bca7cc9d509419ac07bfc87c6c9e96
    "#]].assert_eq(&format!("{hashes}\nstorage {}\n", storage_hash(&bank)));
}

#[test]
fn docs_comments_gates_and_versions_change_nothing() {
    check_same("/// Moves money.", "/// Takes it here and puts it there.");
    check_same("  variant", "  // A comment.\n  variant");
    check_same("interface ledger {", "@since(version = 1.0.0)\ninterface ledger {");
    check_same("acme:bank@1.2.0", "acme:bank@1.3.0");
}

#[test]
fn the_order_of_items_changes_nothing() {
    check_same("  export tables;\n  export ledger;", "  export ledger;\n  export tables;");
    let query = "  /// @query\n  balance: func(id: u64) -> option<s64>;\n";
    let moved =
        BANK.replace(query, "").replace("interface ledger {\n", &format!("interface ledger {{\n{query}"));
    check(&schema(&moved), expect![""]);
}

#[test]
fn aliases_and_uses_change_nothing() {
    check_same(
        "  /// @query\n  balance: func(id: u64)",
        "  type account-id = u64;\n  /// @query\n  balance: func(id: account-id)",
    );
    let aliased = BANK.replace("    id: u64,", "    id: key,").replace(
        "interface tables {",
        "interface keys { type number = u64; }\ninterface tables { use keys.{number}; type key = number;",
    );
    check(&schema(&aliased), expect![""]);
}

#[test]
fn handlers_and_schedules_are_no_concern_of_callers() {
    check_same("every = 1h", "every = 2h");
    check_same("@on(init)", "@on(upgrade)");
}

#[test]
fn what_a_caller_sees_of_a_function_changes_its_item() {
    check(
        &changed("target: u64, ", ""),
        expect![[r#"
        changed acme:bank/ledger/function/transfer
        interface hash changed
    "#]],
    );
    check(
        &changed("source: u64, target: u64", "target: u64, source: u64"),
        expect![[r#"
        changed acme:bank/ledger/function/transfer
        interface hash changed
    "#]],
    );
    check(
        &changed("/// @query\n  balance", "/// @reducer\n  balance"),
        expect![[r#"
        changed acme:bank/ledger/function/balance
        interface hash changed
    "#]],
    );
    check(
        &changed("option<s64>", "option<u64>"),
        expect![[r#"
        changed acme:bank/ledger/function/balance
        interface hash changed
    "#]],
    );
    check(
        &changed("insufficient-funds(s64)", "insufficient-funds(u64)"),
        expect![[r#"
        changed acme:bank/ledger/function/transfer
        changed acme:bank/ledger/type/transfer-error
        interface hash changed
    "#]],
    );
}

#[test]
fn a_new_item_leaves_the_others_as_they_were() {
    check(
        &changed("/// Moves money.", "/// @query\n  total: func() -> u64;\n"),
        expect![[r#"
        new acme:bank/ledger/function/total
        interface hash changed
    "#]],
    );
}

#[test]
fn a_column_an_index_and_a_key_change_their_items() {
    check(
        &changed("    /// @default(0)", "    note: string,\n    /// @default(0)"),
        expect![[r#"
        changed acme:bank/tables/type/account
        new acme:bank/tables/column/account.note
        interface hash changed
        storage hash changed
    "#]],
    );
    check(
        &changed("  /// @index(owner, balance)\n", ""),
        expect![[r#"
        gone acme:bank/tables/index/account.owner-and-balance
        interface hash changed
        storage hash changed
    "#]],
    );
    check(
        &changed("    /// @unique\n", ""),
        expect![[r#"
        gone acme:bank/tables/index/account.owner
        interface hash changed
        storage hash changed
    "#]],
    );
    let keyed = BANK
        .replace("    /// @auto-increment\n", "")
        .replace("primary-key = id", "primary-key = (id, balance)");
    check(
        &schema(&keyed),
        expect![[r#"
        changed acme:bank/tables/table/account
        interface hash changed
        storage hash changed
    "#]],
    );
}

#[test]
fn what_is_stored_and_not_seen_changes_the_storage_hash_only() {
    check(
        &changed("visibility = public", "visibility = private"),
        expect![[r#"
            gone acme:bank/tables/column/account.balance
            gone acme:bank/tables/column/account.id
            gone acme:bank/tables/column/account.owner
            gone acme:bank/tables/index/account.owner
            gone acme:bank/tables/index/account.owner-and-balance
            gone acme:bank/tables/table/account
            gone acme:bank/tables/type/account
            interface hash changed
        "#]],
    );
    check(
        &changed("    /// @auto-increment\n", ""),
        expect![[r#"
        storage hash changed
    "#]],
    );
    check(&changed("    /// @default(0)\n", ""), expect![[r#""#]]);
}

#[test]
fn whether_rows_survive_is_seen_and_stored() {
    let unwatched = BANK.replace("@on(insert account, where = balance >= 0)", "@reducer");
    let ephemeral = unwatched.replace("visibility = public", "visibility = public, storage = ephemeral");
    check(
        &schema(&ephemeral),
        expect![[r#"
        changed acme:bank/tables/table/account
        interface hash changed
        storage hash changed
    "#]],
    );
}

#[test]
fn an_interface_that_becomes_private_is_gone() {
    check(
        &changed("interface ledger", "/// @visibility(private)\ninterface ledger"),
        expect![[r#"
        gone acme:bank/ledger/function/balance
        gone acme:bank/ledger/function/transfer
        gone acme:bank/ledger/type/transfer-error
        interface hash changed
    "#]],
    );
}

#[test]
fn an_importer_has_the_hashes_of_the_provider() {
    let mut sources = Sources::new();
    sources.add_root("shop.wit", "package acme:shop@1.0.0;\nworld shop { import acme:bank/ledger@1.2.0; import acme:bank/tables@1.2.0; }");
    sources.add_dependency_file("bank", "deps/bank/bank.wit", BANK);
    let shop = read(&sources, None).map_err(|found| found.render()).unwrap();
    shop.validate().unwrap();
    let provided = interface_hash(&schema(BANK));
    assert_eq!(imported_hashes(&shop).items, provided.items);
    assert_eq!(imported_hashes(&shop).interfaces, provided.interfaces);
}

/// What a module hashes is the structure of the types that it uses, not the way by which it reached them.
#[test]
fn the_use_by_which_a_type_is_reached_changes_no_hash() {
    let hashes = |module: &str, leaf: &str| {
        let mut sources = Sources::new();
        let text = format!(
            "package acme:top@1.0.0; interface go {{ {module}
             /// @table(primary-key = id)
             record row {{ id: u8, kind: kind }}
             /// @query
             last: func() -> kind; }} world top {{ export go; }}"
        );
        sources.add_root("top.wit", text);
        let leaf =
            format!("package acme:leaf@1.0.0; interface kinds {{ enum kind {{ small, big }} }} {leaf}");
        sources.add_dependency_file("leaf", "deps/leaf/leaf.wit", leaf);
        let top = read(&sources, None).map_err(|found| found.render()).unwrap();
        top.validate().unwrap();
        (interface_hash(&top), imported_hashes(&top), storage_hash(&top))
    };
    let direct = hashes("use acme:leaf/kinds@1.0.0.{kind};", "");
    let way = "interface api { use kinds.{kind}; record unused { kind: kind } }";
    assert_eq!(hashes("use acme:leaf/api@1.0.0.{kind};", way), direct);
    assert_eq!(
        hashes(
            "use acme:leaf/api@1.0.0.{size as kind};",
            &way.replace("{kind}", "{kind as size}").replace(": kind", ": size")
        ),
        direct
    );
}

#[test]
fn a_hash_is_read_back_from_its_text() {
    let hash = storage_hash(&schema(BANK));
    assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
    assert!("00".parse::<Hash>().is_err());
    assert!(hash.to_string().to_uppercase().parse::<Hash>().is_err());
    assert!("é".repeat(32).parse::<Hash>().is_err());
}

/// The record of a private table was an item, so that a column that no caller sees changed their hash.
#[test]
fn a_private_table_is_no_concern_of_callers() {
    let private = BANK.replace("visibility = public", "visibility = private");
    let (before, after) =
        (schema(&private), schema(&private.replace("balance: s64,", "balance: s64, note: string,")));
    assert_eq!(interface_hash(&before), interface_hash(&after));
    assert_ne!(storage_hash(&before), storage_hash(&after));
    let mut text = String::new();
    for interface in &before.exports {
        for (item, content) in canonical::interface_items(&before, interface) {
            text.push_str(&format!("{}/{item} = {content}\n", interface.name.name));
        }
    }
    expect![[r#"
        ledger/function/balance = query(id: u64) -> option<s64>
        ledger/function/transfer = reducer(source: u64, target: u64, amount: u64) -> result<_, variant { no-such-account(u64), insufficient-funds(s64) }>
        ledger/type/transfer-error = variant { no-such-account(u64), insufficient-funds(s64) }
    "#]].assert_eq(&text);
    // Where a function takes a row, its signature holds the whole structure.
    let row = "  /// @query\n  row: func() -> account;\n}\n\n/// @visibility(private)";
    let with_row = |text: &str| {
        let text = text.replace("interface ledger {", "interface ledger {\n  use tables.{account};");
        schema(&text.replacen("}\n\n/// @visibility(private)", row, 1))
    };
    let (before, after) =
        (with_row(&private), with_row(&private.replace("balance: s64,", "balance: s64, note: string,")));
    assert_ne!(interface_hash(&before), interface_hash(&after));
}
