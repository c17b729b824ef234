//! Calls and results as text in WAVE, the form in which people and tests write them.
//! It decides nothing: names are looked up and types checked by what the catalog says.

use crate::call::FunctionHandle;
use crate::error::Error;
use crate::node::Node;
use interstice_codec::row;
use interstice_wit::text::{Signature, json, wave};

impl Node {
    /// Reads a call such as `transfer(1, 2, 50)` or `ledger.transfer(1, 2, 50)` of a module: the
    /// function, and its arguments in the row codec.
    pub fn parse_call(&self, module: &str, text: &str) -> Result<(FunctionHandle, Vec<u8>), Error> {
        let call = wave::parse_call(text).map_err(|error| Error::BadArguments {
            function: module.to_owned(),
            reason: error.to_string(),
        })?;
        let name = match &call.interface {
            Some(interface) => format!("{interface}.{}", call.function),
            None => call.function.clone(),
        };
        let function = self.function(module, &name)?;
        let values = wave::parse_arguments(&call.arguments, function.signature());
        let values = values.map_err(|error| function.bad_arguments(&error))?;
        let arguments = function.encode_arguments(&values)?;
        Ok((function, arguments))
    }
}

impl FunctionHandle {
    fn signature(&self) -> Signature<'_, String> {
        Signature { params: self.params(), result: self.result() }
    }

    /// Reads arguments in JSON: an array, or an object by names of parameters.
    pub fn parse_json_arguments(&self, text: &str) -> Result<Vec<u8>, Error> {
        let values = json::parse_arguments(self.full_name(), text, self.signature());
        self.encode_arguments(&values.map_err(|error| self.bad_arguments(&error))?)
    }

    /// A result of this function in WAVE; empty if it returns nothing.
    pub fn print_result(&self, result: &[u8]) -> String {
        match self.decode_result(result) {
            Some((value, ty)) => wave::print(&value, ty),
            None => String::new(),
        }
    }

    /// A result of this function in JSON; null if it returns nothing.
    pub fn json_result(&self, result: &[u8]) -> serde_json::Value {
        match self.decode_result(result) {
            Some((value, ty)) => json::to_json(&value, ty),
            None => serde_json::Value::Null,
        }
    }

    fn decode_result(
        &self,
        result: &[u8],
    ) -> Option<(interstice_codec::Value, &interstice_codec::ValueType)> {
        let ty = self.result()?;
        let value = row::decode(result, ty).expect("the engine encoded the result by this very type");
        Some((value, ty))
    }

    fn encode_arguments(&self, values: &[interstice_codec::Value]) -> Result<Vec<u8>, Error> {
        let types: Vec<_> = self.params().iter().map(|(_, ty)| ty.clone()).collect();
        let mut arguments = Vec::new();
        row::encode_all(values, &types, &mut arguments).map_err(|error| self.bad_arguments(&error))?;
        Ok(arguments)
    }

    fn bad_arguments(&self, error: &dyn std::fmt::Display) -> Error {
        Error::BadArguments { function: self.full_name().to_owned(), reason: error.to_string() }
    }
}
