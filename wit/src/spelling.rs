//! Finds the word that a misspelt one was meant to be.
//! It knows nothing of WIT.
//! Invariant: a suggestion is one of the candidates, and never the word itself.

/// How many candidates are looked at.
const MAX_CANDIDATES: usize = 1_000;

/// The candidate nearest to `word`, if one is near enough that a slip of the hand explains it. A word of
/// one or two letters is near to everything, so none is suggested for it.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length < 3 || !word.starts_with(char::is_alphabetic) {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    let letters = letters(word);
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| *candidate != word)
        .map(|candidate| (distance(&letters, candidate, allowed), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean …? `, or nothing.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default()
}

fn letters(word: &str) -> Vec<char> {
    word.chars().map(|c| c.to_ascii_lowercase()).collect()
}

/// The Levenshtein distance, with the swap of two neighbours counted as one step and capitals the same as
/// small letters. Gives up beyond `limit`.
fn distance(a: &[char], b: &str, limit: usize) -> usize {
    if a.len().abs_diff(b.chars().count()) > limit {
        return limit + 1;
    }
    let b = letters(b);
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substitute = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitute.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_word_is_suggested() {
        let words = ["table", "index", "unique", "auto-increment"];
        assert_eq!(nearest("tabel", words), Some("table"));
        assert_eq!(nearest("autoincrement", words), Some("auto-increment"));
        assert_eq!(nearest("uniqe", words), Some("unique"));
        assert_eq!(nearest("primary", words), None);
        assert_eq!(nearest("table", words), None);
        assert_eq!(nearest("TABLE", words), Some("table"));
        assert_eq!(nearest("x", ["y", "xy"]), None);
        assert_eq!(nearest(";;;", [";;"]), None);
    }
}
