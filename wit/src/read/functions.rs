//! Functions: what each is to the database, and whether its signature fits that.
//! What a handler waits for is another file's concern.
//! Invariant: a handler that is returned without a mistake takes what the host will call it with.

use super::Reader;
use super::interfaces::Role;
use crate::directive::{Directive, DirectiveKind};
use crate::finding::Mistake;
use crate::limits::{MAX_PARAMS, MAX_TYPE_NODES};
use crate::schema::{Function, FunctionKind, Param, RowEvent, Trigger, Type};
use crate::source::Place;
use wit_parser::{FunctionKind as WitKind, InterfaceId, TypeDefKind};

/// What a function must say.
const KINDS: &str = "`@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate`";

impl Reader<'_> {
    /// A function of an interface; nothing for one that does not concern this module, or is not a function
    /// of the interface itself.
    pub(super) fn function(
        &mut self,
        function: &wit_parser::Function,
        interface: InterfaceId,
        role: Role,
    ) -> Option<Function> {
        let place = self.place(function.span);
        match function.kind {
            WitKind::Freestanding => {}
            WitKind::AsyncFreestanding => {
                let message = format!("`{}` is async, and a transaction never waits", function.name);
                self.mistake(Mistake::new(place.clone(), message).mend("remove the word `async`"));
            }
            // The resource that it belongs to was refused.
            _ => return None,
        }
        self.check_name(&function.name, &place);
        self.check_stability(&function.stability, &place);
        let comment = self.comments.of(&place, self.mistakes);
        let kinds = kinds(&comment.directives);
        let is_handler = |directive: &&Directive| {
            matches!(
                directive.kind,
                DirectiveKind::On(_) | DirectiveKind::Schedule { .. } | DirectiveKind::Migrate
            )
        };
        if role == Role::Imported && kinds.first().is_some_and(is_handler) {
            return None;
        }
        let params = self.params(function);
        let result = function.result.as_ref().map(|ty| self.ty(ty, &place));
        let kind = self.kind(function, interface, role, &kinds)?;
        self.check_signature(function, &kind, &params, result.as_ref());
        Some(Function { name: function.name.clone(), docs: comment.docs.clone(), kind, params, result })
    }

    fn params(&mut self, function: &wit_parser::Function) -> Vec<Param> {
        let place = self.place(function.span);
        if function.params.len() > MAX_PARAMS {
            let message =
                format!("{} parameters, and at most {MAX_PARAMS} are allowed", function.params.len());
            self.mistake(Mistake::new(place.clone(), message).mend("pass a record"));
        }
        let sizes = function.parameter_and_result_types().map(|ty| self.shapes.size(&ty));
        let (mut nodes, mut is_part_too_large) = (1_u64, false);
        for size in sizes {
            nodes = nodes.saturating_add(size.nodes);
            is_part_too_large |= !size.is_within_limits();
        }
        // A named type that is too large was told where it stands.
        let is_named = function.parameter_and_result_types().all(|ty| match ty {
            wit_parser::Type::Id(id) => self.resolve.types[id].name.is_some(),
            _ => true,
        });
        if nodes > MAX_TYPE_NODES && !(is_part_too_large && is_named) {
            self.too_large(&format!("the signature of `{}`", function.name), &place);
        }
        self.count_nodes(nodes.min(MAX_TYPE_NODES), &place);
        self.check_distinct(function.params.iter().map(|param| (param.name.as_str(), param.span)));
        let params = function.params.iter().map(|param| {
            let place = self.place(param.span);
            self.check_name(&param.name, &place);
            Param { name: param.name.clone(), ty: self.ty(&param.ty, &place) }
        });
        params.collect()
    }

    fn kind(
        &mut self,
        function: &wit_parser::Function,
        interface: InterfaceId,
        role: Role,
        kinds: &[&Directive],
    ) -> Option<FunctionKind> {
        let place = self.place(function.span);
        let name = &function.name;
        match kinds {
            [] if role == Role::Imported => {
                let owner = self.interface_name(interface);
                let message = format!("`{name}` does not say what it is, so `{owner}` belongs to no module");
                self.mistake(
                    Mistake::new(place, message)
                        .label(format!("expected {KINDS} above it"))
                        .mend("import interfaces of Interstice modules only; a module has no other way out"),
                );
                None
            }
            [] => {
                let message = format!("`{name}` does not say what it is to the database");
                self.mistake(
                    Mistake::new(place, message)
                        .label(format!("expected {KINDS} above it"))
                        .mend("write `/// @reducer` above it if it writes, `/// @query` if it only reads"),
                );
                None
            }
            [only] => self.said_kind(only, interface),
            [_, second, ..] => {
                let message = format!("`{name}` says twice what it is");
                self.mistake(
                    Mistake::new(second.place.clone(), message).mend(format!("leave one of {KINDS}")),
                );
                None
            }
        }
    }

    fn said_kind(&mut self, directive: &Directive, interface: InterfaceId) -> Option<FunctionKind> {
        match &directive.kind {
            DirectiveKind::Reducer => Some(FunctionKind::Reducer),
            DirectiveKind::Query => Some(FunctionKind::Query),
            DirectiveKind::Schedule { every_ms } => Some(FunctionKind::Schedule { every_ms: *every_ms }),
            DirectiveKind::Migrate => Some(FunctionKind::Migrate),
            DirectiveKind::On(on) => self.trigger(on, interface).map(FunctionKind::On),
            _ => None,
        }
    }

    /// Handlers are called by the host, which brings what their signature must take.
    fn check_signature(
        &mut self,
        function: &wit_parser::Function,
        kind: &FunctionKind,
        params: &[Param],
        result: Option<&Type>,
    ) {
        let place = self.place(function.span);
        let name = &function.name;
        let (wanted, mend): (Vec<Type>, String) = match kind {
            FunctionKind::Reducer | FunctionKind::Query => return,
            FunctionKind::On(Trigger::Row { event, table, .. }) => {
                let row = Type::Named(table.clone());
                let record = &table.name;
                match event {
                    RowEvent::Update => (
                        vec![row.clone(), row],
                        format!(
                            "take the row before and the row after: `func(before: {record}, after: {record})`"
                        ),
                    ),
                    RowEvent::Insert | RowEvent::Delete => {
                        (vec![row], format!("take the row: `func(row: {record})`"))
                    }
                }
            }
            FunctionKind::On(_) | FunctionKind::Schedule { .. } | FunctionKind::Migrate => {
                (Vec::new(), "take no parameters: the host has none to give".to_owned())
            }
        };
        let fits = wanted.len() == params.len()
            && function
                .params
                .iter()
                .zip(params)
                .zip(&wanted)
                .all(|((wit, param), wanted)| param.ty == *wanted || self.unaliased(&wit.ty) == *wanted);
        if !fits {
            self.mistake(
                Mistake::new(
                    place.clone(),
                    format!("the parameters of `{name}` are not what the host calls it with"),
                )
                .label("handler")
                .mend(mend),
            );
        }
        if !matches!(result, None | Some(Type::Result { ok: None, .. })) && !self.is_empty_result(function) {
            self.mistake(
                Mistake::new(place, format!("nothing receives the result of `{name}`"))
                    .label("handler")
                    .mend("return nothing, or `result<_, E>` where it can fail"),
            );
        }
    }

    /// The type with aliases followed to the record that they stand for.
    fn unaliased(&mut self, ty: &wit_parser::Type) -> Type {
        let mut ty = *ty;
        while let wit_parser::Type::Id(id) = ty {
            match &self.resolve.types[id].kind {
                TypeDefKind::Type(target) => ty = *target,
                _ => return Type::Named(self.type_name(id)),
            }
        }
        Type::Bool
    }

    /// Whether the result is, by way of aliases, a `result` without a value in `ok`.
    fn is_empty_result(&self, function: &wit_parser::Function) -> bool {
        let mut ty = function.result;
        while let Some(wit_parser::Type::Id(id)) = ty {
            match &self.resolve.types[id].kind {
                TypeDefKind::Type(target) => ty = Some(*target),
                TypeDefKind::Result(result) => return result.ok.is_none(),
                _ => return false,
            }
        }
        false
    }
}

/// Whether this directive says what a function is, or was meant to.
fn is_kind(directive: &Directive) -> bool {
    match directive.kind {
        DirectiveKind::Reducer
        | DirectiveKind::Query
        | DirectiveKind::On(_)
        | DirectiveKind::Schedule { .. }
        | DirectiveKind::Migrate => true,
        DirectiveKind::Faulty => {
            matches!(directive.name, "reducer" | "query" | "on" | "schedule" | "migrate")
        }
        _ => false,
    }
}

/// The directives that say what a function is. An unknown one may have been meant to, so it counts
/// where there is no other.
fn kinds(directives: &[Directive]) -> Vec<&Directive> {
    let known: Vec<_> = directives.iter().filter(|directive| is_kind(directive)).collect();
    if !known.is_empty() {
        return known;
    }
    directives.iter().filter(|directive| directive.name.is_empty()).take(1).collect()
}

/// The places of what a function says it is.
pub(super) fn kind_places(directives: &[Directive]) -> impl Iterator<Item = (&'static str, &Place)> {
    directives
        .iter()
        .filter(|directive| is_kind(directive))
        .map(|directive| (directive.name, &directive.place))
}
