//! A module with a table and without a function.

interstice::module!("wit");

struct Silent;

export!(Silent);
