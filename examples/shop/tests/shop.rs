//! The shop and the bank in one database.
#![allow(missing_docs)]

use interstice_test::Database;

/// Account 1 is the bank's own, 2 the shop's, and 3 ada's, with 100 in it. The shop has nine teas for 30.
fn shop() -> Database {
    let folder = env!("CARGO_MANIFEST_DIR");
    let shop = Database::of(format!("{folder}/../bank")).with(folder);
    assert_eq!(shop.call_of("acme:bank", "open-account(\"ada\")"), "ok({id: 3, owner: \"ada\", balance: 0})");
    assert_eq!(shop.call_of("acme:bank", "deposit(3, 100)"), "ok(100)");
    shop.call("stock({sku: \"tea\", name: \"Tea\", price: 30, stock: 9})");
    shop
}

#[test]
fn an_order_is_paid_at_the_bank() {
    let shop = shop();
    assert_eq!(shop.query("affordable(3, \"tea\")"), "some(3)");
    let order = "{id: 1, customer: 3, sku: \"tea\", quantity: 2, total: 60, status: paid}";
    assert_eq!(shop.call("place(3, \"tea\", 2)"), format!("ok({order})"));
    assert_eq!(shop.query("history(3)"), format!("[{order}]"));
    assert_eq!(shop.query_of("acme:bank", "balance(3)"), "some(40)");
    assert_eq!(shop.query_of("acme:bank", "balance(2)"), "some(60)");
}

#[test]
fn an_order_that_cannot_be_paid_does_not_exist() {
    let shop = shop();
    assert_eq!(shop.call("place(3, \"tea\", 4)"), "err(payment(insufficient-funds(100)))");
    assert_eq!(shop.query("history(3)"), "[]");
    assert_eq!(shop.call("place(3, \"tea\", 10)"), "err(out-of-stock(9))", "the stock is as before");
    assert_eq!(shop.call("place(3, \"gin\", 1)"), "err(no-such-product(\"gin\"))");
}

#[test]
fn a_refund_brings_the_money_back_once() {
    let shop = shop();
    shop.call("place(3, \"tea\", 2)");
    assert_eq!(shop.call("refund(1)"), "ok");
    assert_eq!(shop.query_of("acme:bank", "balance(3)"), "some(100)");
    assert_eq!(shop.call("refund(1)"), "err(refunded-already)");
    assert_eq!(shop.call("refund(2)"), "err(no-such-order(2))");
}
