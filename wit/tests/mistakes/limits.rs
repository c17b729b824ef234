//! What mistakes cost: sources with very many of them, or very long ones, are answered in little time and
//! in few words.

use crate::check_interface;
use expect_test::expect;
use interstice_wit::{Sources, read};
use std::time::{Duration, Instant};

/// The findings about the items of one interface. Each of these took tens of seconds, and some gave more
/// text than anybody can look at.
fn check_cost(items: &str) -> String {
    let mut sources = Sources::new();
    sources.add_root(
        "a.wit",
        format!("package a:b@1.0.0;\ninterface i {{\n{items}\n}}\nworld w {{ export i; }}"),
    );
    let start = Instant::now();
    let shown = read(&sources, None).unwrap_err().render();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(shown.len() < 1 << 20, "{} bytes", shown.len());
    shown
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|n| line(n) + "\n").collect()
}

#[test]
fn a_directive_over_very_many_lines_costs_little() {
    let columns = lines(100_000, |_| "/// b,".to_owned());
    check_cost(&format!("/// @index(a,\n{columns}/// c)\nrecord r {{ id: u64 }}"));
}

#[test]
fn very_many_directives_on_one_item_cost_little() {
    let indexes = lines(40_000, |_| "/// @index(owner)".to_owned());
    let shown =
        check_cost(&format!("{indexes}/// @table(primary-key = id)\nrecord r {{ id: u64, owner: string }}"));
    assert!(shown.contains("more than 100 directives above one item"), "{shown}");
    assert!(!shown.contains("this record is not one"), "{shown}");
}

#[test]
fn very_many_misspelt_columns_cost_little() {
    let tables = lines(30, |table| {
        let indexes = lines(100, |n| format!("/// @index(columnn{n}x)"));
        let fields = lines(300, |n| format!("column{n}: u8,"));
        format!("/// @table(primary-key = column0)\n{indexes}record r{table} {{\n{fields}}}")
    });
    check_cost(&tables);
}

#[test]
fn findings_at_the_end_of_a_large_file_cost_little() {
    let comments = lines(100_000, |_| format!("// {}", "x".repeat(70)));
    check_cost(&(comments + &lines(2_000, |n| format!("/// @foo\nf{n}: func();"))));
    check_cost(&format!(
        "{}{}",
        " ".repeat(7_000_000),
        lines(2_000, |n| format!("f{n}: func();")).replace('\n', " ")
    ));
}

#[test]
fn very_many_unknown_names_cost_little() {
    let types = lines(100_000, |n| format!("type abcdef{n} = u8;"));
    let fields = lines(100, |n| format!("x{n}: abcdeg{n},"));
    let shown = check_cost(&format!("{types}record r {{\n{fields}}}"));
    assert!(shown.contains("the type `abcdeg0` does not exist"), "{shown}");
}

#[test]
fn long_names_and_values_are_clipped() {
    let long = "x".repeat(200_000);
    let shown = check_cost(&format!(
        "/// @table(primary-key = {long})\nrecord r {{ id: u64,\n/// @default({long})\nc: u8 }}\n/// @{long}\nf: func();"
    ));
    assert!(shown.len() < 5_000, "{} bytes", shown.len());
    let fields: Vec<_> = (0..12).map(|n| format!("c{n}: u8")).collect();
    check_interface(
        &format!(
            "/// @table(primary-key = {})\nrecord r {{ {} }}\n/// @table(primary-key = id)\nrecord s {{ }}",
            "x".repeat(90),
            fields.join(", ")
        ),
        expect![[r#"
            bank.wit:3:26: the table `r` has no column `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`
              `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` unknown column
              mend: its columns are `c0`, `c1`, `c2`, `c3`, `c4`, `c5`, `c6`, `c7`, `c8`, `c9` and 2 more

            bank.wit:5:26: the table `s` has no column `id`
              `id` unknown column
              mend: it has no columns

            bank.wit:6:8: the component model has no empty types
              `s` here
              mend: add a field

        "#]],
    );
}
