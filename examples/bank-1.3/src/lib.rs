//! A bank: accounts of customers, transfers between them, and a journal of what happened; version 1.3.
//! The schema is `wit/bank.wit`; this file holds what its functions do.
//! Invariant: money moves and is never made, except by deposits, withdrawals and interest.

interstice::module!("wit");

use ledger::{OpenError, TransferError};
use tables::{Account, AccountUnique, Entry, Event, Limit};

use interstice::{InsertError, info};

/// The implementation of the module.
struct Bank;

export!(Bank);

/// The owner of the account that the bank keeps for itself.
const HOUSE: &str = "acme bank";

/// Interest for each hour, as a fraction of the balance.
const HOURLY_INTEREST: i64 = 1_000_000;

/// The owner of the account for what the bank lays by.
const RESERVE: &str = "acme reserve";

const MICROS_PER_DAY: u64 = 24 * 60 * 60 * 1_000_000;

impl Ledger for Bank {
    fn open_account(context: &mut ReducerContext, owner: String) -> Result<Account, OpenError> {
        if owner.is_empty() {
            return Err(OpenError::NoName);
        }
        open(context, &owner)
    }

    fn deposit(context: &mut ReducerContext, id: u64, amount: u64) -> Result<i64, TransferError> {
        let account = find(context, id)?;
        change(context, account, Event::Deposited, signed(id, amount)?, None)
    }

    fn deposit_for(
        context: &mut ReducerContext,
        id: u64,
        amount: u64,
        memo: String,
    ) -> Result<i64, TransferError> {
        let account = find(context, id)?;
        change(context, account, Event::Deposited, signed(id, amount)?, Some(memo))
    }

    fn withdraw(context: &mut ReducerContext, id: u64, amount: u64) -> Result<i64, TransferError> {
        let account = find(context, id)?;
        if context.tables.limit.get(id).is_some_and(|limit| amount > limit.amount) {
            return Err(TransferError::TooMuch(id));
        }
        change(context, account, Event::Withdrawn, -signed(id, amount)?, None)
    }

    fn set_limit(context: &mut ReducerContext, account: u64, amount: u64) -> Result<(), TransferError> {
        find(context, account)?;
        let limit = Limit { account, amount };
        context.tables.limit.upsert(limit).expect("a limit has no other key than its account");
        Ok(())
    }

    fn transfer(
        context: &mut ReducerContext,
        source: u64,
        target: u64,
        amount: u64,
    ) -> Result<(), TransferError> {
        let from = find(context, source)?;
        find(context, target)?;
        change(context, from, Event::Sent, -signed(source, amount)?, None)?;
        // The target is read after the source has changed, since they may be one account.
        let to = find(context, target)?;
        change(context, to, Event::Received, signed(target, amount)?, None)?;
        Ok(())
    }

    fn balance(context: &QueryContext, id: u64) -> Option<i64> {
        context.tables.account.get(id).map(|account| account.balance)
    }

    fn find(context: &QueryContext, owner: String) -> Option<Account> {
        context.tables.account.by_owner.get(&owner)
    }

    fn limit_of(context: &QueryContext, account: u64) -> Option<u64> {
        context.tables.limit.get(account).map(|limit| limit.amount)
    }

    fn total(context: &QueryContext) -> i64 {
        context.tables.account.iter().map(|account| account.balance).sum()
    }
}

impl Audit for Bank {
    fn journal(context: &QueryContext, account: u64, since_day: u32, limit: u32) -> Vec<Entry> {
        let entries = &context.tables.entry.by_account_and_day;
        entries.prefix_range(account, since_day..).rev().limit(limit).collect()
    }
}

impl Automation for Bank {
    fn seed(context: &mut ReducerContext) {
        if let Err(OpenError::AlreadyOpen(id)) = open(context, HOUSE) {
            info!(context, "the bank's own account is number {id} already");
        }
    }

    fn reserve(context: &mut ReducerContext) {
        if let Err(OpenError::AlreadyOpen(id)) = open(context, RESERVE) {
            info!(context, "the reserve is account number {id} already");
        }
    }

    fn opened(context: &mut ReducerContext, row: Account) {
        note(context, row.id, Event::Opened, row.balance, None);
    }

    fn accrue(context: &mut ReducerContext) {
        for account in context.tables.account.iter().filter(|account| account.balance > 0) {
            let interest = account.balance / HOURLY_INTEREST;
            let id = account.id;
            if interest > 0 && change(context, account, Event::Interest, interest, None).is_err() {
                info!(context, "account {id} is full");
            }
        }
    }
}

fn open(context: &ReducerContext, owner: &str) -> Result<Account, OpenError> {
    let accounts = &context.tables.account;
    if let Some(account) = accounts.by_owner.get(owner) {
        return Err(OpenError::AlreadyOpen(account.id));
    }
    match accounts.insert(Account { id: 0, owner: owner.to_owned(), balance: 0 }) {
        Ok(account) => Ok(account),
        Err(InsertError::DuplicateUnique(AccountUnique::Owner)) => {
            unreachable!("no account of this owner was there a moment ago")
        }
        Err(InsertError::DuplicateKey | InsertError::CounterOverflow) => {
            unreachable!("there are more numbers than accounts")
        }
    }
}

fn find(context: &QueryContext, id: u64) -> Result<Account, TransferError> {
    context.tables.account.get(id).ok_or(TransferError::NoSuchAccount(id))
}

/// Changes a balance and notes it; returns the new balance.
fn change(
    context: &ReducerContext,
    mut account: Account,
    event: Event,
    amount: i64,
    memo: Option<String>,
) -> Result<i64, TransferError> {
    let full = TransferError::TooMuch(account.id);
    let balance = account.balance.checked_add(amount).ok_or(full)?;
    if balance < 0 {
        return Err(TransferError::InsufficientFunds(account.balance));
    }
    account.balance = balance;
    context.tables.account.update(&account).expect("the account was read in this transaction");
    note(context, account.id, event, amount, memo);
    Ok(balance)
}

fn note(context: &ReducerContext, account: u64, event: Event, amount: i64, memo: Option<String>) {
    let day = u32::try_from(context.timestamp().micros() / MICROS_PER_DAY).unwrap_or(u32::MAX);
    let entry = Entry { id: 0, account, day, event, amount, memo };
    context.tables.entry.insert(entry).expect("the journal has no other key than its counter");
}

fn signed(id: u64, amount: u64) -> Result<i64, TransferError> {
    i64::try_from(amount).map_err(|_| TransferError::TooMuch(id))
}
