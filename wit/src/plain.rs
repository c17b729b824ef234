//! Packages of WIT that are no modules of Interstice: what they declare, and what a new version of one means to callers.
//! It knows one axis, that of the component model; such a package has neither rows nor subscribers.
//! Invariant: a package is plain if and only if nothing in its own text is a directive, or was meant as one.

mod compare;
mod left_out;
mod lower;
mod name;
mod package;
mod structure;
mod types;

pub use compare::{Comparison, Unstable, compare};
pub use name::{Place, PlainName};
pub use package::{Function, Interface, LeftOut, Package, Role, TypeDef, World, WorldItem, WorldItemKind};
pub use types::TypeIndex;

use crate::directive::NAMES;
use crate::finding::{Diagnostics, Mistake, Mistakes};
use crate::scan::{self, PackageEnd};
use crate::source::{FileId, Group, Place as SourcePlace, Sources};
use crate::spelling::nearest;
use wit_parser::Resolve;

/// Whether nothing in the package's own files is a directive, or looks like one that is misspelt or misplaced.
pub fn is_plain(sources: &Sources) -> bool {
    let own = sources.files.iter().filter(|file| file.group == Group::Root);
    !own.into_iter().any(|file| {
        let scan = scan::scan(&file.text);
        let docs = scan.docs.iter().flat_map(|block| &block.lines).map(|line| line.text.clone());
        docs.chain(scan.plain_comments).any(|range| is_directive(&file.text[range]))
    })
}

/// Whether a line of a comment says the name of a directive, or nearly.
fn is_directive(line: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix('@') else { return false };
    let end =
        rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).unwrap_or(rest.len());
    NAMES.contains(&&rest[..end]) || nearest(&rest[..end], NAMES).is_some()
}

/// Reads a package as what it is without directives.
///
/// # Errors
/// If wit-parser does not take it.
pub fn read(sources: &Sources) -> Result<Package, Diagnostics> {
    let resolved = |resolve: Resolve| {
        let mut mistakes = Mistakes::default();
        match sources.parse(resolve, &mut mistakes) {
            Some(parsed) if mistakes.is_empty() => Ok((parsed.resolve, parsed.root)),
            _ => Err(mistakes.into_diagnostics(&sources.files)),
        }
    };
    let (stable, root) = resolved(Resolve::new())?;
    // Only what every feature brings tells what the gates have left out.
    let (all, all_root) = resolved(Resolve { all_features: true, ..Resolve::new() })?;
    let left_out = left_out::left_out((&all, all_root), (&stable, root));
    Ok(lower::package(&stable, root, left_out))
}

/// What is said of a plain package where a module is needed.
pub fn no_module(sources: &Sources) -> Diagnostics {
    let mut mistakes = Mistakes::default();
    let found = sources.files.iter().enumerate().find_map(|(index, file)| {
        let line =
            scan::scan(&file.text).packages.into_iter().find(|line| line.end != PackageEnd::Braces(None));
        let line = line.filter(|line| file.group == Group::Root && !line.is_nested())?;
        Some((line.name, SourcePlace { file: FileId(index), range: line.range }))
    });
    let (name, place) =
        found.unwrap_or_else(|| (String::new(), SourcePlace { file: FileId(0), range: 0..0 }));
    mistakes.push(
        Mistake::new(place, format!("`{name}` is no module: nothing in it carries a directive"))
            .label("a package of WIT alone")
            .mend(
                "to make it one, say above its items what they are: `/// @reducer` or `/// @query` above each function, \
                 `/// @table(primary-key = id)` above a record whose rows are kept; `interstice schema` and `interstice \
                 diff` take it as it is",
            ),
    );
    mistakes.into_diagnostics(&sources.files)
}
