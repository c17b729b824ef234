//! A shop whose customers pay from their accounts at the bank, another module; moved to version 2.0 of it.
//! The schema is `wit/shop.wit`, and that of the bank as the shop knows it `wit/deps/acme-bank`.
//! Invariant: an order exists exactly if its money has moved.

interstice::module!("wit");

use acme::bank::ledger::{self, OpenError};
use interstice::{Caller, info};
use orders::OrderError;
use tables::{Order, Product, Setting, Status};

/// The implementation of the module.
struct Shop;

export!(Shop);

/// Whom the bank knows the shop as.
const OWNER: &str = "acme shop";

impl Orders for Shop {
    fn stock(context: &mut ReducerContext, product: Product) {
        if let Caller::Client(name) = context.caller() {
            info!(context, "{name} stocks {} of {}", product.stock, product.sku);
        }
        context.tables.product.upsert(product).expect("a product has no other key than its number");
    }

    fn place(
        context: &mut ReducerContext,
        customer: u64,
        sku: String,
        quantity: u32,
    ) -> Result<Order, OrderError> {
        if quantity == 0 {
            return Err(OrderError::NothingOrdered);
        }
        let Some(mut product) = context.tables.product.get(&sku) else {
            return Err(OrderError::NoSuchProduct(sku));
        };
        product.stock = product.stock.checked_sub(quantity).ok_or(OrderError::OutOfStock(product.stock))?;
        let total = product.price.saturating_mul(u64::from(quantity));
        context.tables.product.update(&product).expect("the product was read in this transaction");
        let order = Order { id: 0, customer, sku, quantity, total, status: Status::Paid };
        let order = context.tables.order.insert(order).expect("an order has no other key than its counter");

        // If the bank refuses, so does this reducer, and the order and the stock are as before.
        let account = own_account(context);
        let memo = format!("order {}", order.id);
        ledger::transfer(context, customer, account, total, &memo).map_err(OrderError::Payment)?;
        Ok(order)
    }

    fn refund(context: &mut ReducerContext, id: u64) -> Result<(), OrderError> {
        let mut order = context.tables.order.get(id).ok_or(OrderError::NoSuchOrder(id))?;
        if order.status == Status::Refunded {
            return Err(OrderError::RefundedAlready);
        }
        order.status = Status::Refunded;
        context.tables.order.update(&order).expect("the order was read in this transaction");
        if let Some(mut product) = context.tables.product.get(&order.sku) {
            product.stock = product.stock.saturating_add(order.quantity);
            context.tables.product.update(&product).expect("the product was read in this transaction");
        }
        let account = own_account(context);
        let memo = format!("refund of order {id}");
        ledger::transfer(context, account, order.customer, order.total, &memo).map_err(OrderError::Payment)
    }

    fn history(context: &QueryContext, customer: u64) -> Vec<Order> {
        context.tables.order.by_customer.get_all(customer).rev().collect()
    }

    fn affordable(context: &QueryContext, customer: u64, sku: String) -> Option<u64> {
        let product = context.tables.product.get(&sku)?;
        let account = context.imports.bank.account.get(customer)?;
        u64::try_from(account.balance).ok()?.checked_div(product.price)
    }
}

impl Automation for Shop {
    fn open(context: &mut ReducerContext) {
        let account = match ledger::open_account(context, OWNER) {
            Ok(account) => account.id,
            Err(OpenError::AlreadyOpen(id)) => id,
            Err(OpenError::NoName) => unreachable!("the shop has a name"),
        };
        let setting = Setting { id: 0, account };
        context.tables.setting.upsert(setting).expect("a setting has no other key than its number");
    }
}

fn own_account(context: &QueryContext) -> u64 {
    context.tables.setting.get(0).expect("the account is opened when the module is installed").account
}
