//! A registry, a home and modules without code, as the tests of packages need them.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use crate::support::{Case, Ended};
use expect_test::Expect;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A case with a registry and a home of its own.
pub struct Packages {
    pub case: Case,
    /// Where packages are published.
    pub registry: String,
}

impl Packages {
    /// With a registry in a folder.
    pub fn new() -> Packages {
        let case = Case::new();
        let registry = case.path("registry").display().to_string();
        Packages { case, registry }
    }

    /// The command, for a user of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.case.command(arguments);
        command.env("INTERSTICE_REGISTRY", &self.registry);
        command.env("HOME", self.case.path("home"));
        for variable in [
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "DOCKER_CONFIG",
            "WKG_CONFIG_FILE",
            "INTERSTICE_REGISTRY_TIMEOUT",
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
        ] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.ended(&mut self.command(arguments))
    }

    /// How a command ends, without the name of the folder.
    pub fn ended(&self, command: &mut Command) -> Ended {
        let output = command.output().unwrap();
        let shown = |bytes: Vec<u8>| {
            String::from_utf8(bytes).unwrap().replace(&self.case.path("").display().to_string(), "DIR/")
        };
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: shown(output.stdout),
            stderr: shown(output.stderr),
        }
    }

    pub fn succeed(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.shown());
        ended.stdout
    }

    pub fn check(&self, arguments: &[&str], expected: Expect) {
        expected.assert_eq(&without_digests(&self.run(arguments).shown()));
    }

    /// Builds a module of these functions, each `-> u32`, with more statements in its world.
    pub fn component(&self, package: &str, functions: &[&str], imports: &[&str]) -> PathBuf {
        self.large_component(package, functions, imports, 0)
    }

    /// The same with so many bytes more.
    pub fn large_component(
        &self,
        package: &str,
        functions: &[&str],
        imports: &[&str],
        more_bytes: usize,
    ) -> PathBuf {
        let (name, version) = package.split_once('@').unwrap();
        let declared: String = functions
            .iter()
            .map(|function| {
                format!("  /// What {function} is.\n  /// @query\n  {function}: func() -> u32;\n")
            })
            .collect();
        let imports: String = imports.iter().map(|import| format!("  import {import};\n")).collect();
        let folder = format!("source/{}", name.replace(':', "-"));
        let wit = format!(
            "/// The package {name}.\npackage {package};\n\ninterface ledger {{\n{declared}}}\n\n\
             world module {{\n{imports}  export ledger;\n}}\n"
        );
        self.case.write(&format!("{folder}/wit/world.wit"), wit);
        let exports: String = functions
            .iter()
            .map(|function| {
                format!("(func (export \"{name}/ledger@{version}#{function}\") (result i32) i32.const 42)")
            })
            .collect();
        let more = format!("(memory 256) (data (i32.const 0) \"{}\")", "x".repeat(more_bytes));
        let more = if more_bytes > 0 { more.as_str() } else { "" };
        let core = wat::parse_str(format!("(module {exports} {more})")).unwrap();
        let core = self.case.write(&format!("{folder}/core.wasm"), core);
        let output = self.case.path(&format!("{}.wasm", package.replace(':', "-")));
        let (core, output_text) = (core.display().to_string(), output.display().to_string());
        self.succeed(&["build", "--from", &core, "--output", &output_text, &folder]);
        output
    }

    pub fn publish(&self, package: &str, functions: &[&str]) -> String {
        let component = self.component(package, functions, &[]);
        self.succeed(&["publish", component.to_str().unwrap()])
    }

    /// The bank in three versions, and a shop that imports none of them yet.
    pub fn bank() -> Packages {
        let packages = Packages::new();
        packages.publish("acme:bank@1.0.0", &["balance"]);
        packages.publish("acme:bank@1.2.0", &["balance", "total"]);
        packages.publish("acme:bank@2.0.0", &["total"]);
        packages.shop("acme:shop@0.1.0", "");
        packages
    }

    pub fn shop(&self, package: &str, world: &str) {
        let wit = format!(
            "package {package};\n\ninterface orders {{\n  /// @query\n  count: func() -> u32;\n}}\n\n\
             world shop {{\n{world}  export orders;\n}}\n"
        );
        self.case.write("shop/wit/world.wit", wit);
    }

    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.case.path(path)).unwrap()
    }
}

/// Digests follow from the code of the encoder, and times from the clock.
pub fn without_digests(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            run.push(c);
            continue;
        }
        out.push_str(if run.len() == 64 { "<sha256>" } else { &run });
        run.clear();
        out.push(c);
    }
    out.pop();
    let words: Vec<_> = out
        .split_inclusive(['\n', ' '])
        .map(|word| match word.trim_end() {
            time if time.len() == 20 && time.ends_with('Z') && time.starts_with("20") => {
                word.replace(time, "<time>")
            }
            _ => word.to_owned(),
        })
        .collect();
    words.concat()
}
