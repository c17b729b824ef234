//! Text of a guest on its way to a person: what would move a cursor or change colours is shown, not done.
//! Invariant: the text stays on one line.

use std::fmt::{self, Write};

/// A text whose control characters are written as `\u{1b}`.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'t>(pub &'t str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '\n' | '\r' | '\t' => write!(f, "{}", letter.escape_default()),
            letter if letter.is_control() || is_override(letter) => write!(f, "{}", letter.escape_unicode()),
            letter => f.write_char(letter),
        })
    }
}

/// Whether it turns the direction of the text around it, so that one reads what is not there.
fn is_override(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_a_terminal_is_shown() {
        let shown = Printable("a\u{1b}[31mred\nline\u{9b}2\u{202e}é").to_string();
        assert_eq!(shown, "a\\u{1b}[31mred\\nline\\u{9b}2\\u{202e}é");
    }
}
