//! A line of input: which function of which module, with which arguments, as a call or a query.
//! Invariant: a line that cannot be read is refused with what was expected, and the next one is read.

use crate::answer::Refusal;
use crate::asking::Written;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What a line requests.
pub(super) struct Request<'a> {
    pub(super) is_query: bool,
    pub(super) module: Cow<'a, str>,
    what: What<'a>,
}

enum What<'a> {
    Wave(Cow<'a, str>),
    Json { function: Cow<'a, str>, arguments: &'a str },
}

/// A line of `--json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonLine<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    module: Cow<'a, str>,
    #[serde(borrow, default)]
    function: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
    #[serde(borrow, default)]
    wave: Option<Cow<'a, str>>,
    #[serde(default)]
    query: bool,
}

/// Only the id, so that the answer to a line that is wrong otherwise can still be told apart.
#[derive(Deserialize)]
struct Id<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

impl<'a> Request<'a> {
    /// Reads `[query] MODULE FUNCTION(ARGUMENTS)`.
    pub(super) fn from_text(line: &'a str) -> Result<Request<'a>, Refusal> {
        let line = line.trim_start_matches('\u{feff}').trim();
        let (is_query, rest) = match line.split_once(char::is_whitespace) {
            Some(("query", rest)) => (true, rest.trim_start()),
            Some(("call", rest)) => (false, rest.trim_start()),
            _ => (false, line),
        };
        match rest.split_once(char::is_whitespace) {
            Some((module, call)) if !module.contains('(') => {
                Ok(Request { is_query, module: module.into(), what: What::Wave(call.trim_start().into()) })
            }
            _ => Err(Refusal::caller(
                "bad-line",
                "expected `MODULE FUNCTION(ARGUMENTS)` or `query MODULE FUNCTION(ARGUMENTS)`, \
                 such as `acme:bank transfer(1, 2, 50)`"
                    .to_owned(),
            )),
        }
    }

    /// Reads an object, and the id with which it is answered, as it was written.
    pub(super) fn from_json(line: &'a str) -> (Option<Box<RawValue>>, Result<Request<'a>, Refusal>) {
        let line = line.trim_start_matches('\u{feff}').trim();
        if !line.starts_with('{') {
            let message = "the line is not a request: expected a JSON object".to_owned();
            return (None, Err(Refusal::caller("bad-line", message)));
        }
        match serde_json::from_str::<JsonLine<'a>>(line) {
            Ok(parsed) => (parsed.id.map(ToOwned::to_owned), parsed.request()),
            Err(error) => {
                let id = serde_json::from_str::<Id<'_>>(line).ok().and_then(|found| found.id);
                let refused = Refusal::caller("bad-line", format!("the line is not a request: {error}"));
                (id.map(ToOwned::to_owned), Err(refused))
            }
        }
    }

    /// The function and its arguments, as they were written.
    pub(super) fn written(&self) -> Written<'_> {
        match &self.what {
            What::Wave(text) => Written::Wave(text),
            What::Json { function, arguments } => Written::Json { function, arguments },
        }
    }
}

impl<'a> JsonLine<'a> {
    fn request(self) -> Result<Request<'a>, Refusal> {
        let what = match (self.function, self.wave) {
            (None, Some(wave)) if self.args.is_none() => What::Wave(wave),
            (Some(function), None) => {
                What::Json { function, arguments: self.args.map_or("[]", RawValue::get) }
            }
            _ => {
                let message = "a request has either `function` and `args`, or `wave`";
                return Err(Refusal::caller("bad-line", message.to_owned()));
            }
        };
        Ok(Request { is_query: self.query, module: self.module, what })
    }
}

/// An answer with the id of its request, as it was written there.
pub(super) fn with_id(id: Option<&RawValue>, answer: &Json) -> String {
    let answer = answer.to_string();
    let rest = answer.strip_prefix('{').expect("an answer is an object");
    format!("{{\"id\":{},{rest}", id.map_or("null", RawValue::get))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(bool, String, String)> {
        let request = Request::from_text(line).ok()?;
        let Written::Wave(call) = request.written() else { return None };
        Some((request.is_query, request.module.to_string(), call.to_owned()))
    }

    #[test]
    fn a_line_is_a_module_and_a_call() {
        let call = |is_query, call: &str| Some((is_query, "acme:bank".to_owned(), call.to_owned()));
        assert_eq!(read("acme:bank transfer(1, 2, 50)"), call(false, "transfer(1, 2, 50)"));
        assert_eq!(read("  query  acme:bank\tbalance(1) "), call(true, "balance(1)"));
        assert_eq!(read("call acme:bank f()"), call(false, "f()"));
        assert_eq!(read("transfer(1, 2, 50)"), None);
        assert_eq!(read("acme:bank"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_line_that_is_wrong_keeps_its_id() {
        let (id, request) = Request::from_json(r#"{"id": 7, "module": "acme:bank", "functoin": "f"}"#);
        assert_eq!(id.map(|id| id.to_string()), Some("7".to_owned()));
        assert!(request.is_err_and(|refusal| refusal.message.contains("functoin")));
        let (id, request) = Request::from_json("nonsense");
        assert!(id.is_none());
        assert!(request.is_err());
    }

    #[test]
    fn an_id_comes_back_as_it_was_written() {
        for id in ["1.10", "12345678901234567890123", r#"{"a": [1,  2]}"#] {
            let line = format!(r#"{{"id": {id}, "module": "a:b", "wave": "f()"}}"#);
            let (found, request) = Request::from_json(&line);
            assert!(request.is_ok());
            let answer = with_id(found.as_deref(), &serde_json::json!({ "ok": null }));
            assert_eq!(answer, format!(r#"{{"id":{id},"ok":null}}"#));
        }
        assert!(Request::from_json(r#"[7, "a:b", "f", [], null, true]"#).1.is_err());
    }

    #[test]
    fn a_request_names_its_arguments_once() {
        for line in [
            r#"{"module": "a:b"}"#,
            r#"{"module": "a:b", "function": "f", "wave": "f()"}"#,
            r#"{"module": "a:b", "args": [], "wave": "f()"}"#,
        ] {
            assert!(Request::from_json(line).1.is_err(), "{line}");
        }
        assert!(Request::from_json(r#"{"module": "a:b", "function": "f"}"#).1.is_ok());
    }
}
