//! The savings half of the SmallBank benchmark.
//! TransactSavings runs here alone; the checking half calls the rest.
//! Invariant: a savings balance is never negative.

interstice::module!("wit");

use savings::SavingsError;
use tables::{Account, Customer};

/// The implementation of the module.
struct SavingsHalf;

export!(SavingsHalf);

impl Savings for SavingsHalf {
    fn transact_savings(
        context: &mut ReducerContext,
        name: String,
        amount: i64,
    ) -> Result<i64, SavingsError> {
        let mut account = find(context, &name)?;
        let balance = account.balance.checked_add(amount).ok_or(SavingsError::Overflow)?;
        if balance < 0 {
            return Err(SavingsError::InsufficientFunds(account.balance));
        }
        account.balance = balance;
        store(context, &account);
        Ok(balance)
    }

    fn take_all(context: &mut ReducerContext, name: String) -> Result<i64, SavingsError> {
        let mut account = find(context, &name)?;
        let taken = std::mem::take(&mut account.balance);
        store(context, &account);
        Ok(taken)
    }

    fn balance(context: &QueryContext, name: String) -> Result<i64, SavingsError> {
        Ok(find(context, &name)?.balance)
    }

    fn total(context: &QueryContext) -> i64 {
        context.tables.account.iter().map(|account| account.balance).sum()
    }

    fn load(context: &mut ReducerContext, first: u64, count: u64, balance: i64) {
        let ids = first..first.saturating_add(count);
        let customers = ids.clone().map(|id| Customer { name: format!("customer-{id}"), id });
        context.tables.customer.insert_many(customers).expect("these customers are new");
        let accounts = ids.map(|customer| Account { customer, balance });
        context.tables.account.insert_many(accounts).expect("these customers are new");
    }
}

fn find(context: &QueryContext, name: &str) -> Result<Account, SavingsError> {
    let customer = context.tables.customer.get(name);
    let customer = customer.ok_or_else(|| SavingsError::NoSuchCustomer(name.to_owned()))?;
    Ok(context.tables.account.get(customer.id).expect("every customer has an account"))
}

fn store(context: &ReducerContext, account: &Account) {
    context.tables.account.update(account).expect("the account was read in this transaction");
}
