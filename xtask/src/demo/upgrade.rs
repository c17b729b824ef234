//! The second act of the demo: a bank with a shop that depends on it is upgraded, first to a version that only adds, and
//! then to one that breaks the shop, which the database refuses until the shop moves along.
//! Invariant: every step is checked; one that ends otherwise than it should ends the demo with an error.

use crate::shell::{self, say};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Instant;

const BANK: &str = "acme:bank";
const SHOP: &str = "acme:shop";

/// The command, a database of its own, and the folder in which components are put.
pub(super) struct Street {
    interstice: PathBuf,
    data: PathBuf,
    components: PathBuf,
}

impl Street {
    /// A street whose database is made in this folder.
    pub(super) fn new(interstice: &Path, folder: &Path) -> Street {
        let (interstice, components) = (interstice.to_owned(), folder.to_owned());
        Street { interstice, data: folder.join("street"), components }
    }

    /// Plays the act.
    pub(super) fn play(&self) -> Result<()> {
        let [bank, shop, added, broken, moved] =
            ["bank", "shop", "bank-1.3", "bank-2.0", "shop-0.4"].map(|name| self.build(name));
        let (bank, shop, added, broken, moved) = (bank?, shop?, added?, broken?, moved?);
        say("installing a bank, and a shop whose orders pay through it");
        self.run("install", &[&bank, &shop])?;
        self.call(BANK, r#"open-account("ada")"#)?;
        self.call(BANK, "deposit(3, 1000)")?;
        self.call(SHOP, r#"stock({sku: "tea", name: "Tea", price: 30, stock: 9})"#)?;
        self.call(SHOP, r#"place(3, "tea", 1)"#)?;

        say("upgrading the bank from 1.2 to 1.3, which adds a column, an index and a table; first the plan:");
        print!("{}", self.run("upgrade", &["--plan", &added])?);
        let began = Instant::now();
        print!("{}", self.run("upgrade", &[&added])?);
        say(&format!("that took {} ms, with the database opened and closed", began.elapsed().as_millis()));
        self.call(SHOP, r#"place(3, "tea", 1)"#)?;
        say("the shop, built for 1.2, has sold another tea");

        say("upgrading the bank to 2.0, in which a transfer says what it is for:");
        let refused = self.start("upgrade", &[&broken])?;
        eprint!("{}", String::from_utf8_lossy(&refused.stderr));
        if refused.status.success() {
            bail!("an upgrade that breaks the shop was made");
        }
        self.call(SHOP, r#"place(3, "tea", 1)"#)?;
        say("nothing has changed, and the shop goes on; now the shop moves along, in the same transaction:");
        print!("{}", self.run("upgrade", &[&broken, &moved])?);
        self.call(SHOP, r#"place(3, "tea", 1)"#)?;
        let balance = self.run("query", &[BANK, "balance(3)"])?;
        if balance.trim() != "some(880)" {
            bail!("ada has bought four teas for 30 of her 1000, and has {balance} left");
        }
        say("ada has bought four teas, one by each pair of versions, and has 880 left");
        Ok(())
    }

    fn build(&self, name: &str) -> Result<String> {
        say(&format!("building the module {name}"));
        let component = self.components.join(format!("{name}.wasm"));
        let folder = shell::root().join("examples").join(name);
        let mut build = shell::program(&self.interstice, ["build", "--locked", "--output"]);
        shell::run(build.arg(&component).arg(&folder))?;
        component.to_str().map(str::to_owned).context("the path of the target folder is no text")
    }

    fn call(&self, module: &str, call: &str) -> Result<String> {
        self.run("call", &[module, call])
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Result<String> {
        let ended = self.start(command, arguments)?;
        if !ended.status.success() {
            bail!("interstice {command} {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    fn start(&self, command: &str, arguments: &[&str]) -> Result<Output> {
        let mut program = shell::program(&self.interstice, [command, "--data"]);
        program.arg(&self.data).args(arguments);
        program.output().with_context(|| format!("cannot start {}", self.interstice.display()))
    }
}
