//! The benchmarks: each against a baseline that is measured in the same run, in turns with it, so that
//! a slow machine or a busy minute changes both. `cargo xtask bench` prints the table; nothing here is
//! a test, since times are no truths.
#![allow(clippy::unwrap_used, missing_docs)]

mod bare;
mod calls;
mod durable;
mod memory;
mod opening;
mod replay;
mod rows;
mod table;

fn main() {
    // `cargo test --benches` only wants to know that this runs.
    let quick = std::env::args().any(|argument| argument == "--test");
    // `cargo bench ... -- scan` measures the scan alone, for a profile of it.
    let scan_only = std::env::args().any(|argument| argument == "scan");
    // And so for the part that is about the log.
    let log_only = std::env::args().any(|argument| argument == "log");
    let opening_only = std::env::args().any(|argument| argument == "opening");
    let stack_bytes = 64 << 20;
    let thread = std::thread::Builder::new().name("bench".to_owned()).stack_size(stack_bytes);
    let run = move || {
        interstice_node::guest_thread(stack_bytes - (1 << 20), || {
            let mut table = table::Table::new(quick);
            if scan_only {
                table = table.with_rounds(300);
                rows::scan(&mut table);
                println!("{table}");
                return;
            }
            if opening_only {
                opening::run(&mut table);
                println!("{table}");
                return;
            }
            if log_only {
                durable::run(&mut table);
                replay::run(&mut table);
                opening::run(&mut table);
                println!("{table}");
                return;
            }
            // First, while the process holds no memory that others have freed.
            memory::run(&mut table);
            calls::run(&mut table);
            rows::run(&mut table);
            durable::run(&mut table);
            replay::run(&mut table);
            opening::run(&mut table);
            println!("{table}");
        });
    };
    thread.spawn(run).unwrap().join().unwrap();
}
