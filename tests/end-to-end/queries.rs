//! Queries beside the writer.

use crate::bank::example;
use interstice_test::Database;
use std::sync::atomic::{AtomicBool, Ordering};

/// A query chooses the newest durable version and then opens it. In between the writer may commit, the log
/// may become durable further, and the history of the chosen version may go: such queries used to fail with
/// "the version is not kept any more".
#[test]
fn a_query_is_answered_however_fast_the_writer_goes_on() {
    let database = Database::of(example("bank"));
    database.call("open-account(\"ada\")");
    let node = database.node();
    let (deposit, arguments) = node.parse_call("acme:bank", "deposit(2, 1)").unwrap();
    let (balance, of_ada) = node.parse_call("acme:bank", "balance(2)").unwrap();
    let done = AtomicBool::new(false);
    let asked: u64 = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut asked = 0;
                    while !done.load(Ordering::Relaxed) {
                        node.query(&balance, &of_ada, &Default::default()).unwrap();
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        let mut pending = Vec::new();
        for _ in 0..20_000 {
            pending.push(node.send(&deposit, arguments.clone(), interstice_node::Caller::System).unwrap());
        }
        for reply in pending {
            reply.wait(interstice_node::Acknowledge::Durable).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    assert!(asked > 0);
}
