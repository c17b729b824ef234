//! What a folder promises as a registry: a version never changes, a crash leaves the old or the new,
//! and whatever was changed behind its back is noticed.

use super::publish::{Step, publish};
use super::*;
use crate::testing::{bank, package};
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

struct Case {
    /// Removed with the case.
    _folder: TempDir,
    registry: LocalRegistry,
}

fn options(is_dry_run: bool) -> PublishOptions {
    PublishOptions { is_dry_run }
}

impl Case {
    fn new() -> Case {
        let folder = tempfile::tempdir().expect("a folder");
        let registry =
            LocalRegistry::new(&folder.path().join("registry"), Some(&folder.path().join("known")));
        Case { _folder: folder, registry }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.registry.folder().join(name)
    }

    fn publish(&self, release: &Release) -> Outcome {
        self.try_publish(release).map_err(|error| error.to_string()).expect("it is published")
    }

    fn try_publish(&self, release: &Release) -> Result<Outcome, RegistryError> {
        self.registry.publish(release, &options(false))
    }

    fn read(&self, version: &str) -> Result<Vec<u8>, RegistryError> {
        let version = Version::parse(version).expect("a version");
        self.registry.read(&id("acme:bank"), &version).map(|release| release.bytes)
    }

    fn versions(&self) -> Vec<String> {
        match self.registry.versions(&id("acme:bank")) {
            Ok(offers) => offers.iter().map(|offer| offer.version.to_string()).collect(),
            Err(RegistryError::NoPackage { .. }) => Vec::new(),
            Err(error) => panic!("{error}"),
        }
    }

    /// A case in which 1.0.0, 1.1.0 and 1.2.0 of the bank are published.
    fn bank() -> Case {
        let case = Case::new();
        case.publish(&bank("1.0.0", &["a"]));
        case.publish(&bank("1.1.0", &["a", "b"]));
        case.publish(&bank("1.2.0", &["a", "b", "c"]));
        case
    }
}

fn id(text: &str) -> PackageId {
    text.parse().expect("a name")
}

fn refusal<T>(result: Result<T, RegistryError>) -> String {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.to_string(),
    }
}

/// Writes to a file that the registry protects.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("it is ours");
    fs::write(path, bytes).expect("it can be written");
}

#[test]
fn what_is_published_can_be_read_and_lies_where_wkg_looks() {
    let case = Case::bank();
    assert_eq!(case.versions(), ["1.0.0", "1.1.0", "1.2.0"]);
    let expected = bank("1.1.0", &["a", "b"]).bytes;
    assert_eq!(case.read("1.1.0").expect("it is there"), expected);
    assert_eq!(fs::read(case.path("acme/bank/1.1.0.wasm")).expect("it is there"), expected);
    assert_eq!(case.registry.verify().expect("it is whole"), Verified { versions: 3, unrecorded: 0 });
    assert_eq!(fs::read_dir(case.path(".interstice/staged")).expect("a folder").count(), 0);
}

#[test]
fn a_published_version_never_changes() {
    let case = Case::bank();
    let again = case.publish(&bank("1.2.0", &["a", "b", "c"]));
    assert!(again.was_there);
    let other = refusal(case.try_publish(&bank("1.2.0", &["a", "b", "c", "d"])));
    assert!(other.contains("acme:bank@1.2.0 is already published, with other content"), "{other}");
    assert_eq!(case.read("1.2.0").expect("it is there"), bank("1.2.0", &["a", "b", "c"]).bytes);
}

#[test]
fn a_breaking_change_needs_a_breaking_version() {
    let case = Case::bank();
    let breaking = refusal(case.try_publish(&bank("1.3.0", &["a", "b"])));
    assert!(breaking.contains("acme:bank@1.3.0 cannot follow 1.2.0: something breaks"), "{breaking}");
    assert!(breaking.contains("the smallest version that can is 2.0.0:\n  - ledger.c: "));
    let addition = refusal(case.try_publish(&bank("1.2.1", &["a", "b", "c", "d"])));
    assert!(addition.contains("smallest version that can is 1.3.0"), "{addition}");
    // A version between two others must fit both.
    let between = refusal(case.try_publish(&bank("1.1.5", &["a", "b", "x"])));
    assert!(between.contains("acme:bank@1.1.5 cannot follow 1.1.0"), "{between}");
    let between = refusal(case.try_publish(&bank("1.1.5", &["a", "b", "c"])));
    assert!(between.contains("smallest version that can is 1.2.0"), "{between}");
    assert_eq!(case.versions(), ["1.0.0", "1.1.0", "1.2.0"]);
    case.publish(&bank("1.1.5", &["a", "b"]));
    case.publish(&bank("2.0.0", &["a"]));
    case.publish(&bank("3.0.0-rc.1", &[]));
    // What comes after a prerelease is held against the release before it.
    let outcome = case.publish(&bank("2.0.1", &["a"]));
    assert_eq!(outcome.since, Some((Version::new(2, 0, 0), Vec::new())));
}

#[test]
fn a_dry_run_says_all_and_writes_nothing() {
    let case = Case::new();
    let outcome =
        case.registry.publish(&bank("1.0.0", &["a"]), &options(true)).expect("it could be published");
    assert!(!outcome.was_there);
    assert!(!case.registry.folder().exists());
    let case = Case::bank();
    assert!(case.registry.publish(&bank("1.3.0", &["a"]), &options(true)).is_err());
}

#[test]
fn names_and_versions_that_nobody_may_publish_are_refused() {
    let case = Case::new();
    let refused = |release: &Release| refusal(case.try_publish(release));
    assert!(refused(&package("interstice:bank", "1.0.0", &["a"])).contains("is reserved"));
    assert!(refused(&package("wasi:bank", "1.0.0", &["a"])).contains("is reserved"));
    assert!(refused(&bank("1.0.0+build", &["a"])).contains("leave that part out"));
    let long = format!("1.0.0-{}", "a".repeat(130));
    assert!(refused(&bank(&long, &["a"])).contains("128 letters"));
    assert!(!case.registry.folder().exists(), "nothing was written");
}

#[test]
fn a_look_alike_is_published_with_a_warning() {
    let case = Case::bank();
    let outcome = case.publish(&package("acrne:bank", "1.0.0", &["a"]));
    assert_eq!(outcome.warnings.len(), 1);
    assert!(outcome.warnings[0].contains("`acrne:bank` looks like `acme:bank`"), "{:?}", outcome.warnings);
    let next = case.publish(&package("acrne:bank", "1.0.1", &["a"]));
    assert_eq!(next.warnings, [""; 0], "it is told once");
}

#[test]
fn a_changed_artifact_is_noticed_by_every_read() {
    let case = Case::bank();
    let path = case.path("acme/bank/1.1.0.wasm");
    let mut bytes = fs::read(&path).expect("it is there");
    bytes.push(0);
    overwrite(&path, &bytes);
    let error = case.read("1.1.0").expect_err("it was changed");
    assert_eq!(error.kind(), crate::ErrorKind::Ours);
    assert!(error.to_string().contains("1.1.0.wasm was changed after it was published"), "{error}");
    assert!(case.registry.verify().is_err());
    assert!(case.try_publish(&bank("1.1.1", &["a", "b"])).is_err(), "a neighbour is read too");
    assert!(case.read("1.2.0").is_ok(), "the others are whole");
    fs::remove_file(&path).expect("it is there");
    assert!(refusal(case.read("1.1.0")).contains("acme:bank@1.1.0 is published, and"));
}

#[test]
fn a_changed_index_is_noticed_with_its_line() {
    let case = Case::bank();
    let index = case.path(".interstice/index.jsonl");
    let text = fs::read_to_string(&index).expect("it is there");
    fs::write(&index, text.replace("\"size_bytes\":", "\"size_bytes\":1")).expect("it can be written");
    let error = refusal(case.registry.versions(&id("acme:bank")));
    assert!(error.contains("index.jsonl was changed: line 2 does not have the hash"), "{error}");
    assert!(case.try_publish(&bank("1.3.0", &["a", "b", "c", "d"])).is_err());
    fs::write(&index, text.replace("\"format\":1", "\"format\":9")).expect("it can be written");
    assert!(refusal(case.registry.versions(&id("acme:bank"))).contains("format 9"));
    fs::write(&index, [0xff, 0xfe]).expect("it can be written");
    assert!(refusal(case.registry.versions(&id("acme:bank"))).contains("is not text"));
}

#[test]
fn an_older_index_put_back_is_noticed_by_the_receipts() {
    let case = Case::new();
    case.publish(&bank("1.0.0", &["a"]));
    let index = case.path(".interstice/index.jsonl");
    let old = fs::read(&index).expect("it is there");
    case.publish(&bank("1.1.0", &["a", "b"]));
    fs::write(&index, old).expect("it can be written");
    // Another user, who has never seen the newer index.
    let stranger = LocalRegistry::new(case.registry.folder(), None);
    let error = refusal(stranger.versions(&id("acme:bank")));
    assert!(error.contains("was put back to an older state: it does not have the version that"), "{error}");
    assert!(stranger.publish(&bank("1.2.0", &["a", "b", "c"]), &options(false)).is_err());
    fs::remove_file(&index).expect("it is there");
    assert!(refusal(stranger.versions(&id("acme:bank"))).contains("it is missing, and"));
}

#[test]
fn an_older_index_put_back_is_noticed_by_who_has_seen_the_newer() {
    let case = Case::bank();
    let index = case.path(".interstice/index.jsonl");
    let old = fs::read(&index).expect("it is there");
    // A yank leaves no receipt.
    let version = Version::new(1, 1, 0);
    assert!(case.registry.set_yanked(&id("acme:bank"), &version, true).expect("it is yanked"));
    fs::write(&index, &old).expect("it can be written");
    let error = refusal(case.registry.versions(&id("acme:bank")));
    assert!(error.contains("put back to an older state: it has 4 lines, and had 5"), "{error}");
    // Going on from the older state makes another line of the same number.
    let stranger = LocalRegistry::new(case.registry.folder(), None);
    assert!(stranger.set_yanked(&id("acme:bank"), &Version::new(1, 0, 0), true).expect("it is yanked"));
    let error = refusal(case.registry.versions(&id("acme:bank")));
    assert!(error.contains("its line 5 is not the one that was there"), "{error}");
}

#[test]
fn a_copy_of_a_registry_goes_on_by_itself() {
    let case = Case::bank();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([case.registry.folder(), &case.registry.folder().with_file_name("copy")])
        .status();
    assert!(copied.expect("cp is there").success());
    let known = case.registry.folder().with_file_name("known");
    let copy = LocalRegistry::new(&case.registry.folder().with_file_name("copy"), Some(&known));
    copy.set_yanked(&id("acme:bank"), &Version::new(1, 0, 0), true).expect("it is yanked");
    assert_eq!(case.versions(), ["1.0.0", "1.1.0", "1.2.0"]);
    // Each is held to what was seen of itself.
    let index = |registry: &LocalRegistry| registry.folder().join(".interstice/index.jsonl");
    fs::copy(index(&case.registry), index(&copy)).expect("it can be copied");
    let error = refusal(copy.versions(&id("acme:bank")));
    assert!(error.contains("put back to an older state: it has 4 lines, and had 5"), "{error}");
    assert_eq!(case.versions(), ["1.0.0", "1.1.0", "1.2.0"]);
}

#[test]
fn a_yanked_version_stays_and_can_be_restored() {
    let case = Case::bank();
    let (bank, version) = (id("acme:bank"), Version::new(1, 2, 0));
    let is_yanked = || case.registry.versions(&bank).expect("versions").last().expect("one").is_yanked;
    assert!(case.registry.set_yanked(&bank, &version, true).expect("it is yanked"));
    assert!(!case.registry.set_yanked(&bank, &version, true).expect("it was yanked"));
    assert!(is_yanked() && case.read("1.2.0").is_ok());
    assert_eq!(
        case.registry.search(&["bank".to_owned()]).expect("a search")[0].newest,
        Version::new(1, 1, 0)
    );
    assert!(case.registry.set_yanked(&bank, &version, false).expect("it is restored"));
    assert!(!is_yanked());
    let missing = refusal(case.registry.set_yanked(&bank, &Version::new(9, 0, 0), true));
    assert!(missing.contains("has no acme:bank@9.0.0; there are 1.2.0, 1.1.0, 1.0.0"), "{missing}");
    let missing = refusal(case.registry.set_yanked(&id("acme:bnak"), &version, true));
    assert!(missing.contains("did you mean `acme:bank`?"), "{missing}");
}

/// The steps at which a publisher may die, and whether the version is published then.
const STEPS: [(Step, bool); 5] = [
    (Step::Locked, false),
    (Step::Staged, false),
    (Step::Indexed, true),
    (Step::Moved, true),
    (Step::Done, true),
];

#[test]
fn a_crash_while_publishing_leaves_the_old_or_the_new() {
    for (step, is_published) in STEPS {
        let case = Case::new();
        case.publish(&bank("1.0.0", &["a"]));
        let newer = bank("1.1.0", &["a", "b"]);
        let died = publish(&case.registry, &newer, &options(false), &mut |at| match at == step {
            true => Err(RegistryError::Busy { folder: PathBuf::new(), seconds: 0 }),
            false => Ok(()),
        });
        assert!(matches!(died, Err(RegistryError::Busy { .. })), "{step:?}");
        let expected: &[&str] = if is_published { &["1.0.0", "1.1.0"] } else { &["1.0.0"] };
        assert_eq!(case.versions(), expected, "{step:?}");
        assert_eq!(case.read("1.1.0").is_ok(), is_published, "{step:?}");
        if is_published {
            assert_eq!(case.read("1.1.0").expect("it is there"), newer.bytes, "{step:?}");
        }
        // The next publisher finishes what was left, and nothing stays behind.
        case.publish(&newer);
        case.publish(&bank("1.2.0", &["a", "b", "c"]));
        assert_eq!(case.versions(), ["1.0.0", "1.1.0", "1.2.0"], "{step:?}");
        assert_eq!(fs::read_dir(case.path(".interstice/staged")).expect("a folder").count(), 0, "{step:?}");
        for file in ["1.1.0.wasm", "1.1.0.json", "1.2.0.wasm"] {
            assert!(case.path("acme/bank").join(file).exists(), "{step:?} {file}");
        }
        assert_eq!(case.registry.verify().expect("it is whole").versions, 3, "{step:?}");
    }
}

#[test]
fn publishers_at_the_same_time_lose_nothing() {
    let case = Case::new();
    let names = ["aa", "bb", "cc", "dd", "ee", "ff", "gg", "hh"];
    std::thread::scope(|scope| {
        for name in names {
            let registry = case.registry.clone();
            scope.spawn(move || {
                for patch in 0..4 {
                    let release = package(&format!("acme:{name}"), &format!("1.0.{patch}"), &["a"]);
                    registry.publish(&release, &options(false)).expect("it is published");
                    registry.versions(&id(&format!("acme:{name}"))).expect("it can be listed");
                }
            });
        }
    });
    assert_eq!(case.registry.verify().expect("it is whole"), Verified { versions: 32, unrecorded: 0 });
}

#[test]
fn what_another_tool_put_there_is_offered_as_it_is() {
    let case = Case::bank();
    let folder = case.path("acme/bank");
    fs::write(folder.join("1.3.0.wasm"), &bank("1.3.0", &["a", "b", "c", "d"]).bytes)
        .expect("it can be written");
    fs::write(folder.join("new.wasm"), b"no version").expect("it can be written");
    fs::write(folder.join("9.0.0.wasm"), bank("1.0.0", &["a"]).bytes).expect("it can be written");
    assert_eq!(case.versions(), ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "9.0.0"]);
    assert!(case.read("1.3.0").is_ok());
    assert!(
        refusal(case.read("9.0.0")).contains("holds acme:bank@1.0.0; it was published under a wrong name")
    );
    let taken = refusal(case.try_publish(&bank("1.3.0", &["a", "b", "c", "e"])));
    assert!(taken.contains("already published, with other content"), "{taken}");
    // A file that is no module of ours says so when it is read, and stands in nobody's way.
    fs::create_dir_all(case.path("other/thing")).expect("a folder");
    fs::write(case.path("other/thing/1.0.0.wasm"), b"\0asm\x0d\0\x01\0").expect("it can be written");
    let error = case.registry.read(&id("other:thing"), &Version::new(1, 0, 0));
    assert!(refusal(error).contains("is not a module of Interstice"));
    assert_eq!(case.registry.packages().expect("packages").len(), 2);
}

#[test]
fn a_folder_that_cannot_be_written_is_told_with_its_name() {
    let case = Case::bank();
    // Root may write anywhere, so a file where a folder is needed stands in for a refusal.
    fs::write(case.path("taken"), b"").expect("it can be written");
    let error = refusal(case.try_publish(&package("taken:bank", "1.0.0", &["a"])));
    assert!(error.contains("cannot make") && error.contains("taken"), "{error}");
    let below_a_file = LocalRegistry::new(&case.path("taken/registry"), None);
    let error = below_a_file.publish(&bank("1.0.0", &["a"]), &options(false)).expect_err("it is a file");
    assert!(error.to_string().contains("taken"), "{error}");
    let message = |kind: std::io::ErrorKind| {
        RegistryError::io("write", Path::new("/registry/index"))(std::io::Error::from(kind)).to_string()
    };
    let read_only = message(std::io::ErrorKind::ReadOnlyFilesystem);
    assert!(
        read_only.contains("access is refused, and nothing was changed; check who owns /registry"),
        "{read_only}"
    );
    assert!(message(std::io::ErrorKind::StorageFull).contains("the disk is full, and nothing was changed"));
}

#[test]
fn dependents_are_known_from_the_index() {
    let case = Case::bank();
    let mut shop = interstice_wit::Sources::new();
    shop.add_root("shop.wit", "package acme:shop@0.1.0; interface i {\n/// @query\n f: func(); } world w { import acme:bank/ledger@1.1.0; export i; }");
    shop.add_dependency_file(
        "bank",
        "bank.wit",
        interstice_wit::public_wit(&bank("1.1.0", &["a", "b"]).schema).text,
    );
    let schema = interstice_wit::read(&shop, None).map_err(|found| found.render()).expect("a package");
    let bytes = interstice_wit::section::embed(b"\0asm\x0d\0\x01\0", &schema).expect("a component");
    case.publish(&Release::read(bytes, "shop").expect("a module"));
    let dependents = case.registry.dependents(&id("acme:bank")).expect("dependents");
    assert_eq!(dependents.len(), 1);
    assert_eq!(dependents[0].published.package, id("acme:shop"));
    assert_eq!(dependents[0].published.dependencies[0].to_string(), "acme:bank@1.1.0");
}
