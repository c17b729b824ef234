//! Mistakes in what leads from one version to the next: renames, migrations, imports of the package's own past.

use crate::{check_files, check_interface};
use expect_test::{Expect, expect};

const OLDER: &str = "package acme:bank@1.1.0;
interface tables {
  /// @table(primary-key = id)
  record account { id: u64 }
  /// @query
  count: func() -> u64;
}
/// @visibility(private)
interface secrets {
  /// @table(primary-key = id)
  record secret { id: u64 }
}
";

/// The findings about a world of `acme:bank@1.2.0` that exports `here` and imports this.
fn check_import(imports: &str, here: &str, expected: Expect) {
    let text = format!(
        "package acme:bank@1.2.0;\ninterface here {{\n{here}\n}}\nworld bank {{ {imports} export here; }}"
    );
    let other = |version: &str| OLDER.replace("1.1.0", version);
    let dependencies = [("one", OLDER.to_owned()), ("two", other("1.0.0")), ("three", other("1.3.0"))];
    let dependencies = dependencies.each_ref().map(|(entry, text)| (*entry, text.as_str()));
    check_files(&[("bank.wit", &text)], &dependencies, None, expected);
}

const MIGRATION: &str = "/// @migrate\nsplit: func() -> result<_, string>;";

#[test]
fn a_migration_may_import_the_tables_of_the_version_before_and_private_ones_too() {
    check_import(
        "import acme:bank/tables@1.1.0; import acme:bank/secrets@1.1.0;",
        MIGRATION,
        expect![[r#""#]],
    );
}

#[test]
fn the_past_of_a_package_is_for_a_migration_from_one_version_alone() {
    check_import("import acme:bank/tables@1.1.0;", "/// @on(init)\nf: func();", expect![[r#""#]]);
    check_import(
        "import acme:bank/tables@1.1.0; import acme:bank/tables@1.0.0;",
        MIGRATION,
        expect![[r#""#]],
    );
    check_import("import acme:bank/tables@1.3.0;", MIGRATION, expect![[r#""#]]);
}

#[test]
fn rows_of_the_version_before_are_not_watched() {
    check_import(
        "import acme:bank/tables@1.1.0;",
        &format!(
            "use acme:bank/tables@1.1.0.{{account}};\n{MIGRATION}\n/// @on(insert account)\nf: func(row: account);"
        ),
        expect![[r#""#]],
    );
}

#[test]
fn a_migration_is_called_with_nothing_and_returns_nothing() {
    check_interface(
        "/// @migrate\nf: func(a: u32) -> u32;\n/// @migrate(now)\ng: func();\n/// @migrate\n/// @reducer\nh: func();",
        expect![[r#""#]],
    );
}

#[test]
fn a_rename_names_one_other_name_that_nothing_else_had() {
    check_interface(
        "/// @table(primary-key = id)
/// @renamed-from(account)
record account {
  /// @renamed-from(Old_Key)
  id: u64,
  /// @renamed-from(name)
  owner: string,
  /// @renamed-from(name)
  holder: string,
  /// @renamed-from
  a: u8,
  /// @renamed-from(b, c)
  d: u8,
}
/// @renamed-from(f)
/// @query
g: func();
/// @renamed-from(old)
record plain {
  /// @renamed-from(x)
  y: u8,
}
/// @renamed-from(e)
enum other { a }",
        expect![[r#""#]],
    );
    check_interface(
        "/// @table(primary-key = id)
/// @renamed-from(past)
record one { id: u64 }
/// @table(primary-key = id)
/// @renamed-from(past)
record two { id: u64 }",
        expect![[r#""#]],
    );
}
