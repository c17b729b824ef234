//! What came of a call, as text for people and as JSON for programs.
//! A result stands in WAVE or JSON by the type of its function.
//! Invariant: whatever a call came to, it has an answer in both forms.

use crate::exit::{Exit, Failure};
use interstice_codec::{Value, ValueType, row};
use interstice_node::{Error, FunctionHandle, Reply, Returned};
use interstice_wit::text::{json, wave};
use serde_json::{Value as Json, json};

/// What came of a call that ran to its end.
pub(crate) struct Answer {
    reply: Reply,
    result: Option<(Value, ValueType)>,
}

/// Why a call did not run to its end.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The stable code.
    pub(crate) code: String,
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Answer {
    /// Reads the result by the type of the function.
    pub(crate) fn new(function: &FunctionHandle, reply: Reply) -> Result<Answer, Refusal> {
        let result = match function.result() {
            None => None,
            Some(ty) => {
                let value = row::decode(&reply.result, ty).map_err(|error| Refusal {
                    code: "ours.result".to_owned(),
                    exit: Exit::Ours,
                    message: format!("the result of {} cannot be read: {error}", function.full_name()),
                })?;
                Some((value, ty.clone()))
            }
        };
        Ok(Answer { reply, result })
    }

    /// Whether the function returned `err`.
    pub(crate) fn is_err(&self) -> bool {
        self.reply.returned == Returned::Err
    }

    /// The result in WAVE; `ok` if the function has none.
    pub(crate) fn wave(&self) -> String {
        self.result.as_ref().map_or("ok".to_owned(), |(value, ty)| wave::print(value, ty))
    }

    /// `#12` for a transaction, `@12` for a version that was seen.
    pub(crate) fn place(&self) -> String {
        match self.reply.sequence {
            Some(sequence) => format!("#{sequence}"),
            None => format!("@{}", self.reply.version),
        }
    }

    /// The answer as an object without an `id`.
    pub(crate) fn json(&self) -> Json {
        let place = match self.reply.sequence {
            Some(sequence) => ("sequence", sequence.0),
            None => ("version", self.reply.version.0),
        };
        let (key, value) = match &self.result {
            None => ("ok", Json::Null),
            Some((value, ty)) => self.branch(value, ty),
        };
        json!({ key: value, place.0: place.1 })
    }

    /// A `result` becomes its branch; anything else is `ok`.
    fn branch(&self, value: &Value, ty: &ValueType) -> (&'static str, Json) {
        let payload = |value: &Option<Box<Value>>, ty: &Option<Box<ValueType>>| match (value, ty) {
            (Some(value), Some(ty)) => json::to_json(value, ty),
            _ => Json::Null,
        };
        match (value, ty) {
            (Value::Result(Ok(value)), ValueType::Result { ok, .. }) => ("ok", payload(value, ok)),
            (Value::Result(Err(value)), ValueType::Result { err, .. }) => ("err", payload(value, err)),
            _ => ("ok", json::to_json(value, ty)),
        }
    }
}

impl Refusal {
    /// The caller's mistake.
    pub(crate) fn caller(code: &str, message: String) -> Refusal {
        Refusal { code: format!("caller.{code}"), exit: Exit::Caller, message }
    }

    /// Why the database was not opened in which the call was to run.
    pub(crate) fn not_opened(failure: &Failure) -> Refusal {
        let code = failure.code().unwrap_or(match failure.exit {
            Exit::Caller | Exit::Negative => "caller.not-opened",
            Exit::Module => "module.not-opened",
            Exit::Version => "version.not-opened",
            Exit::Ours | Exit::OutcomeUnknown => "ours.not-opened",
        });
        Refusal { code: code.to_owned(), exit: failure.exit, message: failure.message() }
    }

    /// The answer as an object without an `id`.
    pub(crate) fn json(&self) -> Json {
        let kind = self.code.split('.').next().unwrap_or_default();
        json!({ "error": { "code": self.code, "kind": kind, "message": self.message } })
    }

    /// The failure of a command that makes one call.
    pub(crate) fn into_failure(self) -> Failure {
        Failure::new(self.exit, self.message)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            // Some messages quote their source already.
            if !message.contains(&inner.to_string()) {
                message.push_str(&format!(": {inner}"));
            }
            source = inner.source();
        }
        Refusal { code: error.code().to_owned(), exit: crate::database::exit(error.kind()), message }
    }
}
