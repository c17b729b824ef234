//! Running cargo for the guest target so that the same sources give the same bytes.
//! The user's own flags are not taken over, and every path of this machine is mapped to a fixed one.
//! Invariant: nothing is compiled into the target folder that the user's own cargo uses, so that
//! neither waits for the other or throws the other's work away.

use crate::BuildError;
use serde_json::Value;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target that modules are compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// What `cargo metadata` says about a crate.
pub(crate) struct Crate {
    pub(crate) name: String,
    /// The folder of its Cargo.toml.
    pub(crate) folder: PathBuf,
    /// The root of its workspace.
    pub(crate) workspace: PathBuf,
    /// The target folder of its workspace.
    pub(crate) target: PathBuf,
    /// `[package.metadata.interstice]`
    pub(crate) settings: Value,
    manifest: PathBuf,
    is_module: bool,
}

/// How cargo is run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Running {
    pub(crate) locked: bool,
    pub(crate) offline: bool,
    pub(crate) quiet: bool,
}

impl Crate {
    /// Asks cargo about the crate in a folder.
    pub(crate) fn find(folder: &Path) -> Result<Crate, BuildError> {
        let manifest = folder.join("Cargo.toml");
        let Ok(manifest) = manifest.canonicalize() else {
            return Err(BuildError::NoCrate { folder: folder.to_owned() });
        };
        let mut command = cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(&manifest);
        let output = command.output().map_err(no_cargo)?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            return Err(BuildError::Manifest { folder: folder.to_owned(), complaint });
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| misunderstood("metadata", error.to_string()))?;
        Crate::from_metadata(&metadata, &manifest).ok_or_else(|| {
            misunderstood("metadata", format!("it does not tell of the package {}", manifest.display()))
        })
    }

    fn from_metadata(metadata: &Value, manifest: &Path) -> Option<Crate> {
        let path = |value: &Value| value.as_str().map(PathBuf::from);
        let mut packages = metadata["packages"].as_array()?.iter();
        let package =
            packages.find(|package| package["manifest_path"].as_str().map(Path::new) == Some(manifest))?;
        let mut targets = package["targets"].as_array()?.iter();
        let is_module = targets.any(|target| {
            target["crate_types"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
        });
        Some(Crate {
            name: package["name"].as_str()?.to_owned(),
            folder: manifest.parent()?.to_path_buf(),
            workspace: path(&metadata["workspace_root"])?,
            target: path(&metadata["target_directory"])?,
            settings: package["metadata"]["interstice"].clone(),
            manifest: manifest.to_path_buf(),
            is_module,
        })
    }

    /// Compiles the crate and returns the path of its core module.
    pub(crate) fn compile(&self, running: Running) -> Result<PathBuf, BuildError> {
        if !self.is_module {
            return Err(BuildError::NoModule { package: self.name.clone(), manifest: self.manifest.clone() });
        }
        let mut command = self.command(running)?;
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(no_cargo)?;
        let stdout = child.stdout.take().expect("the output was asked for as a pipe");
        let module = self.find_artifact(BufReader::new(stdout));
        let status = child.wait().map_err(no_cargo)?;
        if !status.success() {
            return Err(match has_target() {
                false => BuildError::NoTarget { target: TARGET },
                true => BuildError::Compile { package: self.name.clone(), target: TARGET },
            });
        }
        module?.ok_or_else(|| misunderstood("build", "it names no core module".to_owned()))
    }

    fn command(&self, running: Running) -> Result<Command, BuildError> {
        let mut command = cargo();
        command.current_dir(&self.folder);
        command.args(["build", "--release", "--lib", "--target", TARGET]);
        command.args(["--message-format", "json-render-diagnostics", "--manifest-path"]).arg(&self.manifest);
        command.arg("--target-dir").arg(self.target.join("interstice"));
        for (given, flag) in
            [(running.locked, "--locked"), (running.offline, "--offline"), (running.quiet, "--quiet")]
        {
            if given {
                command.arg(flag);
            }
        }
        // Symbol names stay, for they make the backtrace of a trap readable; everything else that
        // only a debugger reads is left out.
        for (setting, value) in [
            ("CODEGEN_UNITS", "1"),
            ("DEBUG", "0"),
            ("INCREMENTAL", "false"),
            ("LTO", "fat"),
            ("OPT_LEVEL", "3"),
            ("PANIC", "abort"),
            ("STRIP", "debuginfo"),
        ] {
            command.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
        }
        // Set by `cargo clippy`, or by a user for another target.
        for variable in ["RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_INCREMENTAL"] {
            command.env_remove(variable);
        }
        command.env("CARGO_ENCODED_RUSTFLAGS", self.flags()?.join("\x1f"));
        Ok(command)
    }

    /// Maps the paths of this machine away. Where two match, the compiler takes the later one.
    fn flags(&self) -> Result<Vec<String>, BuildError> {
        let mut maps = Vec::new();
        if let Some(home) = cargo_home() {
            maps.push((home.join("registry/src"), "/registry".to_owned()));
            maps.push((home.join("git/checkouts"), "/git".to_owned()));
        }
        let compiler = Compiler::find()?;
        maps.push((compiler.sysroot.join("lib/rustlib/src/rust"), format!("/rustc/{}", compiler.commit)));
        maps.push((self.workspace.clone(), "/workspace".to_owned()));
        maps.push((self.target.clone(), "/target".to_owned()));
        Ok(maps
            .into_iter()
            .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
            .collect())
    }

    /// Reads cargo's messages to their end, so that cargo never waits for a reader.
    fn find_artifact(&self, messages: BufReader<impl std::io::Read>) -> Result<Option<PathBuf>, BuildError> {
        let mut module = None;
        for message in serde_json::Deserializer::from_reader(messages).into_iter::<Value>() {
            let message = message.map_err(|error| misunderstood("build", error.to_string()))?;
            let is_ours = message["manifest_path"].as_str().map(Path::new) == Some(&self.manifest);
            if !is_ours || message["reason"] != "compiler-artifact" {
                continue;
            }
            let mut files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
            if let Some(file) = files.find(|file| file.ends_with(".wasm")) {
                module = Some(PathBuf::from(file));
            }
        }
        Ok(module)
    }
}

/// The compiler's folder and commit.
struct Compiler {
    sysroot: PathBuf,
    commit: String,
}

impl Compiler {
    fn find() -> Result<Compiler, BuildError> {
        let version = rustc_says(&["-vV"])?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
        Ok(Compiler {
            sysroot: rustc_says(&["--print", "sysroot"])?.trim().into(),
            commit: commit.to_owned(),
        })
    }
}

/// Whether the compiler has a standard library for the target.
fn has_target() -> bool {
    let folder = rustc_says(&["--print", "target-libdir", "--target", TARGET]).unwrap_or_default();
    let Ok(mut entries) = std::fs::read_dir(folder.trim()) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore-")))
}

fn rustc_says(arguments: &[&str]) -> Result<String, BuildError> {
    let program = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(&program).args(arguments).output();
    let output = output.map_err(|source| BuildError::NoCargo { program, source })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The cargo that started this process, if one did.
fn cargo_program() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

fn cargo() -> Command {
    Command::new(cargo_program())
}

fn cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

fn no_cargo(source: std::io::Error) -> BuildError {
    BuildError::NoCargo { program: cargo_program(), source }
}

fn misunderstood(command: &'static str, reason: String) -> BuildError {
    BuildError::CargoOutput { command, reason }
}
