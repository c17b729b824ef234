//! Which older snapshots stay, so that old states can be rebuilt from them and from the log behind them.
//! Invariant: of every moment that the retention reaches back to, and of which a state can be rebuilt now,
//! one can be rebuilt from what stays.

use super::read::Snapshot;
use crate::maintenance::Retention;
use crate::sequence::Sequence;

/// The part of the history of which states are to be rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// How far back it reaches.
    pub retention: Retention,
    /// The first record that the log holds.
    pub first: Sequence,
    /// The time by which days are counted back, in microseconds since the Unix epoch.
    pub now_micros: u64,
}

impl Past {
    /// Whether the log goes on from a snapshot.
    pub(super) fn goes_on_from(&self, snapshot: &Snapshot) -> bool {
        snapshot.sequence().next() >= self.first
    }

    /// Which of these snapshots stay, given the times of their last records, the newest first, and that of
    /// the youngest snapshot behind them, which stays anyhow. The last that is chosen is the one from which the oldest
    /// states are rebuilt.
    pub(super) fn choose(&self, younger_micros: u64, older_micros: &[u64]) -> Vec<usize> {
        let Some(oldest) = older_micros.len().checked_sub(1) else { return Vec::new() };
        let Some(horizon_micros) = self.retention.horizon_micros(self.now_micros) else {
            let begins_at_the_first_record = self.first == Sequence(1);
            return if begins_at_the_first_record { Vec::new() } else { vec![oldest] };
        };
        if younger_micros <= horizon_micros {
            return Vec::new();
        }
        // What lies before it is too old to be asked for.
        let base = older_micros.iter().position(|micros| *micros <= horizon_micros).unwrap_or(oldest);
        // When the base is too old itself, the log goes back to the next: the closer they lie, the less of the log
        // is kept beyond what was asked for, and the more rows are.
        let apart_micros = (self.now_micros - horizon_micros) / 2;
        let mut chosen = vec![base];
        let mut before_micros = older_micros[base];
        for at in (0..base).rev() {
            let next_micros = at.checked_sub(1).map_or(younger_micros, |next| older_micros[next]);
            if next_micros.saturating_sub(before_micros) > apart_micros {
                chosen.insert(0, at);
                before_micros = older_micros[at];
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000_000;
    const WEEK: Retention = Retention::KeepDays(7);

    /// On the day `now`, of snapshots of these days, newest first, and one of `younger`.
    fn stay(retention: Retention, first: u64, now: u64, younger: u64, older: &[u64]) -> Vec<u64> {
        let past = Past { retention, first: Sequence(first), now_micros: now * DAY };
        let micros: Vec<u64> = older.iter().map(|day| day * DAY).collect();
        past.choose(younger * DAY, &micros).into_iter().map(|at| older[at]).collect()
    }

    #[test]
    fn the_newest_from_before_the_week_stays_and_a_few_within_it() {
        assert_eq!(stay(WEEK, 1, 20, 20, &[19, 18, 17, 16, 15, 14, 13, 12, 11]), [19, 16, 13]);
        // None is old enough: the oldest is there for the day when it will be.
        assert_eq!(stay(WEEK, 1, 20, 20, &[19, 18, 17, 16]), [19, 16]);
        assert_eq!(stay(WEEK, 1, 20, 20, &[20]), [20]);
        // Nobody wrote for weeks: what stays anyhow is old enough.
        assert_eq!(stay(WEEK, 1, 40, 20, &[19, 18]), []);
        assert_eq!(stay(WEEK, 1, 40, 20, &[]), []);
    }

    /// As they are taken and removed day by day, each day of the week before has one before it, and there are few.
    #[test]
    fn a_week_can_always_be_reached_by_a_few() {
        for interval in [1, 2, 3, 5, 9, 30] {
            let mut there: Vec<u64> = Vec::new();
            for day in (30..150).filter(|day| day % interval == 0) {
                there.insert(0, day);
                if let [newest, second, older @ ..] = &there[..] {
                    there = [vec![*newest, *second], stay(WEEK, 1, day, *second, older)].concat();
                }
                let oldest = there[there.len() - 1];
                assert!(
                    oldest <= 30 + interval || oldest + 7 <= day,
                    "every {interval} days: {there:?} on day {day}"
                );
                assert!(there.len() <= 7, "every {interval} days: {there:?} on day {day}");
                // At most half a week more of the log than was asked for, and what lies between two snapshots.
                assert!(
                    oldest + 7 + 4 + 2 * interval >= day,
                    "every {interval} days: {there:?} on day {day}"
                );
            }
        }
    }

    #[test]
    fn without_a_past_none_stays_and_with_all_of_it_the_first_record_is_enough() {
        assert_eq!(stay(Retention::KeepNone, 1, 20, 20, &[19, 10]), []);
        assert_eq!(stay(Retention::KeepNone, 7, 20, 20, &[19, 10]), []);
        assert_eq!(stay(Retention::KeepAll, 1, 20, 20, &[19, 10]), []);
        // The log has lost its beginning already.
        assert_eq!(stay(Retention::KeepAll, 7, 20, 20, &[19, 10]), [10]);
    }
}
