//! `interstice new`: a module that builds and passes its own test as generated.
//! The files are those under `template/`, with the names filled in.
//! Invariant: no existing file is overwritten.

use crate::exit::{Exit, Failure};
use crate::terminal::{self, Output};
use interstice_wit::wit_identifier;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a new module.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../template/Cargo.toml.in")),
    (".gitignore", include_str!("../../template/gitignore.in")),
    ("wit/world.wit", include_str!("../../template/wit/world.wit.in")),
    ("src/lib.rs", include_str!("../../template/src/lib.rs.in")),
    ("tests/counters.rs", include_str!("../../template/tests/counters.rs.in")),
];

/// Starts a new module.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The name of its package, such as `acme:bank`.
    #[arg(value_name = "NAMESPACE:NAME")]
    name: String,
    /// Where to put it [default: a folder of that name here]
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
    /// The folder `guest-sdk` of an Interstice checkout, to depend on by path [default: that of the checkout
    /// that this command was built from]
    #[arg(long, value_name = "FOLDER", env = "INTERSTICE_SDK")]
    sdk: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (namespace, name) = package_name(&arguments.name)?;
    let folder = arguments.path.clone().unwrap_or_else(|| PathBuf::from(name));
    let is_used = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_used || folder.is_file() {
        let message = format!("{} already exists; choose another with `--path`", folder.display());
        return Err(Failure::new(Exit::Caller, message));
    }
    let sdk = sdk(arguments.sdk.as_deref())?;
    for (file, template) in FILES {
        let text = template
            .replace("{{namespace}}", &wit_identifier(namespace))
            .replace("{{name}}", &wit_identifier(name))
            .replace("{{crate}}", &format!("{namespace}-{name}"))
            .replace("{{sdk}}", &dependency(sdk.as_deref(), ""))
            .replace("{{sdk-test}}", &dependency(sdk.as_deref(), "test"));
        write(&folder.join(file), &text)?;
    }
    let mut output = Output::new();
    let done = terminal::stdout_style("created", terminal::GREEN);
    output.line(format!("{done}  {namespace}:{name} in {}", folder.display()))?;
    output.line(format!("next     cd {} && cargo test && interstice build", folder.display()))?;
    Ok(output.flush()?)
}

/// Splits and checks the name of a package.
fn package_name(text: &str) -> Result<(&str, &str), Failure> {
    let refused = |reason: String| Err(Failure::new(Exit::Caller, reason));
    let Some((namespace, name)) = text.split_once(':') else {
        return refused(format!(
            "`{text}` is not a package name, which has the form `namespace:name`, such as `acme:bank`"
        ));
    };
    for part in [namespace, name] {
        if !is_kebab(part) {
            return refused(format!(
                "`{part}` is not a WIT name: words of lower-case letters and digits, each beginning with a letter, \
                 joined by single hyphens"
            ));
        }
    }
    if namespace == "interstice" || namespace == "wasi" {
        return refused(format!("the namespace `{namespace}` is reserved"));
    }
    Ok((namespace, name))
}

fn is_kebab(text: &str) -> bool {
    text.split('-').all(|word| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    })
}

/// The SDK that was asked for, or the one of the checkout that this program was built from.
fn sdk(asked: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk");
    let folder = match asked {
        Some(folder) => folder,
        None if built_from.join("Cargo.toml").exists() => &built_from,
        None => return Ok(None),
    };
    match folder.canonicalize() {
        Ok(folder) if folder.join("test/Cargo.toml").exists() => Ok(Some(folder)),
        _ => {
            let message = format!("{} is not the folder `guest-sdk` of Interstice", folder.display());
            Err(Failure::new(Exit::Caller, message))
        }
    }
}

/// How Cargo.toml names a crate of the SDK: by path, or else by the version of this program.
fn dependency(sdk: Option<&Path>, crate_folder: &str) -> String {
    match sdk {
        Some(folder) => {
            let path = if crate_folder.is_empty() { folder.to_owned() } else { folder.join(crate_folder) };
            // TOML spells a basic string as JSON does.
            format!("{{ path = {} }}", serde_json::Value::from(path.to_string_lossy()))
        }
        None => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().expect("a file of the template lies in the module's folder");
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|error| Failure::new(Exit::Ours, format!("cannot write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_wit_knows_are_taken() {
        for good in ["acme:bank", "a:b", "acme-corp:order-book2"] {
            assert!(package_name(good).is_ok(), "{good}");
        }
        for bad in [
            "bank",
            "acme:",
            ":bank",
            "Acme:bank",
            "acme:bank@1.0.0",
            "acme:2bank",
            "acme:a--b",
            "acme:a_b",
            "acme:b/c",
            "interstice:bank",
            "wasi:io",
            "../x:y",
        ] {
            assert!(package_name(bad).is_err(), "{bad}");
        }
    }
}
