//! Installing a module: proven, linked, given its tables, initialised, and written to the log, as one
//! transaction.
//! Invariant: an installation that fails changes nothing; one that succeeds is found again with the
//! same numbers of modules and tables when the log is replayed.

use crate::catalog::{
    Catalog, Filter, Function, FunctionIndex, LinkedTable, Module, ModuleIndex, Subscriber,
};
use crate::context::Target;
use crate::error::Error;
use crate::link::{engine_error, link};
use crate::numbers::Numbers;
use crate::schedule::Schedule;
use crate::tables::{drop_tables, link_tables, make_tables};
use crate::transaction::{RecordFrame, Request, Tools, Writer};
use interstice_codec::key::KeyLayout;
use interstice_codec::row::Layout;
use interstice_engine::{Caller, CompileCache, Engine, Returned};
use interstice_log::{ArtifactStore, Cause, Definition, Digest, Installed, Lifecycle, Outcome, Sequence};
use interstice_store::TableId;
use interstice_wit::text::wave;
use interstice_wit::{
    FunctionKind, Hash, PackageName, RowFilter, Schema, Trigger, TypeName, Visibility, hash::artifact_hash,
    section,
};
use std::collections::HashMap;
use std::sync::Arc;

/// What makes modules ready to run.
pub(crate) struct Workshop<'n> {
    pub(crate) numbers: &'n dyn Numbers,
    pub(crate) engine: &'n Engine,
    pub(crate) cache: Option<&'n dyn CompileCache>,
    pub(crate) artifacts: &'n ArtifactStore,
}

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
            section::extract(component).map_err(|error| Error::BadComponent { reason: error.to_string() })?;
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
        tools.log.admit_growth()?;
        let handles = make_tables(tools.store, &catalog, &schema)?;
        let next = link_tables(shop.numbers, &schema, &handles)
            .and_then(|tables| assemble(shop, &catalog, schema.clone(), artifact, component, &tables));
        let installed = next.and_then(|next| {
            shop.artifacts.put(component)?;
            self.context_mut().catalog = Arc::new(next);
            self.initialise(tools, &schema)
        });
        match installed {
            Ok(sequence) => {
                let catalog = self.context().catalog.clone();
                let module = catalog.modules.last().expect("a module was just installed");
                let schedules = Schedule::of_module(module, self.last_timestamp_micros, &HashMap::new());
                self.schedules.extend(schedules);
                self.installed_micros.push(self.last_timestamp_micros);
                Ok(Installation { package: schema.package, artifact, sequence: Some(sequence) })
            }
            Err(error) => {
                self.context_mut().catalog = catalog;
                self.context_mut().forget_instances_beyond_catalog();
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
        let sequence = self.commit(tools, &frame)?;
        Ok(sequence.expect("a record that must be written was written"))
    }
}

/// A function's result as text.
fn describe(result: &[u8], function: &Function) -> String {
    let Some(ty) = &function.result else { return String::new() };
    match interstice_codec::row::decode(result, ty) {
        Ok(value) => wave::print(&value, ty),
        Err(_) => "(not readable)".to_owned(),
    }
}

/// Compiles, proves and links a component, and makes the catalog that has it.
pub(crate) fn assemble(
    shop: &Workshop<'_>,
    catalog: &Catalog,
    schema: Schema,
    artifact: Hash,
    component: &[u8],
    tables: &[(TypeName, Arc<LinkedTable>)],
) -> Result<Catalog, Error> {
    let compiled =
        shop.engine.compile(component, shop.cache).map_err(|error| engine_error(&schema, error))?;
    let program = link(shop.engine, &compiled, &schema, catalog, tables)?;
    let index = ModuleIndex(catalog.modules.len() as u32);
    let numbers = shop.numbers;
    let name = schema.package.unversioned();
    let artifact_definition = numbers.define(Definition::Artifact(Digest(artifact.0)))?;
    let definition = numbers.define(Definition::Module {
        package: name.clone(),
        version: schema.package.version.to_string(),
        artifact: artifact_definition,
    })?;
    let mut functions = Vec::new();
    for (interface, function) in schema.functions() {
        let local_name = format!("{}.{}", interface.name.name, function.name);
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
    let subscribers = subscribers(&schema, catalog, index, tables)?;
    let module = Module {
        index,
        digest: artifact,
        program,
        functions,
        tables: tables.iter().map(|(_, table)| table.id).collect(),
        name,
        definition,
        schema,
    };
    let tables = tables.iter().map(|(_, table)| table.clone()).collect();
    Ok(catalog.with(Arc::new(module), tables, subscribers))
}

/// The handlers of row events, with the tables that they wait for.
fn subscribers(
    schema: &Schema,
    catalog: &Catalog,
    module: ModuleIndex,
    own_tables: &[(TypeName, Arc<LinkedTable>)],
) -> Result<Vec<(TableId, Subscriber)>, Error> {
    let mut found = Vec::new();
    for (position, (_, function)) in schema.functions().enumerate() {
        let FunctionKind::On(Trigger::Row { event, table, filter }) = &function.kind else { continue };
        let linked = match own_tables.iter().find(|(name, _)| name == table) {
            Some((_, own)) => own.clone(),
            None => crate::link::foreign_table(schema, catalog, table)?,
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
