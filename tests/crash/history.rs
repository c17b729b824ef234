//! What may be left of the calls that were sent, told from what their callers were told.
//! Invariant: of what one process was sent, a beginning is kept, and every acknowledged call is in it.

use crate::session::{Fate, Sent};

/// What a database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The entries, in order.
    pub(crate) numbers: Vec<u64>,
    /// What the subscriber was told, in order.
    pub(crate) echoes: Vec<u64>,
}

/// Compares the state with what each process was sent, in order.
///
/// With `in_memory`, an acknowledged call may be lost.
pub(crate) fn check(processes: &[Vec<Sent>], state: &State, in_memory: bool) -> Result<(), String> {
    let mut rest = state.numbers.as_slice();
    let mut announced = Vec::new();
    let mut last = 0;
    for sent in processes {
        // The first call of this process that is not there.
        let mut lost: Option<&Sent> = None;
        for one in sent {
            let text = &one.call.text;
            let numbers: Vec<u64> = one.call.numbers.clone().collect();
            let kept = rest.starts_with(&numbers);
            if kept {
                rest = &rest[numbers.len()..];
                announced.extend(numbers.into_iter().filter(|_| one.call.announced));
            }
            match (&one.fate, kept) {
                (_, true) if one.call.fails => return Err(format!("{text} has failed and is kept")),
                (_, false) if one.call.fails => continue,
                (Fate::Refused(code), true) => {
                    return Err(format!("{text} was refused with {code} and is kept"));
                }
                (Fate::Refused(_), false) => continue,
                (Fate::Acknowledged(_), false) if !in_memory => {
                    return Err(format!("{text} was acknowledged and is lost"));
                }
                (Fate::Acknowledged(sequence), _) if *sequence <= last => {
                    return Err(format!("{text} has the sequence {sequence}, after {last}"));
                }
                (Fate::Acknowledged(sequence), _) => last = *sequence,
                (Fate::Unknown, _) => {}
            }
            match (kept, lost) {
                (true, Some(lost)) => {
                    return Err(format!("{text} is kept and {} before it is lost", lost.call.text));
                }
                (true, None) => {}
                (false, _) => lost = lost.or(Some(one)),
            }
        }
    }
    if !rest.is_empty() {
        return Err(format!("the entries from {} on are out of order or were never sent", rest[0]));
    }
    if announced != state.echoes {
        return Err(format!("{announced:?} were announced, and the subscriber was told {:?}", state.echoes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Call;

    fn sent(number: u64, fate: Fate) -> Sent {
        let call = Call {
            text: format!("announce({number})"),
            numbers: number..number + 1,
            announced: true,
            fails: false,
        };
        Sent { call, fate }
    }

    fn held(numbers: &[u64]) -> State {
        State { numbers: numbers.to_vec(), echoes: numbers.to_vec() }
    }

    #[test]
    fn every_lie_of_a_database_is_noticed() {
        let refused = || Fate::Refused("ours.disk-full".to_owned());
        let first = vec![
            sent(1, Fate::Acknowledged(5)),
            sent(2, refused()),
            sent(3, Fate::Unknown),
            sent(4, Fate::Unknown),
        ];
        let processes = [first, vec![sent(6, Fate::Acknowledged(9))]];
        let check = |state: &State| check(&processes, state, false);
        for numbers in [&[1, 6][..], &[1, 3, 6], &[1, 3, 4, 6]] {
            assert_eq!(check(&held(numbers)), Ok(()), "{numbers:?}");
        }
        let wrong: [&[u64]; 7] =
            [&[3, 6], &[1, 3, 4], &[1, 2, 6], &[1, 4, 6], &[1, 6, 3], &[1, 1, 6], &[1, 6, 7]];
        for numbers in wrong {
            assert!(check(&held(numbers)).is_err(), "{numbers:?}");
        }
        for echoes in [vec![1], vec![1, 6, 6], vec![6, 1]] {
            assert!(check(&State { echoes, ..held(&[1, 6]) }).is_err());
        }
        let again = [vec![sent(1, Fate::Acknowledged(5)), sent(2, Fate::Acknowledged(5))]];
        assert!(super::check(&again, &held(&[1, 2]), false).is_err(), "two calls have one sequence");
        assert!(super::check(&again, &held(&[2]), true).is_err(), "memory may lose the end alone");
        assert!(super::check(&again[..], &held(&[]), true).is_err(), "their sequence is still one");
    }
}
