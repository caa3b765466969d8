//! The nearest known word to a mistyped one, by edit distance: for keys of searches, settings, actions and
//! names of the command line. Knows none of the words.

/// The word of `known` that `typed` was most likely meant to be; None where nothing is near.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let limit = (typed.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|word| (distance(&typed, word), word))
        .filter(|(distance, word)| *distance <= limit && *distance < word.chars().count().max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). Long words are
/// cut: what differs after 64 characters is no typo.
pub fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(ca != cb)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *cb && *ca == b[j - 1] {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_word_and_nonsense_finds_none() {
        let known = ["tls", "starttls", "plaintext"];
        for (typed, expect) in [
            ("tsl", Some("tls")),
            ("TLS", Some("tls")),
            ("startls", Some("starttls")),
            ("plain-text", Some("plaintext")),
            ("required", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), expect, "{typed}");
        }
    }

    #[test]
    fn distance_counts_a_swap_once() {
        for (a, b, expect) in [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a, b), expect, "{a} {b}");
        }
    }
}
