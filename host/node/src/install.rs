//! Installing a module: proven, linked, given its tables, initialised, and written to the log, as one
//! transaction.
//! Invariant: an installation that fails changes nothing; one that succeeds is found again with the
//! same numbers of modules and tables when the log is replayed.

use crate::catalog::{
    Catalog, Filter, Function, FunctionIndex, LinkedTable, Module, ModuleIndex, Subscriber,
};
use crate::context::Target;
use crate::error::Error;
use crate::items::TableUse;
use crate::link::{foreign_table, link};
use crate::numbers::Numbers;
use crate::ready::Workshop;
use crate::stop::explain;
use crate::tables::{drop_tables, former_tables, link_tables, local_name, make_tables};
use crate::transaction::{RecordFrame, Request, Tools, Writer};
use crate::upgrade::UpgradeOptions;
use interstice_codec::key::KeyLayout;
use interstice_codec::row::Layout;
use interstice_engine::{Caller, Compiled, Returned};
use interstice_log::{Cause, Definition, DefinitionId, Digest, Installed, Lifecycle, Outcome, Sequence};
use interstice_store::TableId;
use interstice_wit::text::wave;
use interstice_wit::{
    FunctionKind, Hash, PackageName, RowFilter, Schema, Trigger, TypeName, Visibility, hash::artifact_hash,
    section,
};
use std::sync::Arc;

/// What came of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The module.
    pub package: PackageName,
    /// The digest of its file.
    pub artifact: Hash,
    /// Its record; `None` if the same artifact was installed before.
    pub sequence: Option<Sequence>,
}

impl Writer {
    /// Installs a component, unless this very artifact is installed already.
    pub(crate) fn install(
        &mut self,
        tools: &Tools<'_>,
        shop: &Workshop<'_>,
        component: &[u8],
    ) -> Result<Installation, Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        let schema =
            section::extract(component).map_err(|error| Error::BadComponent { reason: explain(&error) })?;
        let artifact = artifact_hash(component);
        let catalog = self.context().catalog.clone();
        if let Some(installed) = catalog.find(&schema.package.unversioned()) {
            return if installed.digest == artifact {
                Ok(Installation { package: schema.package, artifact, sequence: None })
            } else {
                Err(Error::AlreadyInstalled {
                    module: installed.name.clone(),
                    installed_version: installed.schema.package.version.to_string(),
                    installed: installed.digest.to_string(),
                    offered: artifact.to_string(),
                })
            };
        }
        if catalog.place_of(&schema.package.unversioned()).is_some() {
            // Its tables were kept: they are taken along from the version that was uninstalled. Who installs it again
            // expects to find its rows, so none goes with its table.
            let options = UpgradeOptions { rollback: true, ..UpgradeOptions::default() };
            let upgrade = self.upgrade(tools, shop, &[component], &options)?;
            return Ok(Installation { package: schema.package, artifact, sequence: upgrade.sequence });
        }
        tools.log.admit_growth()?;
        let first = catalog.next_table();
        let handles = make_tables(tools.store, first, &schema).map_err(Error::Store)?;
        let next = link_tables(shop.numbers, &schema, &handles).and_then(|tables| {
            let index = catalog.next_module();
            let compiled = shop.compile(&schema, component)?;
            let waiting = Waiting { index, schema: schema.clone(), artifact, compiled, tables };
            let module = assemble(shop, &catalog, &waiting)?;
            Ok(catalog.with(module, &waiting.tables))
        });
        let installed = next.and_then(|next| {
            shop.artifacts.put(component)?;
            self.context_mut().use_catalog(Arc::new(next));
            self.initialise(tools, &schema)
        });
        match installed {
            Ok(sequence) => {
                self.note_versions(&catalog, self.last_timestamp_micros);
                Ok(Installation { package: schema.package, artifact, sequence: Some(sequence) })
            }
            Err(error) => {
                self.context_mut().use_catalog(catalog);
                drop_tables(tools.store, &handles);
                Err(error)
            }
        }
    }

    /// Runs the handlers of `@on(init)` in one transaction, and writes the installation to the log.
    fn initialise(&mut self, tools: &Tools<'_>, schema: &Schema) -> Result<Sequence, Error> {
        let catalog = self.context().catalog.clone();
        let module = catalog.find(&schema.package.unversioned()).expect("the catalog was made with it");
        self.begin(tools, &Caller::System)?;
        let mut result = Vec::new();
        for (position, function) in module.functions.iter().enumerate() {
            if function.kind != FunctionKind::On(Trigger::Init) {
                continue;
            }
            let target = Target { module: module.index, function: function_index(position) };
            let request = Request {
                target,
                arguments: &[],
                caller: &Caller::System,
                cause: Cause::Lifecycle(Lifecycle::Init),
                depth: 0,
            };
            if self.run_in_open(tools, &request, &mut result)? == Returned::Err {
                self.abort();
                return Err(Error::InitRefused {
                    module: Box::new(schema.package.clone()),
                    handler: function.full_name.to_string(),
                    value: describe(&result, function),
                });
            }
        }
        let schema_json = serde_json::to_vec(schema).expect("a schema is plain data");
        let frame = RecordFrame {
            subject: module.definition,
            cause: Cause::Install(Installed { schema: &schema_json, catalog: catalog.hash() }),
            caller: &Caller::System,
            arguments: &[],
            outcome: Outcome::Ok(&[]),
            depth: 0,
            even_if_empty: true,
        };
        self.commit_catalog(tools, &frame)
    }
}

/// A function's result as text.
pub(crate) fn describe(result: &[u8], function: &Function) -> String {
    let Some(ty) = &function.result else { return String::new() };
    match interstice_codec::row::decode(result, ty) {
        Ok(value) => wave::print(&value, ty),
        Err(_) => "(not readable)".to_owned(),
    }
}

/// A module that is to be made ready.
pub(crate) struct Waiting {
    pub(crate) index: ModuleIndex,
    pub(crate) schema: Schema,
    pub(crate) artifact: Hash,
    pub(crate) compiled: Compiled,
    /// In the order of the schema.
    pub(crate) tables: Vec<(TypeName, Arc<LinkedTable>)>,
}

/// Proves and links a component: to its tables, and to the modules of a catalog.
pub(crate) fn assemble(shop: &Workshop<'_>, catalog: &Catalog, waiting: &Waiting) -> Result<Module, Error> {
    let Waiting { index, schema, artifact, compiled, tables } = waiting;
    let numbers = shop.numbers;
    let program = link(shop.engine, compiled, schema, catalog, tables, &former_tables(numbers, schema)?)?;
    let name = schema.package.unversioned();
    let definition = define_module(numbers, schema, *artifact)?;
    let mut functions = Vec::new();
    for (interface, function) in schema.functions() {
        let local_name = local_name(&interface.name.name, &function.name);
        functions.push(Function {
            interface: interface.name.name.clone(),
            name: function.name.clone(),
            kind: function.kind.clone(),
            public: interface.visibility == Visibility::Public,
            params: function
                .params
                .iter()
                .map(|param| (param.name.clone(), schema.value_type(&param.ty)))
                .collect(),
            result: function.result.as_ref().map(|ty| schema.value_type(ty)),
            export: program
                .function(&interface.name, &function.name)
                .expect("a program has every function of its schema"),
            definition: numbers
                .define(Definition::Function { module: definition, name: local_name.clone() })?,
            full_name: format!("{name}/{local_name}").into(),
        });
    }
    Ok(Module {
        index: *index,
        digest: *artifact,
        compiled: compiled.clone(),
        program,
        functions,
        tables: tables.iter().map(|(_, table)| table.id).collect(),
        subscriptions: subscriptions(schema, catalog, *index, tables)?,
        name,
        definition,
        schema: schema.clone(),
    })
}

/// The number of a module as one artifact makes it.
pub(crate) fn define_module(
    numbers: &dyn Numbers,
    schema: &Schema,
    artifact: Hash,
) -> Result<DefinitionId, Error> {
    let artifact = numbers.define(Definition::Artifact(Digest(artifact.0)))?;
    Ok(numbers.define(Definition::Module {
        package: schema.package.unversioned(),
        version: schema.package.version.to_string(),
        artifact,
    })?)
}

/// The handlers of row events, with the tables that they wait for.
pub(crate) fn subscriptions(
    schema: &Schema,
    catalog: &Catalog,
    module: ModuleIndex,
    own_tables: &[(TypeName, Arc<LinkedTable>)],
) -> Result<Vec<(TableId, Subscriber)>, Error> {
    let mut found = Vec::new();
    for (position, (_, function)) in schema.functions().enumerate() {
        let FunctionKind::On(Trigger::Row { event, table, filter }) = &function.kind else { continue };
        let (linked, view) = match own_tables.iter().find(|(name, _)| name == table) {
            Some((_, own)) => (own.clone(), None),
            None => {
                let found = foreign_table(schema, catalog, table, &TableUse::Events)?;
                (found.table, found.view)
            }
        };
        if linked.ephemeral {
            return Err(Error::BadComponent {
                reason: format!(
                    "{} waits for events of {}, which is ephemeral and has none",
                    function.name, linked.full_name
                ),
            });
        }
        let filter = filter.as_ref().map(|filter| compile_filter(schema, table, filter)).transpose()?;
        found.push((
            linked.id,
            Subscriber {
                module,
                function: function_index(position),
                event: *event,
                filter: filter.map(Arc::new),
                view,
            },
        ));
    }
    Ok(found)
}

fn compile_filter(schema: &Schema, table: &TypeName, filter: &RowFilter) -> Result<Filter, Error> {
    let bad = |reason: String| Error::BadComponent { reason: format!("the filter on {table} {reason}") };
    let interface = schema.interface(&table.interface);
    let known =
        interface.and_then(|interface| interface.tables.iter().find(|known| known.name == table.name));
    let known = known.ok_or_else(|| bad("names a table that the schema does not hold".to_owned()))?;
    let columns: Vec<_> = known.columns.iter().map(|column| schema.value_type(&column.ty)).collect();
    let position = filter.column.0 as usize;
    let ty = columns.get(position).ok_or_else(|| bad("names a column that is not there".to_owned()))?;
    let value = wave::parse(&filter.value, ty).map_err(|error| bad(error.to_string()))?;
    let key = KeyLayout::new(&Layout::new(&columns), &[position]).map_err(|error| bad(error.to_string()))?;
    let mut bytes = Vec::new();
    key.encode_values(&[value], &mut bytes).map_err(|error| bad(error.to_string()))?;
    Ok(Filter::new(key, filter.operator, bytes))
}

pub(crate) fn function_index(position: usize) -> FunctionIndex {
    FunctionIndex(u32::try_from(position).expect("a module has far fewer functions"))
}
