//! A module whose reducers do what no reducer should.
//! Each writes first, so that a test can see that nothing of it is left.

interstice::module!("wit");

use interstice::Caller;
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use tables::Note;

struct Hostile;

export!(Hostile);

fn note(context: &mut ReducerContext, text: &str) -> Result<u64, String> {
    let note = Note { id: 0, text: text.to_owned() };
    context.tables.note.insert(note).map(|note| note.id).map_err(|error| error.to_string())
}

fn written(context: &mut ReducerContext, text: &str) {
    note(context, text).expect("the note is new");
}

/// Recurses with frames on the host's stack.
#[inline(never)]
fn recurse(depth: u32) -> u32 {
    if depth == 0 { 0 } else { black_box(recurse(depth - 1)) + 1 }
}

/// Recurses with frames in the guest's memory, where Rust keeps what has an address.
#[inline(never)]
fn recurse_in_memory(depth: u32) -> u32 {
    let frame = black_box([depth; 1024]);
    if depth == 0 { frame[0] } else { recurse_in_memory(depth - 1) + u32::from(frame[63] == depth) }
}

thread_local! {
    /// What the instance keeps from call to call, as no module should.
    static HOARD: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static TIREDNESS: Cell<u32> = const { Cell::new(0) };
}

fn hoard(mebibytes: u32) -> u32 {
    HOARD.with_borrow_mut(|hoard| {
        hoard.push(black_box(vec![1; (mebibytes as usize) << 20]));
        hoard.len() as u32
    })
}

impl Deeds for Hostile {
    fn panic(context: &mut ReducerContext, text: String) {
        written(context, &text);
        panic!("as it was told to: {text}");
    }

    fn loop_forever(context: &mut ReducerContext, text: String) {
        written(context, &text);
        loop {
            black_box(&text);
        }
    }

    fn eat_memory(context: &mut ReducerContext, text: String) {
        written(context, &text);
        let mut eaten = Vec::new();
        loop {
            eaten.push(black_box(vec![1_u8; 1 << 20]));
        }
    }

    fn overflow_stack(context: &mut ReducerContext, text: String) {
        written(context, &text);
        black_box(recurse(u32::MAX));
    }

    fn overflow_own_stack(context: &mut ReducerContext, text: String) {
        written(context, &text);
        black_box(recurse_in_memory(u32::MAX));
    }

    fn write_forever(context: &mut ReducerContext) {
        for number in 0_u64.. {
            written(context, &format!("{number:>1000}"));
        }
    }

    fn write_large_row(context: &mut ReducerContext, size: u32) {
        written(context, &"x".repeat(size as usize));
    }

    fn forget_scans(context: &mut ReducerContext, count: u32) {
        for number in context.tables.note.count()..2_000 {
            written(context, &format!("a note that is long enough for several batches {number}"));
        }
        for _ in 0..count {
            let mut scan = context.tables.note.iter();
            black_box(scan.next());
            std::mem::forget(scan);
        }
    }

    fn refuse(context: &mut ReducerContext, text: String) -> Result<(), String> {
        written(context, &text);
        Err("no".to_owned())
    }

    fn write(context: &mut ReducerContext, text: String) -> Result<u64, String> {
        note(context, &text)
    }

    fn deep(_: &mut ReducerContext, depth: u32) -> u32 {
        recurse(depth)
    }

    fn take(_: &mut ReducerContext, bytes: Vec<u8>) -> u64 {
        bytes.len() as u64
    }

    fn notes(context: &QueryContext) -> Vec<String> {
        context.tables.note.iter().map(|note| note.text).collect()
    }

    fn hoard(context: &mut ReducerContext, text: String, mebibytes: u32) -> u32 {
        written(context, &text);
        hoard(mebibytes)
    }

    fn hoard_aside(_: &QueryContext, mebibytes: u32) -> u32 {
        hoard(mebibytes)
    }

    fn tire(context: &mut ReducerContext, text: String, rounds: u32) -> u32 {
        written(context, &text);
        let times = TIREDNESS.get() + 1;
        TIREDNESS.set(times);
        for round in 0..rounds * times {
            black_box(round);
        }
        times
    }

    fn draw(context: &mut ReducerContext) -> (u64, u64) {
        let drawn = (context.random(), context.random());
        written(context, &drawn.0.to_string());
        drawn
    }

    fn circumstances(context: &QueryContext) -> (String, u64) {
        let caller = match context.caller() {
            Caller::Client(name) => format!("client {name}"),
            Caller::Module(name) => format!("module {name}"),
            Caller::System => "system".to_owned(),
        };
        (caller, context.timestamp().micros())
    }
}
