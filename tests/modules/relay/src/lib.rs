//! A module that calls the hostile one and sees what is left.

interstice::module!("wit");

use interstice::Caller;
use std::hint::black_box;
use tables::Entry;
use test::hostile::deeds;

struct TheRelay;

export!(TheRelay);

fn written(context: &mut ReducerContext, text: &str) {
    let entry = Entry { id: 0, text: text.to_owned() };
    context.tables.entry.insert(entry).expect("an entry has no other key than its counter");
}

#[inline(never)]
fn recurse(context: &mut ReducerContext, outer: u32, inner: u32) -> u32 {
    if outer == 0 { deeds::deep(context, inner) } else { black_box(recurse(context, outer - 1, inner)) + 1 }
}

impl Relay for TheRelay {
    fn go_on_after_refusal(context: &mut ReducerContext, text: String) -> Vec<String> {
        written(context, &text);
        deeds::write(context, &format!("{text} kept")).expect("the note is new");
        assert_eq!(deeds::refuse(context, &format!("{text} refused")), Err("no".to_owned()));
        written(context, &text);
        deeds::notes(context)
    }

    fn panic(context: &mut ReducerContext, text: String) {
        written(context, &text);
        deeds::panic(context, &text);
    }

    fn deep(context: &mut ReducerContext, outer: u32, inner: u32) -> u32 {
        recurse(context, outer, inner)
    }

    fn hand_over(context: &mut ReducerContext, size: u32) -> u64 {
        written(context, "handing over");
        deeds::take(context, &vec![7; size as usize])
    }

    fn refuse_after(context: &mut ReducerContext, text: String) -> Result<(), String> {
        deeds::write(context, &text)?;
        Err("no".to_owned())
    }

    fn notes(context: &QueryContext) -> Vec<String> {
        deeds::notes(context)
    }

    fn read(context: &QueryContext, id: u64) -> Option<String> {
        context.imports.hostile.note.get(id).map(|note| note.text)
    }

    fn entries(context: &QueryContext) -> Vec<String> {
        context.tables.entry.iter().map(|entry| entry.text).collect()
    }

    fn circumstances(context: &QueryContext) -> (String, u64) {
        assert!(matches!(context.caller(), Caller::Client(_)));
        deeds::circumstances(context)
    }
}
