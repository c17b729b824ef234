//! Which records are asked for: names as people write them, found among the modules that were ever
//! installed, so that a misspelt one is refused instead of showing nothing.
//! Invariant: a name that is not whole stands for exactly one thing.

use crate::exit::{Exit, Failure};
use crate::moment::Moment;
use interstice_node::CatalogChange;
use interstice_node::log::{LogFilter, NamedCause, Record, Sequence};
use interstice_wit::{Schema, nearest};
use std::collections::BTreeSet;

/// Which records to show.
#[derive(clap::Args)]
pub(super) struct Selection {
    /// The first record to show.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 1)]
    pub(super) from: u64,
    /// The last record to show.
    #[arg(long, value_name = "SEQUENCE")]
    to: Option<u64>,
    /// Shows only records from this moment on: `2026-03-01T12:30:00Z`, `2026-03-01`, or `2h` for two hours ago.
    #[arg(long, value_name = "TIME", value_parser = crate::moment::parse)]
    since: Option<Moment>,
    /// Shows only records up to this moment.
    #[arg(long, value_name = "TIME", value_parser = crate::moment::parse)]
    until: Option<Moment>,
    /// Shows only what this module ran, such as `acme:bank` or `acme:bank@1.2.0`.
    #[arg(long)]
    module: Option<String>,
    /// Shows only calls of this function, such as `deposit` or `ledger.deposit`.
    #[arg(long)]
    function: Option<String>,
    /// Shows only records that changed this table, such as `account`, `tables.account` or
    /// `acme:bank/tables.account`.
    #[arg(long)]
    table: Option<String>,
}

/// What a selection means in one log.
#[derive(Default)]
pub(super) struct Filter {
    pub(super) in_log: LogFilter,
    version: Option<String>,
}

/// Everything that modules ever brought with them.
#[derive(Default)]
pub(super) struct Known {
    /// `acme:bank@1.2.0`
    modules: BTreeSet<String>,
    /// `acme:bank`, `ledger.deposit`
    functions: BTreeSet<(String, String)>,
    /// `acme:bank`, `tables.account`
    tables: BTreeSet<(String, String)>,
    /// Which packages were installed or changed by which records, in order.
    changes: Vec<(Sequence, String)>,
    /// The first records of the log were given up, and installations may have been among them.
    is_partial: bool,
}

impl Selection {
    /// Whether a name has to be looked up.
    pub(super) fn has_names(&self) -> bool {
        self.module.is_some() || self.function.is_some() || self.table.is_some()
    }

    /// Whether records before this one are asked for as well.
    pub(super) fn wants_before(&self, first: Sequence) -> bool {
        self.from < first.0 && self.since.is_none()
    }

    /// What is asked for, by what is known.
    pub(super) fn resolve(&self, known: &Known) -> Result<Filter, Failure> {
        let (module, version) = match self.module.as_deref().map(|module| (module, module.split_once('@'))) {
            Some((_, Some((package, version)))) => (Some(package), Some(version.to_owned())),
            Some((package, None)) => (Some(package), None),
            None => (None, None),
        };
        if let Some(wanted) = &self.module {
            known.check_module(wanted)?;
        }
        let function = self.function.as_deref().map(|name| known.function(name, module)).transpose()?;
        let in_log = LogFilter {
            from: Some(Sequence(self.from)),
            to: self.to.map(Sequence),
            since_micros: self.since.map(|moment| moment.0),
            until_micros: self.until.map(|moment| moment.0),
            module: module.map(str::to_owned),
            function,
            table: self.table.as_deref().map(|name| known.table(name)).transpose()?,
            with_installs: true,
        };
        Ok(Filter { in_log, version })
    }
}

impl Filter {
    /// Whether a record is asked for, and not only there to explain others.
    pub(super) fn wants(&self, record: &Record) -> bool {
        let LogFilter { from, since_micros, until_micros, function, table, .. } = &self.in_log;
        let has_written = |wanted: &String| {
            record.writes.iter().any(|writes| format!("{}/{}", writes.package, writes.table) == *wanted)
        };
        from.is_none_or(|from| record.sequence >= from)
            && since_micros.is_none_or(|since| record.timestamp_micros >= since)
            && until_micros.is_none_or(|until| record.timestamp_micros <= until)
            && self.wants_module(record)
            && function.as_ref().is_none_or(|function| record.function.as_ref() == Some(function))
            && table.as_ref().is_none_or(has_written)
    }
}

impl Filter {
    /// Whether the module ran that is asked for, or became another one.
    fn wants_module(&self, record: &Record) -> bool {
        let Some(wanted) = &self.in_log.module else { return true };
        let is_version = |version: &str| self.version.as_ref().is_none_or(|wanted| *wanted == version);
        if record.package == *wanted && is_version(&record.version) {
            return true;
        }
        // A record names the first of the modules that it changes.
        let NamedCause::Upgrade { schema, .. } = &record.cause else { return false };
        let Ok(change) = CatalogChange::read(schema) else { return false };
        change.modules.iter().filter(|module| module.package == *wanted).any(|module| {
            let version = module.to.as_ref().map(|to| to.schema.package.version.to_string());
            version.map_or(self.version.is_none(), |version| is_version(&version))
        })
    }
}

impl Known {
    /// Nothing yet; `is_partial` if the first records of the log were given up.
    pub(super) fn new(is_partial: bool) -> Known {
        Known { is_partial, ..Known::default() }
    }

    /// Takes note of what an installation brought.
    pub(super) fn install(&mut self, record: &Record) {
        // A schema that cannot be read names nothing; its records can still be asked for by module.
        match &record.cause {
            NamedCause::Install { schema, .. } => {
                self.modules.insert(format!("{}@{}", record.package, record.version));
                self.changes.push((record.sequence, record.package.clone()));
                if let Ok(schema) = serde_json::from_slice::<Schema>(schema)
                    && schema.validate().is_ok()
                {
                    self.learn(&schema);
                }
            }
            NamedCause::Upgrade { schema, .. } => {
                let modules = CatalogChange::read(schema).map(|change| change.modules).unwrap_or_default();
                for module in modules {
                    module.to.iter().for_each(|to| self.learn(&to.schema));
                    self.changes.push((record.sequence, module.package));
                }
            }
            _ => {}
        }
    }

    /// The packages that were installed or changed up to this record.
    pub(super) fn changed_until(&self, last: Sequence) -> BTreeSet<String> {
        let until = self.changes.iter().filter(|(sequence, _)| *sequence <= last);
        until.map(|(_, package)| package.clone()).collect()
    }

    fn learn(&mut self, schema: &Schema) {
        let package = &schema.package.unversioned();
        self.modules.insert(schema.package.to_string());
        let whole = |interface: &str, name: &str| (package.clone(), format!("{interface}.{name}"));
        self.functions.extend(schema.functions().map(|(at, function)| whole(&at.name.name, &function.name)));
        self.tables.extend(schema.tables().map(|(at, table)| whole(&at.name.name, &table.name)));
    }

    fn check_module(&self, wanted: &str) -> Result<(), Failure> {
        let package = |module: &str| module.split('@').next().unwrap_or_default().to_owned();
        if self.is_partial {
            return Ok(());
        }
        if self.modules.iter().any(|module| module == wanted || package(module) == wanted) {
            return Ok(());
        }
        let installed: Vec<&str> = self.modules.iter().map(String::as_str).collect();
        let installed = match installed.is_empty() {
            true => String::new(),
            false => format!("; installed: {}", installed.join(", ")),
        };
        let message = format!("no module `{wanted}` was ever installed{installed}");
        Err(Failure::new(Exit::Caller, message))
    }

    /// The interface and name of a function.
    fn function(&self, wanted: &str, module: Option<&str>) -> Result<String, Failure> {
        let of_module = |(package, _): &&(String, String)| module.is_none_or(|module| package == module);
        let names: BTreeSet<&str> =
            self.functions.iter().filter(of_module).map(|(_, name)| name.as_str()).collect();
        let found = |name: &&&str| **name == wanted || short(name) == wanted;
        let found: Vec<&str> = names.iter().filter(found).copied().collect();
        if self.is_partial && found.is_empty() {
            return whole("function", wanted, wanted.contains('.'), "ledger.deposit");
        }
        one("function", wanted, found, names.iter().copied())
    }

    /// The package, interface and name of a table.
    fn table(&self, wanted: &str) -> Result<String, Failure> {
        let names: Vec<String> =
            self.tables.iter().map(|(package, name)| format!("{package}/{name}")).collect();
        let within = |name: &str| name.split_once('/').map_or(name, |(_, name)| name).to_owned();
        let is_it = |name: &&str| *name == wanted || within(name) == wanted || short(name) == wanted;
        let names = || names.iter().map(String::as_str);
        let found: Vec<&str> = names().filter(is_it).collect();
        if self.is_partial && found.is_empty() {
            let is_whole = wanted.split_once('/').is_some_and(|(_, name)| name.contains('.'));
            return whole("table", wanted, is_whole, "acme:bank/tables.account");
        }
        one("table", wanted, found, names())
    }
}

/// What stands behind the interface.
fn short(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, name)| name)
}

/// A name that cannot be looked up, if nothing of it is missing.
fn whole(what: &str, wanted: &str, is_whole: bool, example: &str) -> Result<String, Failure> {
    if is_whole {
        return Ok(wanted.to_owned());
    }
    let message = format!(
        "the record that installed the module of `{wanted}` is not in the log any more; write the whole name of \
         the {what}, such as `{example}`"
    );
    Err(Failure::new(Exit::Caller, message))
}

/// The only thing of that name.
fn one<'a>(
    what: &str,
    wanted: &str,
    found: Vec<&'a str>,
    all: impl Iterator<Item = &'a str> + Clone,
) -> Result<String, Failure> {
    match found[..] {
        [name] => return Ok(name.to_owned()),
        [] => {}
        _ => {
            let message =
                format!("several {what}s are named `{wanted}`; write one of them: {}", found.join(", "));
            return Err(Failure::new(Exit::Caller, message));
        }
    }
    let near = nearest(wanted, all.clone().map(short)).or_else(|| nearest(wanted, all.clone()));
    let mend = match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None => match all.collect::<Vec<_>>() {
            all if all.is_empty() => String::new(),
            all => format!("; there is {}", all.join(", ")),
        },
    };
    let message = format!("no installed module ever had a {what} `{wanted}`{mend}");
    Err(Failure::new(Exit::Caller, message))
}
