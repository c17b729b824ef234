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
        expect!["no mistakes"],
    );
}

#[test]
fn the_past_of_a_package_is_for_a_migration_from_one_version_alone() {
    check_import(
        "import acme:bank/tables@1.1.0;",
        "/// @on(init)\nf: func();",
        expect![[r#"
        bank.wit:6:31: nothing reads the tables of `acme:bank@1.1.0`, the older version of this package
          `tables` imports it
          mend: export a function with `/// @migrate` above it, which the upgrade runs, or remove the import

    "#]],
    );
    check_import(
        "import acme:bank/tables@1.1.0; import acme:bank/tables@1.0.0;",
        MIGRATION,
        expect![[r#"
            bank.wit:6:31: tables of two older versions are imported, 1.1.0 and 1.0.0
              `tables` imports it
              mend: a migration comes from one version: leave the one from which it does

            bank.wit:6:62: tables of two older versions are imported, 1.0.0 and 1.1.0
              `tables` imports it
              mend: a migration comes from one version: leave the one from which it does

        "#]],
    );
    check_import(
        "import acme:bank/tables@1.3.0;",
        MIGRATION,
        expect![[r#"
        bank.wit:6:31: `acme:bank/tables@1.3.0` does not belong to an older version of `acme:bank@1.2.0`
          `tables` imports it
          mend: import the tables of the version from which the migration comes

    "#]],
    );
}

#[test]
fn rows_of_the_version_before_are_not_watched() {
    check_import(
        "import acme:bank/tables@1.1.0;",
        &format!(
            "use acme:bank/tables@1.1.0.{{account}};\n{MIGRATION}\n/// @on(insert account)\nf: func(row: account);"
        ),
        expect![[r#"
            bank.wit:6:16: the table `account` belongs to an older version of this package
              `account` here
              mend: watch the table of this version; a migration may read the old one

        "#]],
    );
}

#[test]
fn a_migration_is_called_with_nothing_and_returns_nothing() {
    check_interface(
        "/// @migrate\nf: func(a: u32) -> u32;\n/// @migrate(now)\ng: func();\n/// @migrate\n/// @reducer\nh: func();",
        expect![[r#"
            bank.wit:4:1: nothing receives the result of `f`
              `f` handler
              mend: return nothing, or `result<_, E>` where it can fail

            bank.wit:4:1: the parameters of `f` are not what the host calls it with
              `f` handler
              mend: take no parameters: the host has none to give

            bank.wit:5:13: `@migrate` takes no arguments
              `(` unexpected
              mend: write `@migrate` alone

            bank.wit:8:5: `h` says twice what it is
              `@reducer` here
              mend: leave one of `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate`

        "#]],
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
        expect![[r#"
            bank.wit:4:19: `account` is the name that it has now
              `account` expected another name
              mend: write the name that it had in the version before, or remove `@renamed-from`

            bank.wit:6:21: `Old_Key` cannot have been a name
              `Old_Key` expected a name in kebab-case
              mend: write the name as the WIT of the version before has it

            bank.wit:11:3: `owner` and `holder` cannot both have been `name` before
              `holder` the second one
              mend: leave `@renamed-from` on one of them

            bank.wit:12:20: expected `(`, found the end of the directive
              mend: write the name that it had before: `@renamed-from(old-name)`

            bank.wit:14:24: expected `)`, found `c`
              `c` expected `)`
              mend: write the name that it had before: `@renamed-from(old-name)`

            bank.wit:17:5: `@renamed-from` stands before a function
              `@renamed-from(f)` misplaced
              mend: a function has one name only: callers know it by that, so add the new one beside the old

            bank.wit:20:5: `@renamed-from` belongs to a table, and this record is not one
              `@renamed-from(old)` here
              mend: write `/// @table(primary-key = …)` above the record

            bank.wit:22:7: `@renamed-from` belongs to a table, and this record is not one
              `@renamed-from(x)` here
              mend: write `/// @table(primary-key = …)` above the record

            bank.wit:25:5: `@renamed-from` stands before an enum
              `@renamed-from(e)` misplaced
              mend: it belongs above a table or a field of one

        "#]],
    );
    check_interface(
        "/// @table(primary-key = id)
/// @renamed-from(past)
record one { id: u64 }
/// @table(primary-key = id)
/// @renamed-from(past)
record two { id: u64 }",
        expect![[r#"
            bank.wit:8:8: `one` and `two` cannot both have been `past` before
              `two` the second one
              mend: leave `@renamed-from` on one of them

        "#]],
    );
}
