//! The known names that are closest to one that was mistyped.

/// At most this many names are suggested.
const MOST: usize = 3;

/// Names longer than this are not mistyped ones.
const LONGEST: usize = 48;

/// Shorter words begin too much.
const BEGINNING: usize = 3;

/// The names that differ from `name` by a few keystrokes (one for short names, up to a third of
/// a longer one), closest first, and those that begin with it. Case does not count.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let typed: Vec<char> = name.to_lowercase().chars().take(LONGEST + 1).collect();
    if typed.len() > LONGEST {
        return Vec::new();
    }
    let reach = (typed.len() / 3).max(1);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|k| (keystrokes(&typed, k), k))
        .filter(|&(distance, k)| {
            distance <= reach && distance < k.len() || typed.len() >= BEGINNING && begins(&typed, k)
        })
        .collect();
    near.sort_unstable();
    near.dedup_by(|a, b| a.1.eq_ignore_ascii_case(b.1));
    near.into_iter()
        .take(MOST)
        .map(|(_, k)| k.to_owned())
        .collect()
}

fn begins(typed: &[char], known: &str) -> bool {
    let known = known.chars().flat_map(char::to_lowercase);
    known.take(typed.len()).eq(typed.iter().copied())
}

/// How many characters must be added, removed, replaced or swapped with their neighbour to get from
/// one name to the other (optimal string alignment).
fn keystrokes(typed: &[char], known: &str) -> usize {
    let known: Vec<char> = known.to_lowercase().chars().take(LONGEST * 2).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=known.len()).collect();
    let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX / 2);
    for (i, &t) in typed.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &k) in known.iter().enumerate() {
            let replace = at(&last, j) + usize::from(t != k);
            let mut cost = replace.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && typed.get(i - 1) == Some(&k);
            if swapped && known.get(j - 1) == Some(&t) {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    at(&last, known.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_of_the_keyboard() {
        let fields = ["sport", "dport", "src", "dst", "state"];
        assert_eq!(closest("dprot", fields), ["dport"]);
        assert_eq!(closest("Sport", fields), ["sport", "dport"]);
        assert_eq!(closest("stat", fields), ["state"]);
        assert_eq!(closest("htpps", ["http", "https", "ssh"]), ["https"]);
        assert_eq!(closest("estabished", ["established"]), ["established"]);
    }

    #[test]
    fn finds_what_was_cut_short() {
        let fields = ["process", "protocol", "recv_queue", "path"];
        assert_eq!(closest("proc", fields), ["process"]);
        assert_eq!(closest("RECV", fields), ["recv_queue"]);
        assert!(closest("pr", fields).is_empty());
    }

    #[test]
    fn far_names_are_not_suggested() {
        assert!(closest("banana", ["sport", "state"]).is_empty());
        assert!(closest("2", ["a", "b"]).is_empty());
        assert!(closest(&"x".repeat(100_000), ["sport"]).is_empty());
    }

    #[test]
    fn counts_keystrokes() {
        let count = |a: &str, b: &str| keystrokes(&a.chars().collect::<Vec<_>>(), b);
        assert_eq!(count("abc", "abc"), 0);
        assert_eq!(count("abc", "acb"), 1);
        assert_eq!(count("abc", "ab"), 1);
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("kitten", "sitting"), 3);
    }
}
