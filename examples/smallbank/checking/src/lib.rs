//! The checking half of the SmallBank benchmark.
//! Balance, Amalgamate and WriteCheck call the savings half in the same transaction.
//! Invariant: Amalgamate and SendPayment leave the sum of all money as it is.

interstice::module!("wit");

use bench::savings::savings;
use checking::CheckingError;
use tables::{Account, Customer};

/// The implementation of the module.
struct CheckingHalf;

export!(CheckingHalf);

impl Checking for CheckingHalf {
    fn balance(context: &QueryContext, name: String) -> Result<i64, CheckingError> {
        let account = find(context, &name)?;
        both(account.balance, savings::balance(context, &name)?)
    }

    fn deposit_checking(
        context: &mut ReducerContext,
        name: String,
        amount: u64,
    ) -> Result<i64, CheckingError> {
        let account = find(context, &name)?;
        add(context, account, signed(amount)?)
    }

    fn amalgamate(context: &mut ReducerContext, source: String, target: String) -> Result<(), CheckingError> {
        let from = find(context, &source)?;
        let saved = savings::take_all(context, &source)?;
        let moved = both(from.balance, saved)?;
        let taken = from.balance.checked_neg().ok_or(CheckingError::Overflow)?;
        add(context, from, taken)?;
        let to = find(context, &target)?;
        add(context, to, moved)?;
        Ok(())
    }

    fn write_check(context: &mut ReducerContext, name: String, amount: u64) -> Result<u64, CheckingError> {
        let account = find(context, &name)?;
        let covered = both(account.balance, savings::balance(context, &name)?)? >= signed(amount)?;
        let taken = if covered { amount } else { amount.saturating_add(1) };
        add(context, account, -signed(taken)?)?;
        Ok(taken)
    }

    fn send_payment(
        context: &mut ReducerContext,
        source: String,
        target: String,
        amount: u64,
    ) -> Result<(), CheckingError> {
        let amount = signed(amount)?;
        let from = find(context, &source)?;
        if from.balance < amount {
            return Err(CheckingError::InsufficientFunds(from.balance));
        }
        add(context, from, -amount)?;
        // The target is read after the source has changed, since they may be one account.
        let to = find(context, &target)?;
        add(context, to, amount)?;
        Ok(())
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

impl From<savings::SavingsError> for CheckingError {
    fn from(error: savings::SavingsError) -> Self {
        Self::Savings(error)
    }
}

fn find(context: &QueryContext, name: &str) -> Result<Account, CheckingError> {
    let customer = context.tables.customer.get(name);
    let customer = customer.ok_or_else(|| CheckingError::NoSuchCustomer(name.to_owned()))?;
    Ok(context.tables.account.get(customer.id).expect("every customer has an account"))
}

/// Changes a balance, and returns the new one.
fn add(context: &ReducerContext, mut account: Account, amount: i64) -> Result<i64, CheckingError> {
    account.balance = both(account.balance, amount)?;
    context.tables.account.update(&account).expect("the account was read in this transaction");
    Ok(account.balance)
}

fn both(one: i64, other: i64) -> Result<i64, CheckingError> {
    one.checked_add(other).ok_or(CheckingError::Overflow)
}

fn signed(amount: u64) -> Result<i64, CheckingError> {
    i64::try_from(amount).map_err(|_| CheckingError::Overflow)
}
