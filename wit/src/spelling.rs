//! Finds the word that a misspelt one was meant to be.
//! It knows nothing of WIT.
//! Invariant: a suggestion is one of the candidates, and never the word itself.

/// The candidate nearest to `word`, if one is near enough that a slip of the hand explains it.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| (distance(word, candidate, allowed), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// ` Did you mean …?`, or nothing.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default()
}

/// The Levenshtein distance, with the swap of two neighbours counted as one step. Gives up beyond `limit`.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
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
    }
}
