//! A call written as text: `transfer(1, 2, 50)` or `ledger.transfer(1, 2, 50)`.
//! The name is read first: the types of the arguments are known once the function was looked up.
//! Invariant: places in errors are places in the whole text of the call.

use super::read::{Tree, syntax_error};
use crate::text::{Signature, TextError, signature_text};
use interstice_codec::{Value, ValueType};
use std::ops::Range;
use wasm_wave::{ast::Node, untyped::UntypedFuncCall};

/// A call whose function has not been looked up.
#[derive(Clone, Debug)]
pub struct Call {
    /// What stands before the dot, if there is one: `ledger`.
    pub interface: Option<String>,
    /// The name of the function.
    pub function: String,
    /// The arguments, not looked at beyond their grammar.
    pub arguments: Arguments,
}

/// Arguments whose types are not known.
#[derive(Clone, Debug)]
pub struct Arguments {
    text: String,
    function: String,
    node: Option<Node>,
    /// From the opening to the closing parenthesis.
    span: Range<usize>,
}

impl Arguments {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.nodes().count()
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.node.iter().flat_map(|node| node.as_tuple().into_iter().flatten())
    }
}

/// Reads a call: a name, possibly with its interface, and the arguments in parentheses.
///
/// # Errors
/// If the text is not a call.
pub fn parse_call(text: &str) -> Result<Call, TextError> {
    let example = "a call is written `name(argument, …)`";
    let Some(open) = text.find('(') else {
        let word = text.split_whitespace().next().filter(|word| word.split('.').all(is_label));
        let start = text.len() - text.trim_start().len();
        let after = start + word.map_or(0, str::len);
        let message = format!("expected `{}(…)`", word.unwrap_or("name"));
        return Err(TextError::at(text, after..text.len(), message).context(example));
    };
    let name = text[..open].trim();
    let start = text.len() - text.trim_start().len();
    let (interface, function) = match name.split_once('.') {
        Some((interface, function)) => (Some(interface), function),
        None => (None, name),
    };
    if name.is_empty() {
        let message = "the name of a function is missing";
        return Err(TextError::at(text, open..open + 1, message).context(example));
    }
    if !interface.into_iter().chain([function]).all(is_label) {
        let message = format!("`{name}` is not the name of a function");
        return Err(TextError::at(text, start..start + name.len(), message).context(example));
    }
    // wasm-wave reads no escaped names; another name of the same length keeps all places.
    let padded = "f".repeat(open) + &text[open..];
    let call =
        UntypedFuncCall::parse(&padded).map_err(|error| syntax_error(text, &error).context(example))?;
    let unescaped = |name: &str| name.trim_start_matches('%').to_owned();
    let function = unescaped(function);
    let arguments = Arguments {
        text: text.to_owned(),
        function: function.clone(),
        node: call.params_node().cloned(),
        span: open..text.trim_end().len(),
    };
    Ok(Call { interface: interface.map(unescaped), function, arguments })
}

/// The values of the arguments of a call. Optional ones at the end may be left out, as in WAVE.
///
/// # Errors
/// If there are too many or too few, or one is not of its type: with the place and the signature.
pub fn parse_arguments<'s, N: AsRef<str> + 's>(
    arguments: &Arguments,
    signature: impl Into<Signature<'s, N>>,
) -> Result<Vec<Value>, TextError> {
    let Arguments { text, function, .. } = arguments;
    let whole = signature.into();
    let params = whole.params;
    let signature = || format!("the function is `{}`", signature_text(function, &whole));
    let required = params.iter().rposition(|(_, ty)| !matches!(ty, ValueType::Option(_)));
    let required = required.map_or(0, |last| last + 1);
    if !(required..=params.len()).contains(&arguments.count()) {
        return Err(wrong_count(arguments, required, params.len()).context(signature()));
    }
    let tree = Tree { text };
    let given = arguments.nodes().zip(params).map(|(node, (name, ty))| {
        tree.value(node, ty).map_err(|error| error.of(name.as_ref()).context(signature()))
    });
    let mut values = given.collect::<Result<Vec<_>, _>>()?;
    values.resize(params.len(), Value::Option(None));
    Ok(values)
}

fn wrong_count(arguments: &Arguments, required: usize, most: usize) -> TextError {
    let expected = match (required, most) {
        (0, 0) => "no arguments".to_owned(),
        (1, 1) => "1 argument".to_owned(),
        _ if required == most => format!("{most} arguments"),
        _ => format!("{required} to {most} arguments"),
    };
    let span = match arguments.nodes().nth(most) {
        Some(surplus) => surplus.span().start..arguments.span.end - 1,
        None => arguments.span.clone(),
    };
    let Arguments { text, function, .. } = arguments;
    let message = format!("`{function}` takes {expected}, {} given", are(arguments.count()));
    TextError::at(text, span, message)
}

fn are(count: usize) -> String {
    match count {
        0 => "none is".to_owned(),
        1 => "1 is".to_owned(),
        count => format!("{count} are"),
    }
}

/// Whether this is a name of WIT, possibly escaped.
fn is_label(name: &str) -> bool {
    let name = name.strip_prefix('%').unwrap_or(name);
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-')
        && !name.ends_with('-')
}
