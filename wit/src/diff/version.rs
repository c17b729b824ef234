//! The smallest version that may follow another, by the rules of Semantic Versioning and of Cargo for 0.x.
//! Invariant: an importer of the old version is linked with the new one by its requirement alone only if
//! nothing was broken.

use super::Bump;
use semver::{BuildMetadata, Prerelease, Version};

/// The smallest version behind `old` that a change of this size may have, if there is one.
///
/// | from | breaking | added | nothing that others see |
/// |---|---|---|---|
/// | 1.2.3 | 2.0.0 | 1.3.0 | 1.2.4 |
/// | 0.2.3 | 0.3.0 | 0.2.4 | 0.2.4 |
/// | 0.0.3 | 0.0.4 | 0.0.4 | 0.0.4 |
/// | 1.2.0-rc.1 | 1.2.0-rc.2 | 1.2.0-rc.2 | 1.2.0-rc.2 |
///
/// A prerelease is matched exactly, and so are the 0.0.x, so that the next one breaks nobody.
pub(crate) fn next(old: &Version, bump: Bump) -> Option<Version> {
    if bump == Bump::None {
        return Some(old.clone());
    }
    if !old.pre.is_empty() {
        return Some(Version { pre: next_prerelease(&old.pre), build: BuildMetadata::EMPTY, ..old.clone() });
    }
    let (major, minor, patch) = next_release(old, bump)?;
    Some(Version::new(major, minor, patch))
}

/// Whether a change of this size may lead from the old version to the new one.
pub(crate) fn is_enough(old: &Version, new: &Version, bump: Bump) -> bool {
    if bump == Bump::None {
        return new.cmp_precedence(old).is_ge();
    }
    // A prerelease promised nothing.
    let is_free = !old.pre.is_empty();
    let release = (new.major, new.minor, new.patch);
    new.cmp_precedence(old).is_gt()
        && (is_free || next_release(old, bump).is_some_and(|next| release >= next))
}

fn next_release(old: &Version, bump: Bump) -> Option<(u64, u64, u64)> {
    let Version { major, minor, patch, .. } = *old;
    let one_more = |number: u64| number.checked_add(1);
    Some(match (major, minor, bump) {
        (1.., _, Bump::Breaking) => (one_more(major)?, 0, 0),
        (1.., _, Bump::Minor) => (major, one_more(minor)?, 0),
        (0, 1.., Bump::Breaking) => (0, one_more(minor)?, 0),
        _ => (major, minor, one_more(patch)?),
    })
}

/// `rc.1` becomes `rc.2`, and `alpha` becomes `alpha.1`.
fn next_prerelease(old: &Prerelease) -> Prerelease {
    let (before, last) =
        old.as_str().rsplit_once('.').map_or(("", old.as_str()), |(before, last)| (before, last));
    let counted = last.parse::<u64>().ok().and_then(|number| number.checked_add(1));
    let text = match counted {
        Some(number) if before.is_empty() => number.to_string(),
        Some(number) => format!("{before}.{number}"),
        None => format!("{old}.1"),
    };
    Prerelease::new(&text).expect("a number behind a prerelease is one again")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(old: &str, bump: Bump, expected: &str) {
        let old = Version::parse(old).unwrap();
        let next = next(&old, bump).unwrap();
        assert_eq!(next.to_string(), expected, "after {old}, {bump:?}");
        assert!(is_enough(&old, &next, bump), "{next} is enough after {old}, {bump:?}");
        assert!(!is_enough(&old, &old, bump) || bump == Bump::None, "{old} is not enough after itself");
    }

    #[test]
    fn the_next_version_is_the_smallest_that_the_rules_allow() {
        check("1.2.3", Bump::None, "1.2.3");
        check("1.2.3", Bump::Patch, "1.2.4");
        check("1.2.3", Bump::Minor, "1.3.0");
        check("1.2.3", Bump::Breaking, "2.0.0");
        check("1.2.3+build.5", Bump::Patch, "1.2.4");
        check("0.2.3", Bump::Patch, "0.2.4");
        check("0.2.3", Bump::Minor, "0.2.4");
        check("0.2.3", Bump::Breaking, "0.3.0");
        check("0.0.3", Bump::Patch, "0.0.4");
        check("0.0.3", Bump::Minor, "0.0.4");
        check("0.0.3", Bump::Breaking, "0.0.4");
        check("0.0.0", Bump::Breaking, "0.0.1");
        check("1.2.0-rc.1", Bump::Breaking, "1.2.0-rc.2");
        check("1.2.0-rc.9", Bump::Patch, "1.2.0-rc.10");
        check("1.2.0-alpha", Bump::Minor, "1.2.0-alpha.1");
        check("1.2.0-0", Bump::Minor, "1.2.0-1");
        check("1.0.0-99999999999999999999", Bump::Patch, "1.0.0-99999999999999999999.1");
    }

    #[test]
    fn a_version_is_enough_if_it_is_the_next_one_or_a_later_one() {
        let is_enough = |old: &str, new: &str, bump| {
            is_enough(&Version::parse(old).unwrap(), &Version::parse(new).unwrap(), bump)
        };
        assert!(is_enough("1.2.3", "3.0.0", Bump::Breaking));
        assert!(is_enough("1.2.3", "2.0.0-rc.1", Bump::Breaking), "a prerelease of the next major one");
        assert!(is_enough("0.2.3", "1.0.0", Bump::Breaking));
        assert!(is_enough("1.2.0-rc.1", "1.2.0", Bump::Breaking), "a prerelease promised nothing");
        assert!(is_enough("1.2.3", "1.2.3", Bump::None));
        assert!(!is_enough("1.2.3", "1.3.0-rc.1", Bump::Breaking));
        assert!(!is_enough("1.2.3", "1.9.0", Bump::Breaking));
        assert!(!is_enough("0.2.3", "0.2.9", Bump::Breaking));
        assert!(!is_enough("1.2.3", "1.2.9", Bump::Minor));
        assert!(!is_enough("1.2.3", "1.2.3+later", Bump::Patch), "build metadata is no later version");
        assert!(!is_enough("1.2.3", "1.2.2", Bump::None), "an older version");
        assert!(!is_enough("1.2.0-rc.2", "1.2.0-rc.1", Bump::Patch));
    }

    #[test]
    fn where_the_numbers_end_there_is_no_next_version() {
        let last = Version::new(u64::MAX, 0, 0);
        assert_eq!(next(&last, Bump::Breaking), None);
        assert!(!is_enough(&last, &last, Bump::Breaking));
    }
}
