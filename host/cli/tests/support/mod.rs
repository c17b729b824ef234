//! Running the command as a user does, and showing what it printed without what differs from run to run.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use expect_test::Expect;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

/// A folder with a module in it, and a place for a data directory.
pub struct Case {
    folder: TempDir,
}

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Case {
    pub fn new() -> Case {
        Case { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs `interstice` in the folder.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with_input(arguments, "")
    }

    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = self.command(arguments).spawn().unwrap();
        // A command that ends early closes its input.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        self.ended(child.wait_with_output().unwrap())
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_interstice"));
        command.args(arguments).current_dir(self.folder.path());
        command.env_remove("INTERSTICE_DATA").env_remove("INTERSTICE_SDK");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn ended(&self, output: Output) -> Ended {
        let shown = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&self.folder.path().display().to_string(), "DIR")
        };
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: shown(output.stdout),
            stderr: shown(output.stderr),
        }
    }
}

impl Ended {
    /// Everything, for a snapshot.
    pub fn shown(&self) -> String {
        let mut text = format!("exit {}\n", self.code);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                text.push_str(&format!("--- {name}\n{}\n", stream.trim_end()));
            }
        }
        text
    }
}

/// The component of a module of this repository, such as `examples/bank`; built once in a process.
pub fn component(module: &str) -> PathBuf {
    static BUILT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let name = module.rsplit('/').next().unwrap();
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("components").join(format!("{name}.wasm"));
    let mut built = BUILT.lock().unwrap();
    if built.insert(output.clone()) {
        let source = root().join(module);
        let arguments = ["build", "--output", output.to_str().unwrap(), source.to_str().unwrap()];
        let ended = Case::new().run(&arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    output
}

/// A case with a bank in the data directory `data`, in which ada (2) has 100 and bob (3) nothing.
pub fn bank() -> Case {
    bank_with(&[])
}

/// The same, made with more options of `run`.
pub fn bank_with(options: &[&str]) -> Case {
    let case = Case::new();
    let bank = component("examples/bank");
    let ended = case.run_with_input(
        &[&["run", "--data", "data", bank.to_str().unwrap()], options].concat(),
        "acme:bank open-account(\"ada\")\nacme:bank open-account(\"bob\")\nacme:bank deposit(2, 100)\n",
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    case
}

/// Runs a command and compares everything that it printed.
pub fn check(case: &Case, arguments: &[&str], expected: Expect) {
    expected.assert_eq(&case.run(arguments).shown());
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
