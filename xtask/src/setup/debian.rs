//! The source of the standard library from Debian's packages, by way of the machine's own mirror.
//! No setting of the machine's apt changes: sources, lists and cache of this search lie in a folder of its own.
//! Invariant: what is unpacked has the compiler's exact version and the signature that the mirror must bear.

use crate::shell::{self, say};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The suites that carry recent compilers, and several of them at a time.
const SUITES: [&str; 2] = ["trixie-backports", "sid"];

/// A mirror of Debian that the machine is told to use.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirror {
    uri: String,
    /// The keyring that its signatures are checked with, where the source names one.
    keyring: Option<String>,
}

/// Fetches and unpacks the source of the standard library of a compiler version (`1.95.0`) into
/// `work`, and returns the folder that holds its `Cargo.lock`.
pub(super) fn rust_source(release: &str, work: &Path) -> Result<PathBuf> {
    if !shell::is_installed("apt-get") {
        bail!(
            "the target wasm32-unknown-unknown is missing, rustup could not fetch it, and this is not a Debian \
             system, whose packages hold its source; install it by `rustup target add wasm32-unknown-unknown`"
        );
    }
    let mirrors = machine_mirrors()?;
    for suite in SUITES {
        for (number, mirror) in mirrors.iter().enumerate() {
            let apt = Apt::new(&work.join(format!("{suite}-{number}")), mirror, suite)?;
            say(&format!("looking for rust-src {release} in {suite}"));
            if let Some(version) = apt.find(release)? {
                return apt.unpack(&version);
            }
        }
    }
    bail!(
        "no package rust-src {release} in {} of this machine's Debian mirrors; use a compiler that they carry, \
         or install the target by `rustup target add wasm32-unknown-unknown` where rustup has a network",
        SUITES.join(" or ")
    )
}

/// apt with sources, lists and cache of its own.
struct Apt {
    folder: PathBuf,
    options: Vec<String>,
}

impl Apt {
    fn new(folder: &Path, mirror: &Mirror, suite: &str) -> Result<Apt> {
        fs::create_dir_all(folder.join("lists/partial"))?;
        fs::create_dir_all(folder.join("cache/archives/partial"))?;
        let signed = mirror.keyring.as_ref().map(|path| format!("[signed-by={path}] ")).unwrap_or_default();
        fs::write(folder.join("sources.list"), format!("deb {signed}{} {suite} main\n", mirror.uri))?;
        let shown = folder.display();
        let settings = [
            format!("Dir::Etc::sourcelist={shown}/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={shown}/lists"),
            format!("Dir::Cache={shown}/cache"),
            // The folder is this user's; apt's own download user could not write to it.
            "APT::Sandbox::User=".to_owned(),
            "APT::Get::List-Cleanup=false".to_owned(),
        ];
        let options = settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect();
        Ok(Apt { folder: folder.to_path_buf(), options })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = shell::program(program, &self.options);
        command.current_dir(&self.folder);
        command
    }

    /// The newest package version for this release, if the suite has one.
    fn find(&self, release: &str) -> Result<Option<String>> {
        if let Err(error) = shell::output(self.command("apt-get").arg("update")) {
            say(&format!("{error:#}"));
            return Ok(None);
        }
        let table = shell::output(self.command("apt-cache").args(["madison", "rust-src"]))?;
        Ok(newest(&table, release))
    }

    fn unpack(&self, version: &str) -> Result<PathBuf> {
        say(&format!("fetching rust-src {version}"));
        shell::run(self.command("apt-get").arg("download").arg(format!("rust-src={version}")))?;
        let mut files = fs::read_dir(&self.folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let package = files
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .context("apt-get downloaded no package")?;
        let unpacked = self.folder.join("unpacked");
        shell::run(Command::new("dpkg").arg("-x").arg(&package).arg(&unpacked))?;
        // The package keeps the library with its vendored dependencies at usr/src/rustc-<version>/library.
        for entry in fs::read_dir(unpacked.join("usr/src"))? {
            let library = entry?.path().join("library");
            if library.join("Cargo.lock").exists() {
                return Ok(library);
            }
        }
        bail!("{} holds no library/Cargo.lock", package.display())
    }
}

/// The first version of that release in a table of `apt-cache madison`, which lists the newest first.
fn newest(table: &str, release: &str) -> Option<String> {
    let versions = table.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim()));
    let mut matching = versions
        .filter(|version| version.strip_prefix(release).is_some_and(|rest| rest.starts_with(['+', '-'])));
    matching.next().map(str::to_owned)
}

/// The Debian mirrors that the machine's own sources name.
fn machine_mirrors() -> Result<Vec<Mirror>> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        let mut more: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        more.sort();
        files.extend(more);
    }
    let mut mirrors = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let found = match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => stanzas(&text),
            _ => lines(&text),
        };
        for mirror in found {
            let is_debian = mirror.uri.trim_end_matches('/').ends_with("/debian");
            if is_debian && !mirrors.contains(&mirror) {
                mirrors.push(mirror);
            }
        }
    }
    if mirrors.is_empty() {
        bail!("the apt sources of this machine name no mirror of Debian");
    }
    Ok(mirrors)
}

/// Sources in the format with one field a line.
fn stanzas(text: &str) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let keyring = field("Signed-By:").filter(|value| value.starts_with('/')).map(str::to_owned);
        for uri in field("URIs:").unwrap_or_default().split_whitespace() {
            mirrors.push(Mirror { uri: uri.to_owned(), keyring: keyring.clone() });
        }
    }
    mirrors
}

/// Sources in the format with one source a line: `deb [options] uri suite components`.
fn lines(text: &str) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("deb ")) {
        let (options, rest) = match line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            Some((options, rest)) => (options, rest),
            None => ("", line),
        };
        let keyring = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
        if let Some(uri) = rest.split_whitespace().next() {
            mirrors.push(Mirror { uri: uri.to_owned(), keyring: keyring.map(str::to_owned) });
        }
    }
    mirrors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(uri: &str, keyring: Option<&str>) -> Mirror {
        Mirror { uri: uri.to_owned(), keyring: keyring.map(str::to_owned) }
    }

    #[test]
    fn both_formats_of_sources_are_read() {
        let fields = "Types: deb\n# a comment\nURIs: http://mirror/debian http://other/debian\nSuites: a b\n\
                      Signed-By: /keys/debian.gpg\n\nTypes: deb\nURIs: http://mirror/debian-security\n";
        assert_eq!(
            stanzas(fields),
            [
                mirror("http://mirror/debian", Some("/keys/debian.gpg")),
                mirror("http://other/debian", Some("/keys/debian.gpg")),
                mirror("http://mirror/debian-security", None),
            ]
        );
        let list = "# deb http://no/debian x main\ndeb http://mirror/debian bookworm main\n\
                    deb [arch=amd64 signed-by=/keys/a.gpg] http://other/debian sid main\n";
        assert_eq!(
            lines(list),
            [mirror("http://mirror/debian", None), mirror("http://other/debian", Some("/keys/a.gpg"))]
        );
    }

    #[test]
    fn only_the_exact_release_is_taken() {
        let table =
            "  rust-src | 1.95.10+dfsg1-1 | http://x\n  rust-src | 1.95.1+dfsg1-2~bpo13+1 | http://x\n";
        assert_eq!(newest(table, "1.95.1").as_deref(), Some("1.95.1+dfsg1-2~bpo13+1"));
        assert_eq!(newest(table, "1.95.0"), None);
    }
}
