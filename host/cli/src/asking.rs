//! From what a user wrote to a function of the database and its arguments as bytes.
//! Functions are looked up once per name and kept, for a pipe asks for the same few again and again.
//! Invariant: arguments that reach the node are of the function's types.

use crate::answer::Refusal;
use interstice_codec::{Value, ValueType, row};
use interstice_node::{FunctionHandle, Node};
use interstice_wit::text::{Signature, TextError, json, wave};
use std::collections::HashMap;

/// The arguments as they were written.
pub(crate) enum Written<'a> {
    /// `transfer(1, 2, 50)`, the name of the function with them.
    Wave(&'a str),
    /// The name of the function, and JSON apart.
    Json { function: &'a str, arguments: &'a str },
}

/// The functions that were asked for so far.
pub(crate) struct Asking {
    node: Node,
    found: HashMap<String, HashMap<String, FunctionHandle>>,
}

impl Asking {
    pub(crate) fn new(node: &Node) -> Asking {
        Asking { node: node.clone(), found: HashMap::new() }
    }

    /// Finds the function and reads its arguments.
    pub(crate) fn read(
        &mut self,
        module: &str,
        written: &Written<'_>,
    ) -> Result<(FunctionHandle, Vec<u8>), Refusal> {
        match written {
            Written::Wave(text) => {
                let call = wave::parse_call(text).map_err(|error| bad(&error))?;
                let name = match &call.interface {
                    Some(interface) => format!("{interface}.{}", call.function),
                    None => call.function.clone(),
                };
                let function = self.function(module, &name)?;
                let values = wave::parse_arguments(&call.arguments, signature(&function));
                let bytes = encode(&function, values.map_err(|error| bad(&error))?)?;
                Ok((function, bytes))
            }
            Written::Json { function, arguments } => {
                let function = self.function(module, function)?;
                let values = json::parse_arguments(function.full_name(), arguments, signature(&function));
                let bytes = encode(&function, values.map_err(|error| bad(&error))?)?;
                Ok((function, bytes))
            }
        }
    }

    fn function(&mut self, module: &str, name: &str) -> Result<FunctionHandle, Refusal> {
        if let Some(function) = self.found.get(module).and_then(|functions| functions.get(name)) {
            return Ok(function.clone());
        }
        let function = self.node.function(module, name)?;
        self.found.entry(module.to_owned()).or_default().insert(name.to_owned(), function.clone());
        Ok(function)
    }
}

fn signature(function: &FunctionHandle) -> Signature<'_, String> {
    Signature { params: function.params(), result: function.result() }
}

fn encode(function: &FunctionHandle, values: Vec<Value>) -> Result<Vec<u8>, Refusal> {
    let types: Vec<ValueType> = function.params().iter().map(|(_, ty)| ty.clone()).collect();
    let mut bytes = Vec::new();
    row::encode_all(&values, &types, &mut bytes).map_err(|error| {
        Refusal::caller("bad-arguments", format!("the arguments of {}: {error}", function.full_name()))
    })?;
    Ok(bytes)
}

fn bad(error: &TextError) -> Refusal {
    Refusal::caller("bad-arguments", error.to_string())
}
