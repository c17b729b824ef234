//! The doc comments of all files, to be found by the name of the item that they stand before.
//! Comments of the package that is read are judged whole; those of dependencies only where the
//! reader looks, so that a vendored package may say what is of no concern here.
//! Invariant: no directive of the package that is read goes unread.

use crate::directive::{self, DocComment};
use crate::finding::{Mistake, Mistakes};
use crate::scan::{Before, Scan};
use crate::source::{FileId, Group, Place, Sources};
use std::collections::HashMap;
use std::rc::Rc;

/// Doc comments by the place where the name of their item begins.
pub(super) struct Comments {
    by_name: HashMap<(FileId, usize), Comment>,
}

struct Comment {
    content: Rc<DocComment>,
    /// What is wrong in a dependency's comment; told when it is looked at.
    withheld: Mistakes,
    is_root: bool,
    is_claimed: bool,
}

impl Comments {
    pub(super) fn new(sources: &Sources, scans: &[Scan], mistakes: &mut Mistakes) -> Self {
        let mut by_name = HashMap::new();
        for (index, (file, scan)) in sources.files.iter().zip(scans).enumerate() {
            let id = FileId(index);
            let is_root = file.group == Group::Root;
            for comment in scan.plain_comments.iter().filter(|_| is_root) {
                directive::judge_plain_comment(id, &file.text, comment, mistakes);
            }
            for block in &scan.docs {
                let mut withheld = Mistakes::default();
                let told = if is_root { &mut *mistakes } else { &mut withheld };
                let content = directive::parse(id, &file.text, block, told);
                match block.before {
                    Before::Item(name) | Before::Package(name) => {
                        let comment =
                            Comment { content: Rc::new(content), withheld, is_root, is_claimed: false };
                        by_name.insert((id, name), comment);
                    }
                    Before::Statement(_) | Before::Nothing if is_root => {
                        stray(&content, &block.before, mistakes);
                    }
                    Before::Statement(_) | Before::Nothing => {}
                }
            }
        }
        Comments { by_name }
    }

    /// The comment of the item whose name is at `place`.
    pub(super) fn of(&mut self, place: &Place, mistakes: &mut Mistakes) -> Rc<DocComment> {
        match self.by_name.get_mut(&(place.file, place.range.start)) {
            Some(comment) => {
                mistakes.append(&mut comment.withheld);
                Rc::clone(&comment.content)
            }
            None => Rc::default(),
        }
    }

    /// The documentation of the item, whatever its directives are.
    pub(super) fn docs(&self, place: &Place) -> Option<String> {
        self.by_name.get(&(place.file, place.range.start))?.content.docs.clone()
    }

    /// Whether a directive of this name stands above the item.
    pub(super) fn has_directive(&self, place: &Place, name: &str) -> bool {
        self.by_name
            .get(&(place.file, place.range.start))
            .is_some_and(|comment| comment.content.directives.iter().any(|directive| directive.name == name))
    }

    /// Says that the item exists, and hands out its comment if it belongs to the package that is read.
    pub(super) fn claim(&mut self, place: &Place) -> Option<Rc<DocComment>> {
        let comment = self.by_name.get_mut(&(place.file, place.range.start))?;
        comment.is_claimed = true;
        comment.is_root.then(|| Rc::clone(&comment.content))
    }

    /// Tells of directives before something that is not an item.
    pub(super) fn unclaimed(&self, mistakes: &mut Mistakes) {
        for comment in self.by_name.values().filter(|comment| comment.is_root && !comment.is_claimed) {
            stray(&comment.content, &Before::Nothing, mistakes);
        }
    }
}

fn stray(content: &DocComment, before: &Before, mistakes: &mut Mistakes) {
    for directive in &content.directives {
        let (message, mend) = match before {
            Before::Statement(word) => (
                format!("a directive stands before `{word}`, which takes none"),
                "put it above the interface, record, field or function that it describes",
            ),
            _ => (
                "this directive belongs to nothing".to_owned(),
                "put it on the lines above the item that it describes",
            ),
        };
        mistakes.push(Mistake::new(directive.place.clone(), message).mend(mend));
    }
}
