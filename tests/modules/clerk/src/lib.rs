//! A module that tells the shelf what to do, several times in one transaction.

interstice::module!("wit");

use orders::Batch;
use test::shelf::work::{self, Ending, Outcome};

struct Clerk;

export!(Clerk);

impl Orders for Clerk {
    fn run(
        context: &mut ReducerContext,
        batches: Vec<Batch>,
        ending: Ending,
    ) -> Result<Vec<Result<Vec<Outcome>, Vec<Outcome>>>, String> {
        let results =
            batches.into_iter().map(|batch| work::apply(context, &batch.steps, batch.ending)).collect();
        match ending {
            Ending::Keep => Ok(results),
            Ending::Refuse => Err("as it was told to".to_owned()),
            Ending::Fail => panic!("as it was told to"),
        }
    }
}
