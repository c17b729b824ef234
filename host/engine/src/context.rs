//! The functions of `interstice:host/context`: who calls, when, a random number, and messages.
//! Invariant: everything that a guest learns here was fixed when its transaction began.

use crate::canonical::{Buffer, Params, Reply};
use crate::host::{Caller, Host, Level, Panic};
use crate::limits::{FUEL_PER_HOST_CALL, fuel_of_bytes};
use crate::signature::Signature;
use crate::state::{State, charge, visit};
use interstice_codec::row::{Reader, write_length};
use interstice_codec::{Case, ValueType};
use wasmtime::component::{LinkerInstance, WasmStr};
use wasmtime::{Result, StoreContextMut, bail};

/// The most bytes of each text of a panic that are kept.
const PANIC_TEXT_BYTES: usize = 16 << 10;

/// What each function takes and returns, as `host.wit` says it.
pub(crate) fn signature(function: &str) -> Option<Signature> {
    let param = |name: &str, ty| (name.to_owned(), ty);
    let (params, result) = match function {
        "caller" => (vec![], Some(caller_type())),
        "timestamp" | "random" => (vec![], Some(ValueType::U64)),
        "log" => (vec![param("level", level_type()), param("message", ValueType::String)], None),
        "panicked" => (
            vec![
                param("message", ValueType::String),
                param("file", ValueType::String),
                param("line", ValueType::U32),
                param("column", ValueType::U32),
            ],
            None,
        ),
        _ => return None,
    };
    Some(Signature { params, result })
}

fn caller_type() -> ValueType {
    let case = |name: &str, ty| Case { name: name.to_owned(), ty };
    ValueType::Variant(vec![
        case("client", Some(ValueType::String)),
        case("module", Some(ValueType::String)),
        case("system", None),
    ])
}

fn level_type() -> ValueType {
    ValueType::Enum(["trace", "debug", "info", "warn", "error"].map(str::to_owned).to_vec())
}

/// Links one of the functions.
pub(crate) fn link<H: Host>(linker: &mut LinkerInstance<'_, State<H>>, function: &str) -> Result<()> {
    match function {
        "caller" => linker.func_wrap("caller", |mut store: StoreContextMut<'_, State<H>>, (): ()| {
            charge(&mut store, FUEL_PER_HOST_CALL)?;
            let caller = visit(&mut store, |host, _| Ok(host.caller()))?;
            Ok(Reply::<1>(encode_caller(&caller)))
        }),
        "timestamp" => linker.func_wrap("timestamp", |mut store: StoreContextMut<'_, State<H>>, (): ()| {
            charge(&mut store, FUEL_PER_HOST_CALL)?;
            Ok((visit(&mut store, |host, _| Ok(host.timestamp()))?,))
        }),
        "random" => linker.func_wrap("random", |mut store: StoreContextMut<'_, State<H>>, (): ()| {
            charge(&mut store, FUEL_PER_HOST_CALL)?;
            Ok((visit(&mut store, |host, _| Ok(host.random()))?,))
        }),
        "log" => {
            linker.func_wrap("log", |mut store: StoreContextMut<'_, State<H>>, Params(bytes): Params<3>| {
                charge(&mut store, FUEL_PER_HOST_CALL + fuel_of_bytes(bytes.len()))?;
                let (level, message) = decode_log(&bytes)?;
                visit(&mut store, |host, _| {
                    host.log(level, message);
                    Ok(())
                })
            })
        }
        "panicked" => linker.func_wrap(
            "panicked",
            |mut store: StoreContextMut<'_, State<H>>,
             (message, file, line, column): (WasmStr, WasmStr, u32, u32)| {
                let (message, message_bytes) = shortened(&message.to_str(&store)?);
                let (file, file_bytes) = shortened(&file.to_str(&store)?);
                charge(&mut store, FUEL_PER_HOST_CALL + fuel_of_bytes(message_bytes + file_bytes))?;
                let panic = Panic { message, file, line, column };
                visit(&mut store, |host, _| {
                    host.panicked(&panic);
                    Ok(())
                })?;
                store.data_mut().panic = Some(panic);
                Ok(())
            },
        ),
        other => bail!("the context has no function `{other}`"),
    }
}

fn encode_caller(caller: &Caller) -> Buffer {
    let mut out = Buffer::take();
    let (case, identity) = match caller {
        Caller::Client(identity) => (0, Some(identity)),
        Caller::Module(name) => (1, Some(name)),
        Caller::System => (2, None),
    };
    out.push(case);
    if let Some(identity) = identity {
        write_length(identity.len(), &mut out);
        out.extend_from_slice(identity.as_bytes());
    }
    out
}

/// The bytes are what lifting made of `(level, string)`.
fn decode_log(bytes: &[u8]) -> Result<(Level, &str)> {
    let mut row = Reader::new(bytes);
    let level = match row.case(5)? {
        0 => Level::Trace,
        1 => Level::Debug,
        2 => Level::Info,
        3 => Level::Warn,
        _ => Level::Error,
    };
    Ok((level, row.text()?))
}

/// The beginning of a text, and how long it was.
fn shortened(text: &str) -> (String, usize) {
    (text[..text.floor_char_boundary(PANIC_TEXT_BYTES)].to_owned(), text.len())
}
