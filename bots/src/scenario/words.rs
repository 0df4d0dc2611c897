//! What the reader of TOML says about a mistake, in words that tell what to write instead.

use super::phase::SORTS;

/// Its types, and what they are to a person.
const TYPES: [(&str, &str); 4] = [
    ("expected a string", "expected text in quotes, with its unit where it has one, such as \"5s\" or \"50%\""),
    ("expected u64", "expected a whole number, such as 200"),
    ("expected f64", "expected a number, such as 0.5"),
    ("expected a boolean", "expected true or false"),
];
/// So like a word must be to one that there is.
const ALIKE: f64 = 0.75;

/// The message, in one line.
pub(super) fn plain(message: &str) -> String {
    let message = message.replace('\n', " ");
    if message == "missing field `do`" {
        let names: Vec<&str> = SORTS.iter().map(|(name, _)| *name).collect();
        return format!("do is missing: say what happens in this phase, one of {}", names.join(", "));
    }
    if let Some(list) = message.strip_prefix("unknown field ") {
        // `dept`, expected one of `share`, `depth`
        let words: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        let meant = words.split_first().and_then(|(unknown, known)| nearest(unknown, known));
        return meant.map_or(message.clone(), |meant| format!("{message}; did you mean `{meant}`?"));
    }
    let known = TYPES.iter().find(|(name, _)| message.ends_with(name));
    known.map_or(message.clone(), |(name, words)| message.replace(name, words))
}

fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |word: &str| strsim::jaro_winkler(unknown, word);
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    best.copied().filter(|best| likeness(best) > ALIKE)
}
