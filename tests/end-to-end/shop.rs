//! Two modules in one transaction.

use crate::bank::example;
use interstice_test::Database;

fn shop() -> Database {
    let shop = Database::of(example("bank")).with(example("shop"));
    shop.call_of("acme:bank", "open-account(\"ada\")");
    let account = shop.query_of("acme:bank", "find(\"ada\")");
    let id: u64 = account.split("id: ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    shop.call_of("acme:bank", &format!("deposit({id}, 100)"));
    shop.call("stock({sku: \"tea\", name: \"Tea\", price: 30, stock: 9})");
    shop
}

fn ada(shop: &Database) -> String {
    let account = shop.query_of("acme:bank", "find(\"ada\")");
    account.split("id: ").nth(1).unwrap().split(',').next().unwrap().to_owned()
}

#[test]
fn an_order_pays_in_the_same_transaction() {
    let shop = shop();
    let ada = ada(&shop);
    let before = shop.node().last_sequence().0;
    let reply = shop.call(&format!("place({ada}, \"tea\", 2)"));
    assert!(reply.starts_with("ok({"), "{reply}");
    assert_eq!(shop.node().last_sequence().0, before + 1, "order and payment are one record");
    assert_eq!(shop.query_of("acme:bank", &format!("balance({ada})")), "some(40)");
}

#[test]
fn a_payment_that_fails_leaves_no_order() {
    let shop = shop();
    let ada = ada(&shop);
    let before = shop.node().last_sequence();
    let reply = shop.call(&format!("place({ada}, \"tea\", 4)"));
    assert_eq!(reply, "err(payment(insufficient-funds(100)))");
    assert_eq!(shop.node().last_sequence(), before);
    assert_eq!(shop.query_of("acme:bank", &format!("balance({ada})")), "some(100)");
}

#[test]
fn a_module_whose_import_is_not_installed_is_refused_and_changes_nothing() {
    let database = Database::empty();
    let component = interstice_test::component_of(example("shop"));
    let error = database.node().install(&component).unwrap_err();
    assert_eq!(error.code(), "version.link");
    assert!(error.to_string().contains("acme:bank"), "{error}");
    assert_eq!(database.node().last_sequence().0, 0);
    assert!(database.node().modules().is_empty());
}
