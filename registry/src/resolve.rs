//! One version for each package that a project needs, so that all requirements hold together.
//! It searches, going back from a choice that does not fit; what there is to choose from, another says.
//! Invariant: a database could hold what is returned: one version a package, no circle, nothing missing.

use crate::{PackageId, RegistryError, Requirement};
use interstice_wit::PackageName;
use semver::Version;
use std::collections::BTreeMap;

/// How many choices are tried before the search is given up.
const MAX_STEPS: usize = 20_000;

/// What the search chooses from.
pub trait Catalog {
    /// The versions of a package, in any order.
    ///
    /// # Errors
    /// If there is no such package, or it cannot be read.
    fn versions(&self, package: &PackageId) -> Result<Vec<crate::Offer>, RegistryError>;

    /// The packages that a version imports from, at the versions that it was compiled against.
    ///
    /// # Errors
    /// If the version cannot be read.
    fn dependencies(&self, package: &PackageId, version: &Version)
    -> Result<Vec<PackageName>, RegistryError>;
}

/// What a project asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The project itself, which nothing that it needs may need.
    pub project: PackageName,
    /// Its requirements. A package may have several: what the manifest says, and what the world imports.
    pub requirements: Vec<(PackageId, Requirement)>,
    /// The versions to keep if they do, even yanked ones.
    pub preferred: BTreeMap<PackageId, Version>,
}

/// A package with its version and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The version.
    pub version: Version,
    /// The packages that it imports from, at the versions that it was compiled against.
    pub dependencies: Vec<PackageName>,
}

/// Chooses a version of each package that is needed.
///
/// # Errors
/// If no choice satisfies all requirements, or a package needs itself.
pub fn resolve(
    wanted: &Wanted,
    catalog: &dyn Catalog,
) -> Result<BTreeMap<PackageId, Resolved>, RegistryError> {
    let demands = wanted.requirements.iter().map(|(package, requirement)| Demand {
        package: package.clone(),
        requirement: requirement.clone(),
        path: vec![wanted.project.to_string()],
    });
    let mut search = Search { wanted, catalog, steps: 0, first_refusal: None };
    match search.extend(&demands.collect::<Vec<_>>(), BTreeMap::new())? {
        Some(chosen) => Ok(chosen),
        // Choices are tried the newest first, so the first refusal is about what people would take.
        None => Err(search.first_refusal.unwrap_or(RegistryError::TooHard { steps: MAX_STEPS })),
    }
}

/// A requirement, and the packages on the way to who has it.
#[derive(Clone, Debug)]
struct Demand {
    package: PackageId,
    requirement: Requirement,
    path: Vec<String>,
}

impl Demand {
    fn by(&self) -> String {
        self.path.join(" → ")
    }
}

struct Search<'a> {
    wanted: &'a Wanted,
    catalog: &'a dyn Catalog,
    steps: usize,
    first_refusal: Option<RegistryError>,
}

type Chosen = BTreeMap<PackageId, Resolved>;

impl Search<'_> {
    /// Chooses a version for the first package that has none, and goes on from there.
    fn extend(&mut self, demands: &[Demand], chosen: Chosen) -> Result<Option<Chosen>, RegistryError> {
        let Some(package) =
            demands.iter().map(|demand| &demand.package).filter(|id| !chosen.contains_key(*id)).min()
        else {
            return Ok(Some(chosen));
        };
        let own: Vec<_> = demands.iter().filter(|demand| demand.package == *package).collect();
        for version in self.candidates(package, &own)? {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(RegistryError::TooHard { steps: MAX_STEPS });
            }
            let dependencies = self.catalog.dependencies(package, &version)?;
            let name = package.at(&version).to_string();
            let mut next = demands.to_vec();
            let mut is_refused = false;
            for dependency in &dependencies {
                let path: Vec<_> = own[0].path.iter().cloned().chain([name.clone()]).collect();
                if let Some(circle) = circle(&path, dependency) {
                    self.refuse(RegistryError::Cycle { path: circle });
                    is_refused = true;
                    break;
                }
                let demand = Demand {
                    package: PackageId::of(dependency)?,
                    requirement: Requirement::compiled_against(&dependency.version),
                    path,
                };
                next.push(demand);
            }
            // What was chosen already must do for the new requirements too.
            let unfit = next.iter().find(|demand| {
                chosen
                    .get(&demand.package)
                    .is_some_and(|resolved| !demand.requirement.is_satisfied_by(&resolved.version))
            });
            if let Some(unfit) = unfit {
                let all: Vec<_> = next.iter().filter(|demand| demand.package == unfit.package).collect();
                self.refuse(conflict(&unfit.package, &all));
                is_refused = true;
            }
            if is_refused {
                continue;
            }
            let mut with = chosen.clone();
            with.insert(package.clone(), Resolved { version, dependencies });
            if let Some(path) = circle_among(&with) {
                self.refuse(RegistryError::Cycle { path });
                continue;
            }
            if let Some(found) = self.extend(&next, with)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The versions that satisfy all demands: the preferred one, and the others from the newest down.
    fn candidates(
        &mut self,
        package: &PackageId,
        demands: &[&Demand],
    ) -> Result<Vec<Version>, RegistryError> {
        let preferred = self.wanted.preferred.get(package);
        let mut offers = self.catalog.versions(package)?;
        offers.sort_by(|a, b| b.version.cmp(&a.version));
        let is_open = |offer: &&crate::Offer| !offer.is_yanked || Some(&offer.version) == preferred;
        let versions: Vec<_> = offers.iter().filter(is_open).map(|offer| offer.version.clone()).collect();
        let satisfies =
            |version: &Version| demands.iter().all(|demand| demand.requirement.is_satisfied_by(version));
        let mut fitting: Vec<_> = versions.iter().filter(|version| satisfies(version)).cloned().collect();
        if fitting.is_empty() {
            let alone = demands
                .iter()
                .find(|demand| !versions.iter().any(|version| demand.requirement.is_satisfied_by(version)));
            self.refuse(match alone {
                Some(demand) => {
                    offers.reverse();
                    offers.retain(|offer| {
                        !offer.is_yanked || demand.requirement.is_satisfied_by(&offer.version)
                    });
                    RegistryError::Unsatisfied {
                        package: package.clone(),
                        requirement: demand.requirement.to_string(),
                        by: demand.by(),
                        offers,
                    }
                }
                None => conflict(package, demands),
            });
        }
        if let Some(position) = fitting.iter().position(|version| Some(version) == preferred) {
            let kept = fitting.remove(position);
            fitting.insert(0, kept);
        }
        Ok(fitting)
    }

    fn refuse(&mut self, error: RegistryError) {
        self.first_refusal.get_or_insert(error);
    }
}

fn conflict(package: &PackageId, demands: &[&Demand]) -> RegistryError {
    let mut needed: Vec<_> =
        demands.iter().map(|demand| format!("{} by {}", demand.requirement, demand.by())).collect();
    needed.sort();
    needed.dedup();
    RegistryError::Conflict { package: package.clone(), needed }
}

/// The part of a path that a dependency would close to a circle.
fn circle(path: &[String], dependency: &PackageName) -> Option<Vec<String>> {
    let unversioned = dependency.unversioned();
    let is_same = |name: &String| name.split('@').next() == Some(unversioned.as_str());
    let start = path.iter().position(is_same)?;
    let first = path[start].clone();
    Some(path[start..].iter().cloned().chain([first]).collect())
}

/// A circle among chosen packages, which a path that was followed only once need not show.
fn circle_among(chosen: &Chosen) -> Option<Vec<String>> {
    fn visit(
        package: &PackageId,
        chosen: &Chosen,
        path: &mut Vec<PackageId>,
        done: &mut Vec<PackageId>,
    ) -> Option<usize> {
        if let Some(start) = path.iter().position(|on_path| on_path == package) {
            return Some(start);
        }
        let resolved = chosen.get(package).filter(|_| !done.contains(package))?;
        path.push(package.clone());
        for dependency in &resolved.dependencies {
            if let Ok(dependency) = PackageId::of(dependency)
                && let Some(start) = visit(&dependency, chosen, path, done)
            {
                return Some(start);
            }
        }
        done.extend(path.pop());
        None
    }
    let mut done = Vec::new();
    for package in chosen.keys() {
        let mut path = Vec::new();
        if let Some(start) = visit(package, chosen, &mut path, &mut done) {
            let mut names: Vec<_> =
                path[start..].iter().map(|id| id.at(&chosen[id].version).to_string()).collect();
            names.push(names[0].clone());
            return Some(names);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Offer;
    use expect_test::{Expect, expect};

    /// Packages as text: `a@1.0.0: b@1.0.0 c@2.0.0`, and `a@1.1.0 yanked:`.
    struct Shelf(Vec<(PackageId, Version, bool, Vec<PackageName>)>);

    fn id(name: &str) -> PackageId {
        PackageId::new("t", name).expect("a name")
    }

    fn package(text: &str) -> PackageName {
        let (name, version) = text.split_once('@').expect("a version");
        id(name).at(&version.parse().expect("a version"))
    }

    impl Shelf {
        fn new(text: &str) -> Shelf {
            let entry = |line: &str| {
                let (head, dependencies) = line.split_once(':').expect("a colon");
                let (release, yanked) =
                    head.split_once(' ').map_or((head, false), |(release, _)| (release, true));
                let release = package(release);
                let dependencies = dependencies.split_whitespace().map(package).collect();
                (PackageId::of(&release).expect("a name"), release.version, yanked, dependencies)
            };
            Shelf(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(entry).collect())
        }
    }

    impl Catalog for Shelf {
        fn versions(&self, package: &PackageId) -> Result<Vec<Offer>, RegistryError> {
            let own = self.0.iter().filter(|entry| entry.0 == *package);
            let offers: Vec<_> =
                own.map(|entry| Offer { version: entry.1.clone(), is_yanked: entry.2 }).collect();
            match offers.is_empty() {
                true => Err(RegistryError::NoPackage {
                    registry: "the shelf".to_owned(),
                    package: package.clone(),
                    near: None,
                }),
                false => Ok(offers),
            }
        }

        fn dependencies(
            &self,
            package: &PackageId,
            version: &Version,
        ) -> Result<Vec<PackageName>, RegistryError> {
            let found = self.0.iter().find(|entry| entry.0 == *package && entry.1 == *version);
            Ok(found.expect("it was offered").3.clone())
        }
    }

    fn check_preferring(shelf: &str, wanted: &str, preferred: &str, expected: Expect) {
        let requirements = wanted.split_whitespace().map(|text| {
            let (name, requirement) = text.split_once('@').expect("a requirement");
            (id(name), requirement.parse().expect("a requirement"))
        });
        let preferred = preferred
            .split_whitespace()
            .map(|text| (id(text.split('@').next().expect("a name")), package(text).version));
        let wanted = Wanted {
            project: package("shop@0.1.0"),
            requirements: requirements.collect(),
            preferred: preferred.collect(),
        };
        let text = match resolve(&wanted, &Shelf::new(shelf)) {
            Ok(chosen) => {
                let names: Vec<_> =
                    chosen.iter().map(|(id, resolved)| id.at(&resolved.version).to_string()).collect();
                names.join(" ")
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&text);
    }

    fn check(shelf: &str, wanted: &str, expected: Expect) {
        check_preferring(shelf, wanted, "", expected);
    }

    #[test]
    fn the_newest_that_fits_is_chosen() {
        let shelf = "a@1.0.0:\n a@1.2.0: b@1.1.0\n a@2.0.0:\n b@1.0.0:\n b@1.1.0:\n b@1.9.0:\n b@2.0.0:\n a@1.3.0-rc.1:";
        check(shelf, "a@1", expect!["t:a@1.2.0 t:b@1.9.0"]);
        check(shelf, "a@=1.0.0", expect!["t:a@1.0.0"]);
        check(shelf, "a@=1.3.0-rc.1", expect!["t:a@1.3.0-rc.1"]);
        check(shelf, "a@*", expect!["t:a@2.0.0"]);
    }

    #[test]
    fn what_would_fit_and_is_yanked_is_told() {
        let shelf = "a@1.0.0 yanked:\n a@1.1.0 yanked:\n a@2.0.0:";
        check(
            shelf,
            "a@1",
            expect![
                "no version of `t:a` satisfies 1, which t:shop@0.1.0 needs; there is 2.0.0; 1.1.0 and 1 more would, and are yanked"
            ],
        );
        check(
            "a@1.0.0 yanked:",
            "a@*",
            expect![
                "no version of `t:a` satisfies *, which t:shop@0.1.0 needs; there is none; 1.0.0 would, and is yanked"
            ],
        );
    }

    #[test]
    fn a_locked_version_is_kept_while_it_fits() {
        let shelf = "a@1.0.0:\n a@1.1.0 yanked:\n a@1.2.0:";
        check_preferring(shelf, "a@1", "a@1.0.0", expect!["t:a@1.0.0"]);
        check_preferring(shelf, "a@1", "a@1.1.0", expect!["t:a@1.1.0"]);
        check_preferring(shelf, "a@1.2", "a@1.1.0", expect!["t:a@1.2.0"]);
    }

    #[test]
    fn a_yanked_version_is_not_chosen_anew() {
        check("a@1.0.0:\n a@1.1.0 yanked:", "a@1", expect!["t:a@1.0.0"]);
        check(
            "a@1.0.0:\n a@1.1.0 yanked:",
            "a@1.1",
            expect![
                "no version of `t:a` satisfies 1.1, which t:shop@0.1.0 needs; there is 1.0.0; 1.1.0 would, and is yanked"
            ],
        );
    }

    #[test]
    fn an_older_choice_is_taken_where_the_newest_does_not_fit_the_rest() {
        let shelf = "a@1.1.0: c@2.0.0\n a@1.0.0: c@1.0.0\n b@1.0.0: c@1.0.0\n c@1.0.0:\n c@2.0.0:";
        check(shelf, "a@1 b@1", expect!["t:a@1.0.0 t:b@1.0.0 t:c@1.0.0"]);
    }

    #[test]
    fn two_versions_at_once_are_told_with_both_paths() {
        let shelf = "a@1.0.0: c@1.0.0\n b@1.0.0: d@1.0.0\n d@1.0.0: c@2.0.0\n c@1.0.0:\n c@2.0.0:";
        check(
            shelf,
            "a@1 b@1",
            expect![[r#"
            `t:c` is needed in two versions at once, and a database holds one:
              - ^1.0.0 by t:shop@0.1.0 → t:a@1.0.0
              - ^2.0.0 by t:shop@0.1.0 → t:b@1.0.0 → t:d@1.0.0"#]],
        );
    }

    #[test]
    fn a_circle_is_told_with_its_path() {
        check(
            "a@1.0.0: b@1.0.0\n b@1.0.0: c@1.0.0\n c@1.0.0: a@1.0.0",
            "a@1",
            expect!["packages need each other in a circle: t:a@1.0.0 → t:b@1.0.0 → t:c@1.0.0 → t:a@1.0.0"],
        );
        check(
            "a@1.0.0: shop@0.1.0\n shop@0.1.0:",
            "a@1",
            expect!["packages need each other in a circle: t:shop@0.1.0 → t:a@1.0.0 → t:shop@0.1.0"],
        );
        check(
            "a@1.0.0: b@1.0.0\n b@1.0.0: a@1.0.0",
            "a@1 b@1",
            expect!["packages need each other in a circle: t:a@1.0.0 → t:b@1.0.0 → t:a@1.0.0"],
        );
    }

    #[test]
    fn what_is_missing_is_told_with_who_needs_it() {
        check(
            "a@1.0.0: b@1.5.0\n b@1.4.0:",
            "a@1",
            expect![
                "no version of `t:b` satisfies ^1.5.0, which t:shop@0.1.0 → t:a@1.0.0 needs; there is 1.4.0"
            ],
        );
        check("a@1.0.0: b@1.5.0", "a@1", expect!["the shelf has no package `t:b`"]);
    }

    #[test]
    fn a_search_without_end_is_given_up() {
        let mut shelf = String::new();
        for name in ["a", "b", "c", "d", "e"] {
            for minor in 0..12 {
                shelf.push_str(&format!("{name}@1.{minor}.0: z@1.{minor}.0\n"));
            }
        }
        shelf.push_str("f@1.0.0: y@1.0.0\ng@1.0.0: y@2.0.0\ny@1.0.0:\ny@2.0.0:\nz@1.99.0:\n");
        check(
            &shelf,
            "a@1 b@1 c@1 d@1 e@1 f@1 g@1",
            expect![
                "no choice of versions was found in 20000 steps; narrow the requirements in interstice.toml"
            ],
        );
    }
}
