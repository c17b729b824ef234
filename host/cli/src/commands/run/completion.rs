//! Completion of modules and functions at the prompt.
//! Invariant: only what a client may call is offered.

use interstice_node::ModuleInfo;
use interstice_wit::text::{Signature, signature_text};
use interstice_wit::{FunctionKind, Visibility};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

/// A function that a client may call.
pub(super) struct Callable {
    module: String,
    /// `transfer`, or `ledger.transfer` where the name alone is ambiguous.
    name: String,
    signature: String,
    is_query: bool,
    has_params: bool,
}

impl Callable {
    /// The line that calls it, with its parameters for arguments.
    pub(super) fn shown(&self) -> String {
        let query = if self.is_query { "query " } else { "" };
        format!("{query}{} {}", self.module, self.signature)
    }
}

/// Everything that a client may call, in the order of modules and interfaces.
pub(super) fn callable(modules: &[ModuleInfo]) -> Vec<Callable> {
    let mut all = Vec::new();
    for module in modules {
        let schema = &module.schema;
        let mut functions: Vec<_> = schema.functions().collect();
        functions.retain(|(interface, function)| {
            let is_asked = matches!(function.kind, FunctionKind::Reducer | FunctionKind::Query);
            is_asked && interface.visibility == Visibility::Public
        });
        for (interface, function) in &functions {
            let same_name = functions.iter().filter(|(_, other)| other.name == function.name).count();
            let name = match same_name {
                1 => function.name.clone(),
                _ => format!("{}.{}", interface.name.name, function.name),
            };
            let params: Vec<_> = function
                .params
                .iter()
                .map(|param| (param.name.as_str(), schema.value_type(&param.ty)))
                .collect();
            let result = function.result.as_ref().map(|ty| schema.value_type(ty));
            let signature = Signature { params: &params, result: result.as_ref() };
            all.push(Callable {
                module: schema.package.unversioned(),
                signature: signature_text(&name, &signature),
                name,
                is_query: function.kind == FunctionKind::Query,
                has_params: !params.is_empty(),
            });
        }
    }
    all
}

/// What rustyline asks.
pub(super) struct Completion {
    callable: Vec<Callable>,
}

impl Completion {
    pub(super) fn new(modules: &[ModuleInfo]) -> Completion {
        Completion { callable: callable(modules) }
    }

    /// What may stand where the text before the cursor ends, and where that begins.
    fn candidates(&self, before: &str) -> (usize, Vec<Pair>) {
        let (is_query, start) = match before.strip_prefix("query ") {
            Some(rest) => (true, before.len() - rest.trim_start().len()),
            None => (false, before.len() - before.trim_start().len()),
        };
        let rest = &before[start..];
        let mut pairs: Vec<Pair> = Vec::new();
        let matching = self.callable.iter().filter(|callable| callable.is_query == is_query);
        match rest.split_once(' ') {
            None => {
                let words = matching.map(|callable| callable.module.as_str());
                let words = words.chain((start == 0).then_some("query"));
                for word in words.filter(|word| word.starts_with(rest)) {
                    if pairs.iter().all(|pair| pair.display != word) {
                        pairs.push(Pair { display: word.to_owned(), replacement: format!("{word} ") });
                    }
                }
                (start, pairs)
            }
            Some((module, name)) => {
                let name = name.trim_start();
                let matching =
                    matching.filter(|callable| callable.module == module && callable.name.starts_with(name));
                let pairs = matching.map(|callable| {
                    let end = if callable.has_params { "(" } else { "()" };
                    Pair {
                        display: callable.signature.clone(),
                        replacement: format!("{}{end}", callable.name),
                    }
                });
                (before.len() - name.len(), pairs.collect())
            }
        }
    }
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(self.candidates(&line[..position]))
    }
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(before: &str) -> (usize, Vec<String>) {
        let callable = |name: &str, is_query, has_params| Callable {
            module: "acme:bank".to_owned(),
            name: name.to_owned(),
            signature: format!("{name}(…)"),
            is_query,
            has_params,
        };
        let callable = vec![callable("transfer", false, true), callable("total", true, false)];
        let (start, pairs) = Completion { callable }.candidates(before);
        (start, pairs.into_iter().map(|pair| pair.replacement).collect())
    }

    #[test]
    fn modules_and_functions_are_completed_by_what_stands_before() {
        assert_eq!(complete(""), (0, vec!["acme:bank ".to_owned(), "query ".to_owned()]));
        assert_eq!(complete("ac"), (0, vec!["acme:bank ".to_owned()]));
        assert_eq!(complete("acme:bank t"), (10, vec!["transfer(".to_owned()]));
        assert_eq!(complete("query acme:bank t"), (16, vec!["total()".to_owned()]));
        assert_eq!(complete("query q"), (6, vec![]));
        assert_eq!(complete("acme:bank x"), (10, vec![]));
    }
}
