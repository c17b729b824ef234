//! A database of a case, on files in a temporary folder, with a clock that stands.

use interstice_codec::row::{Batch, from_bytes, to_bytes};
use interstice_log::doors::{Clock, Doors};
use interstice_log::{LogFilter, LogReader, Record, os};
use interstice_node::{
    Beginning, CallOptions, Error, FunctionHandle, HistoricState, Moment, Node, RerunOptions, UpgradeOptions,
    verify_calls,
};
use interstice_tests::machine;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// The only moment of the clock: 2023-11-14, in microseconds.
const NOW_MICROS: u64 = 1_700_000_000_000_000;

pub(crate) struct Base {
    node: Option<Node>,
    folder: TempDir,
}

struct Still;

impl Clock for Still {
    fn now_micros(&self) -> u64 {
        NOW_MICROS
    }

    fn monotonic_micros(&self) -> u64 {
        0
    }
}

fn doors(folder: &Path) -> Doors {
    Doors { clock: Arc::new(Still), ..os::doors(folder).unwrap() }
}

fn open(folder: &Path) -> Node {
    Node::open(doors(folder), machine::options(), &mut |_| {}).unwrap().0
}

impl Base {
    pub(crate) fn new() -> Base {
        Base::of(tempfile::tempdir().unwrap())
    }

    /// The database in that folder.
    pub(crate) fn of(folder: TempDir) -> Base {
        Base { node: Some(open(folder.path())), folder }
    }

    pub(crate) fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn install(&self, component: &[u8]) -> Result<(), Error> {
        self.node().install(component).map(drop)
    }

    pub(crate) fn upgrade(&self, component: &[u8]) -> Result<(), Error> {
        self.upgrade_all(&[component], UpgradeOptions::default())
    }

    pub(crate) fn roll_back(&self, component: &[u8]) -> Result<(), Error> {
        self.upgrade_all(&[component], UpgradeOptions { rollback: true, ..UpgradeOptions::default() })
    }

    /// Agrees to lose rows with their tables, once it was told which.
    pub(crate) fn upgrade_all(&self, components: &[&[u8]], options: UpgradeOptions) -> Result<(), Error> {
        let last = self.node().last_sequence();
        match self.node().upgrade(components, &options) {
            Err(Error::RowsGivenUp { rows }) => {
                assert_eq!(self.node().plan(components, &options)?.given_up, rows);
                assert_eq!(self.node().last_sequence(), last, "nothing is done before somebody agrees");
                self.node().upgrade(components, &UpgradeOptions { gives_up_rows: true, ..options }).map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    /// The packages that are installed, with their versions.
    pub(crate) fn versions(&self) -> Vec<String> {
        self.node().modules().into_iter().map(|module| module.schema.package.to_string()).collect()
    }

    /// Calls or asks a function with arguments in the row codec.
    pub(crate) fn ask(&self, module: &str, function: &str, arguments: &[u8]) -> Result<Vec<u8>, String> {
        let function = self.node().function(module, function).map_err(|error| error.to_string())?;
        self.run(&function, arguments)
    }

    /// Calls or asks a function in WAVE.
    pub(crate) fn tell(&self, module: &str, text: &str) -> String {
        let (function, arguments) = self.node().parse_call(module, text).unwrap();
        let result = self.run(&function, &arguments);
        function.print_result(&result.unwrap_or_else(|error| panic!("{module} {text}: {error}")))
    }

    fn run(&self, function: &FunctionHandle, arguments: &[u8]) -> Result<Vec<u8>, String> {
        let options = CallOptions::default();
        let reply = match function.is_query() {
            true => self.node().query(function, arguments, &options),
            false => self.node().call(function, arguments, &options),
        };
        Ok(reply.map_err(|error| format!("{}: {error}", error.code()))?.result)
    }

    /// The rows that a scan by an index gives, as a batch.
    pub(crate) fn scan(&self, module: &str, function: &str, index: u32) -> Result<Vec<u8>, String> {
        let all = (index, Vec::<u8>::new(), None::<Vec<u8>>, false, 0_u32);
        let answer = self.ask(module, function, &to_bytes(&all))?;
        let (further, rows): (u32, Vec<u8>) = from_bytes(&answer).unwrap();
        if further == 0 { Ok(rows) } else { Err(format!("{function} does not come to its end")) }
    }

    /// How many rows a scan gives.
    pub(crate) fn count(&self, module: &str, function: &str) -> usize {
        Batch::new(&self.scan(module, function, 0).unwrap()).count()
    }

    pub(crate) fn close(&mut self) {
        let node = self.node.take().unwrap();
        node.settle().unwrap();
        node.close().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.close();
        self.node = Some(open(self.folder.path()));
    }

    /// Closes the database: its calls run again as they ran, and its state is the same from the newest snapshot and from
    /// the whole log. Then it is opened again.
    pub(crate) fn check_history(&mut self) {
        self.close();
        let doors = doors(self.folder.path());
        let report = verify_calls(&doors, &RerunOptions::default(), &mut |_| {}).unwrap();
        assert_eq!(report.divergence, None);
        let state = |beginning| {
            HistoricState::read(&doors, Moment::Newest, beginning, &mut |_| {}).unwrap().digest().unwrap()
        };
        assert_eq!(state(Beginning::Nearest), state(Beginning::FirstRecord));
        self.node = Some(open(self.folder.path()));
    }

    /// Closes the database, and reads its log.
    pub(crate) fn into_records(mut self) -> Vec<Record> {
        self.close();
        let mut records = Vec::new();
        let mut visit = |record| {
            records.push(record);
            ControlFlow::Continue(())
        };
        let reader = LogReader::open(&doors(self.folder.path())).unwrap();
        reader.search(&LogFilter::default(), &mut visit, &mut |_| {}).unwrap();
        records
    }
}
