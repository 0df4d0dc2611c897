//! What was meant: hints for keys and sections that do not exist.

use super::keys;

/// The hint for a key that does not exist: the one that was meant, or all of the same section.
pub(super) fn hint(unknown: &str) -> String {
    if let Some(meant) = meant(unknown) {
        return format!("did you mean {meant}?");
    }
    let section = split(unknown).0;
    let known: Vec<&str> = keys::all().map(|key| key.name).filter(|name| split(name).0 == section).collect();
    let sections = if section.is_empty() { format!(" and the sections {}", sections()) } else { String::new() };
    format!("the keys here are {}{sections}", known.join(", "))
}

/// All sections, as they are written.
pub(super) fn sections() -> String {
    let [first @ .., last] = SECTIONS.map(|section| format!("[{section}]"));
    format!("{} and {last}", first.join(", "))
}

/// In the order in which people read them.
pub(super) const SECTIONS: [&str; 4] = ["net", "session", "lobby", "admin"];

/// The section that looks like this one.
pub(super) fn section_meant(unknown: &str) -> Option<&'static str> {
    let slips = |section: &&str| edits(unknown, section);
    SECTIONS.into_iter().min_by_key(slips).filter(|section| slips(section) <= 1 + unknown.len() / 4)
}

/// The key that looks most like this one. Its word counts before its section: people know what they want to set, and
/// not where it stands.
pub(super) fn meant(unknown: &str) -> Option<&'static str> {
    let word = split(unknown).1;
    let is_near = |known: &&str| {
        let of_known = split(known).1;
        let slips = edits(word, of_known);
        // cut words count as near
        slips <= 1 + word.len() / 5 || (word.len() >= 4 && of_known.contains(word))
    };
    let distance = |known: &&str| (edits(word, split(known).1), edits(unknown, known));
    keys::all().map(|key| key.name).filter(is_near).min_by_key(distance)
}

/// Section, which may be none, and word.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// How many letters must be put in, taken out or changed to make one word of the other (Levenshtein).
pub(super) fn edits(from: &str, to: &str) -> usize {
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, from) in from.bytes().enumerate() {
        let mut corner = above[0];
        above[0] = row + 1;
        for (column, to) in to.bytes().enumerate() {
            let changed = corner + usize::from(from != to);
            corner = above[column + 1];
            above[column + 1] = changed.min(above[column] + 1).min(corner + 1);
        }
    }
    above[to.len()]
}
