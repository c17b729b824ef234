//! Why something about packages failed.
//! Each variant says what was being done, with which name, file and line, and how to mend it.
//! Invariant: bad input of any kind ends here and never in a panic.

mod words;

use crate::{Offer, PackageId};
use interstice_wit::{Hash, PackageName, SectionError};
use semver::Version;
use std::path::{Path, PathBuf};
use words::{listed, mend, offered, smallest_text, there_are};

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked for is wrong or does not exist.
    Caller,
    /// Versions, hashes or requirements do not fit together.
    Version,
    /// A disk, a network, or damage.
    Ours,
}

/// Why something about packages failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The text is no name of a package.
    #[error("`{text}` is not the name of a package: {reason}")]
    Name {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A namespace that belongs to nobody who publishes.
    #[error(
        "the namespace `{namespace}` is reserved; choose one of your own in the `package` line of the WIT"
    )]
    Reserved {
        /// The namespace.
        namespace: String,
    },
    /// The text is no requirement on a version.
    #[error("`{text}` is not a requirement on a version: {reason}; write `1.2`, `=1.2.3` or `>=1.2, <1.5`")]
    Requirement {
        /// The text.
        text: String,
        /// What the parser says.
        reason: String,
    },
    /// One version is needed, and the text is none.
    #[error("`{text}` is not one version of `{package}`: write all three numbers, such as `{package}@1.2.0`")]
    Release {
        /// The package.
        package: PackageId,
        /// The text.
        text: String,
    },
    /// The text names no registry.
    #[error("`{text}` is not a registry: {reason}")]
    Location {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or a folder failed.
    #[error("cannot {doing} {}{}", path.display(), mend(path, source))]
    Io {
        /// What was being done, such as `read`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process holds the registry.
    #[error("another process has been publishing to {} for {seconds} s; try again when it is done", folder.display())]
    Busy {
        /// The registry.
        folder: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Another process changes the project.
    #[error("another process has been changing {} for {seconds} s; try again when it is done", folder.display())]
    ProjectBusy {
        /// The project.
        folder: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The registry does not have the package.
    #[error("{registry} has no package `{package}`{}", near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    NoPackage {
        /// Where it was looked for.
        registry: String,
        /// The package.
        package: PackageId,
        /// A package with a similar name.
        near: Option<PackageId>,
    },
    /// The registry has the package, and not in this version.
    #[error("{registry} has no {package}; there {}", there_are(versions))]
    NoVersion {
        /// Where it was looked for.
        registry: String,
        /// What was wanted.
        package: Box<PackageName>,
        /// What there is.
        versions: Vec<Version>,
    },
    /// The version cannot be published.
    #[error("the version {version} cannot be published: {reason}")]
    Version {
        /// The version.
        version: Version,
        /// Why.
        reason: &'static str,
    },
    /// The version is taken.
    #[error(
        "{package} is already published, with other content (sha256:{found}), and a published version never changes; \
         give this one a new version"
    )]
    AlreadyPublished {
        /// The version.
        package: PackageName,
        /// The digest of what is there.
        found: Hash,
    },
    /// The version is smaller than the change.
    #[error(
        "{new} cannot follow {old}: {reason}; {}:{}",
        smallest_text(smallest.as_ref()), listed(reasons)
    )]
    TooSmall {
        /// The version that was to be published.
        new: Box<PackageName>,
        /// Its neighbour.
        old: Box<Version>,
        /// What kind of change it is.
        reason: &'static str,
        /// The version that would fit.
        smallest: Option<Version>,
        /// The changes.
        reasons: Vec<String>,
    },
    /// The bytes are not those that were published.
    #[error(
        "{what} was changed after it was published: its content is sha256:{found}, and the {by} says sha256:{wanted}; \
         use nothing of it, and put back the original file or publish a new version"
    )]
    Tampered {
        /// The file or the package.
        what: String,
        /// What recorded the digest.
        by: &'static str,
        /// The recorded digest.
        wanted: Hash,
        /// The digest of the bytes.
        found: Hash,
    },
    /// The file of a published version is gone.
    #[error("{package} is published, and {} is gone; put the file back from a copy", path.display())]
    ArtifactGone {
        /// The version.
        package: PackageName,
        /// Where its file should be.
        path: PathBuf,
    },
    /// A line of the index is not what was written.
    #[error("the index {} was changed: line {line} {reason}; put it back from a copy of the registry", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The index is older than what is known of it.
    #[error("the index {} was put back to an older state: {reason}; put the newest copy of it back", path.display())]
    RolledBack {
        /// The file.
        path: PathBuf,
        /// What shows it.
        reason: String,
    },
    /// The index was written by a later version.
    #[error("the index {} has the format {found}, and this version reads {known}: upgrade Interstice", path.display())]
    NewerIndex {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that is read.
        known: u64,
    },
    /// The registry cannot do this.
    #[error("{registry} cannot {what}: {reason}")]
    Unsupported {
        /// Which registry.
        registry: String,
        /// What was asked.
        what: &'static str,
        /// Why not, and what to do instead.
        reason: &'static str,
    },
    /// The component carries no schema, or a bad one.
    #[error("{what} is not a module of Interstice")]
    Component {
        /// The file or the package.
        what: String,
        /// What is wrong with it.
        #[source]
        source: SectionError,
    },
    /// It is a package of WIT alone, as other tools publish them, and a module is needed.
    #[error(
        "{what} holds `{package}`, a package of WIT that is no module: nothing in it carries a directive; `interstice diff`, \
         `schema` and `info` take it as it is"
    )]
    NoModule {
        /// The file or the package.
        what: String,
        /// The package as it names itself.
        package: String,
    },
    /// The package of WIT has mistakes.
    #[error("the WIT of {what} has mistakes:\n\n{findings}")]
    Wit {
        /// The file or the package.
        what: String,
        /// All of them.
        findings: String,
    },
    /// A package is in `wit/deps` that was not put there by us.
    #[error("{} holds `{package}` already; remove it, and the dependency is written in its place", path.display())]
    AlreadyVendored {
        /// The file.
        path: PathBuf,
        /// The package.
        package: PackageName,
    },
    /// Something else stands where the WIT of a dependency is to be written.
    #[error(
        "{} is in the way: the WIT of `{package}` is written there, and this file is somebody else's; move it", path.display()
    )]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// The package.
        package: PackageName,
    },
    /// Two dependencies were compiled against different types of one name.
    #[error("`{left}` and `{right}` know different types as `{name}`; take versions of them that agree")]
    TypesDiffer {
        /// The type.
        name: String,
        /// A package that uses it.
        left: Box<PackageName>,
        /// Another one.
        right: Box<PackageName>,
    },
    /// The component is another package than its place says.
    #[error("{what} holds {found}; it was published under a wrong name")]
    Misplaced {
        /// The file or the package.
        what: String,
        /// What its schema says.
        found: PackageName,
    },
    /// The artifact is larger than what is read.
    #[error("{what} has {size_bytes} bytes, and at most {limit_bytes} are read")]
    TooLarge {
        /// The file or the package.
        what: String,
        /// Its size.
        size_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// A version that nobody should take any more.
    #[error("{package}, which {by} names, is yanked; take another with `interstice update {}`", package.unversioned())]
    Yanked {
        /// The version.
        package: PackageName,
        /// What names it.
        by: String,
    },
    /// No version satisfies a requirement.
    #[error("no version of `{package}` satisfies {requirement}, which {by} needs; there {}", offered(offers))]
    Unsatisfied {
        /// The package.
        package: PackageId,
        /// The requirement.
        requirement: String,
        /// The path to who needs it.
        by: String,
        /// What there is, without what is yanked and would not satisfy it either.
        offers: Vec<Offer>,
    },
    /// Two requirements that no version satisfies together.
    #[error("`{package}` is needed in two versions at once, and a database holds one:{}", listed(needed))]
    Conflict {
        /// The package.
        package: PackageId,
        /// Each requirement, with the path to who needs it.
        needed: Vec<String>,
    },
    /// A package needs itself.
    #[error("packages need each other in a circle: {}", path.join(" → "))]
    Cycle {
        /// The packages, the first one again at the end.
        path: Vec<String>,
    },
    /// The search took too long.
    #[error("no choice of versions was found in {steps} steps; narrow the requirements in interstice.toml")]
    TooHard {
        /// How many choices were tried.
        steps: usize,
    },
    /// A file of the project was not understood.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and how to mend it.
        message: String,
    },
    /// The lock file is not what the project needs.
    #[error("interstice.lock does not fit: {reason}; {mend}")]
    Stale {
        /// What does not fit.
        reason: String,
        /// What to do.
        mend: &'static str,
    },
    /// A vendored file was changed by hand.
    #[error(
        "{} is not what `interstice add` wrote (sha256:{found}, and interstice.lock says sha256:{wanted}): it was \
         edited by hand. What a dependency is, only the dependency says; `interstice fetch` writes it again",
        path.display()
    )]
    HandEdited {
        /// The file.
        path: PathBuf,
        /// What the lock says.
        wanted: Hash,
        /// What is there.
        found: Hash,
    },
    /// A vendored file is missing.
    #[error("{} is missing; `interstice fetch` writes it", path.display())]
    NotVendored {
        /// The file.
        path: PathBuf,
    },
    /// A package that the project does not have.
    #[error("interstice.toml does not name `{package}`{}", near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    NotADependency {
        /// The package.
        package: PackageId,
        /// One with a similar name.
        near: Option<PackageId>,
    },
    /// The network is not to be used, and what is needed is not here.
    #[error(
        "{package} is not in the cache, and --offline forbids to ask {registry}; run `interstice fetch` first"
    )]
    Offline {
        /// What is needed.
        package: String,
        /// The registry.
        registry: String,
    },
    /// A tag names something else than it did.
    #[error(
        "{reference} was changed after it was published: it names sha256:{found} now, and named sha256:{wanted} when \
         this user read it; use nothing of it. If it is rightly another, remove {}", path.display()
    )]
    Moved {
        /// The address.
        reference: String,
        /// Where the user's memory of it is kept.
        path: PathBuf,
        /// The digest that it had.
        wanted: Hash,
        /// The digest that it has.
        found: Hash,
    },
    /// An OCI registry failed or refused.
    #[error("cannot {doing} {reference}: {reason}")]
    Oci {
        /// What was being done, such as `pull`.
        doing: &'static str,
        /// The address.
        reference: String,
        /// What happened, and how to mend it.
        reason: String,
    },
}

impl RegistryError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        use RegistryError as E;
        match self {
            E::Name { .. }
            | E::Reserved { .. }
            | E::Requirement { .. }
            | E::Release { .. }
            | E::Location { .. }
            | E::NoPackage { .. }
            | E::NoVersion { .. }
            | E::Unsupported { .. }
            | E::TooLarge { .. }
            | E::NotADependency { .. }
            | E::Syntax { .. }
            | E::Offline { .. } => ErrorKind::Caller,
            E::Version { .. }
            | E::AlreadyPublished { .. }
            | E::TooSmall { .. }
            | E::Component { .. }
            | E::NoModule { .. }
            | E::Wit { .. }
            | E::AlreadyVendored { .. }
            | E::InTheWay { .. }
            | E::TypesDiffer { .. }
            | E::Misplaced { .. }
            | E::Yanked { .. }
            | E::Unsatisfied { .. }
            | E::Conflict { .. }
            | E::Cycle { .. }
            | E::TooHard { .. }
            | E::Stale { .. }
            | E::HandEdited { .. }
            | E::NotVendored { .. } => ErrorKind::Version,
            E::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::Caller,
            E::Io { .. }
            | E::Busy { .. }
            | E::ProjectBusy { .. }
            | E::Tampered { .. }
            | E::Moved { .. }
            | E::ArtifactGone { .. }
            | E::Index { .. }
            | E::RolledBack { .. }
            | E::NewerIndex { .. }
            | E::Oci { .. } => ErrorKind::Ours,
        }
    }

    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RegistryError {
        let path = path.to_owned();
        move |source| RegistryError::Io { doing, path, source }
    }
}
