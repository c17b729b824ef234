//! The database of a test: modules installed, called and queried in a line each.
//! Calls and results are WAVE text, or the module's own types where a test has them.

use crate::clock::TestClock;
use crate::module::component_of;
use interstice_codec::row::{Decode, Encode, from_bytes, to_bytes};
use interstice_node::{CallOptions, Caller, Error, Limits, Node, NodeOptions};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// How often a locked database is tried again, and after which time: another thread of the test may just be starting
/// a process, which holds copies of all open files until it has become another program.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A database on files in a temporary folder, which goes with it.
pub struct Database {
    node: Option<Node>,
    /// The module that calls without a name go to.
    module: String,
    caller: Caller,
    clock: Arc<TestClock>,
    limits: Limits,
    folder: TempDir,
}

impl Database {
    /// A database with one module: the crate in this folder, which is built, or this component file.
    ///
    /// # Panics
    /// If it does not build or cannot be installed, with the reason.
    pub fn of(module: impl AsRef<Path>) -> Database {
        Database::empty().with(module)
    }

    /// A database without modules.
    pub fn empty() -> Database {
        Database::with_limits(Limits::default())
    }

    /// A database without modules that allows other things than usual.
    pub fn with_limits(limits: Limits) -> Database {
        let mut database = Database {
            node: None,
            module: String::new(),
            caller: Caller::Client("test".to_owned()),
            clock: Arc::default(),
            limits,
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
        };
        database.open();
        database
    }

    /// This database with one more module. Modules that it imports must be there before; calls
    /// without a name go to the one that was added last.
    ///
    /// # Panics
    /// If it does not build or cannot be installed, with the reason.
    #[must_use]
    pub fn with(mut self, module: impl AsRef<Path>) -> Database {
        let component = component_of(module);
        self.module = match self.node().install(&component) {
            Ok(installation) => installation.package.unversioned(),
            Err(error) => panic!("the module cannot be installed: {error}"),
        };
        self
    }

    /// From now on calls come from this client.
    pub fn set_client(&mut self, identity: &str) {
        self.caller = Caller::Client(identity.to_owned());
    }

    /// The node itself, for whatever has no short form here.
    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("the database is open")
    }

    /// Calls a reducer of the last module, such as `transfer(1, 2, 50)`, and returns its result in
    /// WAVE, such as `ok` or `err(no-such-account(2))`.
    ///
    /// # Panics
    /// If the call cannot be made, traps or meets a limit.
    pub fn call(&self, call: &str) -> String {
        self.call_of(&self.module, call)
    }

    /// Calls a reducer of another module, such as `acme:bank`.
    ///
    /// # Panics
    /// If the call cannot be made, traps or meets a limit.
    pub fn call_of(&self, module: &str, call: &str) -> String {
        self.try_call(module, call).unwrap_or_else(|error| panic!("{module} {call}: {error}"))
    }

    /// Calls a reducer that may fail.
    pub fn try_call(&self, module: &str, call: &str) -> Result<String, Error> {
        let (function, arguments) = self.node().parse_call(module, call)?;
        let reply = self.node().call(&function, &arguments, &self.options())?;
        Ok(function.print_result(&reply.result))
    }

    /// Asks a query of the last module, such as `balance(1)`, and returns its result in WAVE.
    ///
    /// # Panics
    /// If the query cannot be made, traps or meets a limit.
    pub fn query(&self, query: &str) -> String {
        self.query_of(&self.module, query)
    }

    /// Asks a query of another module.
    ///
    /// # Panics
    /// If the query cannot be made, traps or meets a limit.
    pub fn query_of(&self, module: &str, query: &str) -> String {
        self.try_query(module, query).unwrap_or_else(|error| panic!("{module} {query}: {error}"))
    }

    /// Asks a query that may fail.
    pub fn try_query(&self, module: &str, query: &str) -> Result<String, Error> {
        let (function, arguments) = self.node().parse_call(module, query)?;
        let reply = self.node().query(&function, &arguments, &self.options())?;
        Ok(function.print_result(&reply.result))
    }

    /// Calls a reducer or a query of the last module with Rust values: `arguments` is the tuple of
    /// its parameters, and the result is what it returns.
    ///
    /// # Panics
    /// If the call fails, or the types are not those of the function.
    pub fn typed<A: Encode, R: Decode>(&self, function: &str, arguments: A) -> R {
        let node = self.node();
        let arguments = to_bytes(&arguments);
        let reply = node.function(&self.module, function).and_then(|function| {
            if function.is_query() {
                node.query(&function, &arguments, &self.options())
            } else {
                node.call(&function, &arguments, &self.options())
            }
        });
        let reply = reply.unwrap_or_else(|error| panic!("{function}: {error}"));
        from_bytes(&reply.result).unwrap_or_else(|error| panic!("{function} returns another type: {error}"))
    }

    /// Moves the clock forward, and runs what is scheduled until then, each function once.
    ///
    /// # Panics
    /// If the node failed.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.settle();
    }

    /// Waits until the subscriptions have been told of everything.
    ///
    /// # Panics
    /// If the node failed.
    pub fn settle(&self) {
        self.node().settle().expect("deliveries are paid");
    }

    /// Closes the database and opens it again from its files.
    ///
    /// # Panics
    /// If it does not open.
    pub fn restart(&mut self) {
        let node = self.node.take().expect("the database is open");
        node.close().expect("the database closes");
        drop(node);
        self.open();
    }

    fn open(&mut self) {
        let mut doors =
            interstice_log::os::doors(self.folder.path()).expect("the temporary folder can be used");
        doors.clock = self.clock.clone();
        let options = NodeOptions { limits: self.limits.clone(), ..NodeOptions::default() };
        for tries_left in (0..LOCK_TRIES).rev() {
            match Node::open(doors.clone(), options.clone(), &mut |_| {}) {
                Ok((node, _)) => {
                    self.node = Some(node);
                    return;
                }
                Err(error) if error.code() == "ours.locked" && tries_left > 0 => thread::sleep(LOCK_PAUSE),
                Err(error) => panic!("the database does not open: {error}"),
            }
        }
    }

    fn options(&self) -> CallOptions {
        CallOptions { caller: self.caller.clone(), ..CallOptions::default() }
    }
}
