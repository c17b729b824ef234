//! The least that a guest can do: it moves bytes that it does not look at.

wit_bindgen::generate!({ path: "wit", world: "bare" });

use test::bare::door;

struct Bare;

export!(Bare);

/// The bytes of a row {u64, string(16), s64}, with another id each time.
fn row(number: u64) -> [u8; 33] {
    let mut row = [b'.'; 33];
    row[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    row
}

fn spread(count: u64, of: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % of)
}

impl Guest for Bare {
    fn empty() {}

    fn insert(first: u64, count: u64) {
        for number in first..first + count {
            door::insert(&row(number));
        }
    }

    fn get(count: u64, of: u64) -> u64 {
        spread(count, of).map(|number| door::get(&row(number)[..8]).map_or(0, |row| row.len() as u64)).sum()
    }

    fn update(count: u64, of: u64) {
        for number in spread(count, of) {
            door::update(&row(number));
        }
    }

    fn transfer(source: u64, target: u64, amount: i64) -> u64 {
        let read = |id: u64| door::get(&id.to_be_bytes()).map_or(0, |row| row.len() as u64);
        let found = read(source) + read(target);
        for id in [source, target] {
            let mut row = [0; 16];
            row[..8].copy_from_slice(&id.to_be_bytes());
            row[8..].copy_from_slice(&amount.to_be_bytes());
            door::update(&row);
        }
        found
    }
}
