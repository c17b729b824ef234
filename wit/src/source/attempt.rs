//! The files of one package on their way through wit-parser, which stops at the first mistake.
//! What it stumbles over is taken out of the text, in a piece of the same length, and the rest parsed
//! again, so that several mistakes are told at once.
//! Invariant: a text that was changed is never read any further than for its mistakes.

use super::explain::{Explainer, Explanation, Repair};
use super::{FileId, Place, Sources};
use crate::finding::{Mistake, Mistakes, clip};
use crate::limits::MAX_REPAIRS;
use crate::scan::{PackageEnd, Scan};
use std::collections::BTreeSet;
use wit_parser::{ParseErrorKind, SourceMap, UnresolvedPackageGroup};

/// A path behind all others, of a file that no parser gets past.
const BARRIER: &str = "\u{10ffff}";

/// One package while it is parsed.
pub(super) struct Attempt<'a> {
    sources: &'a Sources,
    scans: &'a [Scan],
    /// The text of each file as wit-parser is given it.
    files: Vec<(FileId, String)>,
    /// Where the texts differ from the sources.
    repaired: Vec<Place>,
    /// Names that are gone with what was taken out; that they are unknown is nobody's mistake.
    gone: BTreeSet<(FileId, String)>,
}

impl<'a> Attempt<'a> {
    /// Takes out what our own scan found, and tells of it.
    pub(super) fn new(
        sources: &'a Sources,
        scans: &'a [Scan],
        files: Vec<FileId>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut attempt =
            Attempt { sources, scans, files: Vec::new(), repaired: Vec::new(), gone: BTreeSet::new() };
        for id in files {
            attempt.files.push((id, sources.files[id.0].text.to_string()));
            attempt.prepare(id, mistakes);
        }
        attempt
    }

    fn prepare(&mut self, file: FileId, mistakes: &mut Mistakes) {
        let scan = &self.scans[file.0];
        // wit-parser takes `/**/` for a doc comment, and panics at it.
        for comment in &scan.empty_comments {
            self.replace(Place { file, range: comment.clone() }, "");
        }
        let explainer = Explainer::new(self.sources, self.scans);
        for gate in &scan.gates {
            if let Some(mistake) = explainer.directive_as_gate(file, gate) {
                mistakes.push(mistake);
                self.repair(Place { file, range: gate.whole.clone() }, "");
            }
        }
        for package in scan.packages.iter().filter(|package| package.end == PackageEnd::Nothing) {
            let place = Place { file, range: package.range.clone() };
            let name = &package.name;
            let end = package.range.end;
            let behind = self.text(file).and_then(|text| text[end..].chars().next());
            if !name.contains(':') || !behind.is_none_or(char::is_whitespace) {
                continue;
            }
            mistakes.push(
                Mistake::new(place, "the line with the package's name does not end")
                    .label("expected `;` behind it")
                    .mend(format!("write `package {};`", clip(name))),
            );
            match behind {
                Some(blank) => self.repair(Place { file, range: end..end + blank.len_utf8() }, ";"),
                None => {
                    self.files.iter_mut().filter(|(id, _)| *id == file).for_each(|(_, text)| text.push(';'))
                }
            }
        }
    }

    /// The package, or at least one mistake.
    pub(super) fn parse(
        mut self,
        bytes_left: &mut usize,
        mistakes: &mut Mistakes,
    ) -> Option<UnresolvedPackageGroup> {
        let (map, error) = match self.source_map(None).parse() {
            Ok(package) => return Some(package),
            Err(error) => error,
        };
        let first = self.explanation(&map, error.kind());
        let before = mistakes.len();
        let files: Vec<_> = self.files.iter().map(|(id, _)| *id).collect();
        let mut is_sound = true;
        for file in files {
            is_sound &= self.exhaust(Some(file), bytes_left, mistakes);
        }
        if is_sound {
            self.exhaust(None, bytes_left, mistakes);
        }
        if mistakes.len() == before {
            mistakes.extend(first.and_then(|first| first.mistake));
        }
        None
    }

    /// Tells the mistakes of one file, or of all together, until there are no more or one cannot be
    /// taken out. Says whether the text is sound now.
    fn exhaust(&mut self, file: Option<FileId>, bytes_left: &mut usize, mistakes: &mut Mistakes) -> bool {
        let chosen = self.files.iter().filter(|(id, _)| file.is_none_or(|file| file == *id));
        let bytes: usize = chosen.map(|(_, text)| text.len()).sum();
        for _ in 0..MAX_REPAIRS {
            let Some(left) = bytes_left.checked_sub(bytes) else { return false };
            *bytes_left = left;
            let (map, error) = match self.source_map(file).parse() {
                Ok(_) => return true,
                Err(error) => error,
            };
            if map.resolve_span(error.kind().span()).is_some_and(|location| location.path == BARRIER) {
                return true;
            }
            let Some(Explanation { mistake, repair }) = self.explanation(&map, error.kind()) else {
                return false;
            };
            mistakes.extend(mistake);
            let Some(Repair { place, text, gone }) = repair else { return false };
            self.gone.extend(gone.into_iter().map(|name| (place.file, name)));
            self.repair(place, &text);
        }
        false
    }

    /// What wit-parser means; nothing where it stumbles over one of our own repairs.
    fn explanation(&self, map: &SourceMap, kind: &ParseErrorKind) -> Option<Explanation> {
        let place = self.sources.place(map, kind.span());
        let is_ours = self.repaired.iter().any(|repaired| {
            repaired.file == place.file
                && repaired.range.start <= place.range.start
                && place.range.start <= repaired.range.end
        });
        if is_ours {
            return None;
        }
        Some(Explainer::new(self.sources, self.scans).parse_error(place, kind, &self.gone))
    }

    /// All files, or one before a barrier: what comes behind its syntax is not looked at then.
    fn source_map(&self, file: Option<FileId>) -> SourceMap {
        let mut map = SourceMap::new();
        for (id, text) in self.files.iter().filter(|(id, _)| file.is_none_or(|file| file == *id)) {
            map.push_str(&self.sources.files[id.0].path, text.as_str());
        }
        if file.is_some() {
            map.push_str(BARRIER, "!");
        }
        map
    }

    fn text(&self, file: FileId) -> Option<&str> {
        self.files.iter().find(|(id, _)| *id == file).map(|(_, text)| text.as_str())
    }

    /// Puts a text in place of a mistake, and blanks for the rest of it.
    fn repair(&mut self, place: Place, text: &str) {
        self.replace(place.clone(), text);
        self.repaired.push(place);
    }

    fn replace(&mut self, place: Place, text: &str) {
        let Place { file, range } = place;
        let length = range.len();
        assert!(text.len() <= length, "what is put in is no longer than what it replaces");
        let whole = self.files.iter_mut().find(|(id, _)| *id == file);
        if let Some((_, whole)) = whole.filter(|(_, whole)| whole.get(range.clone()).is_some()) {
            whole.replace_range(range, &format!("{text}{}", " ".repeat(length - text.len())));
        }
    }
}
