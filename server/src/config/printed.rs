//! The whole configuration as a file that can be read again: each key with what it means, what it takes, its value, and
//! where that came from.

use std::fmt::Write as _;

use super::keys::{self, Key};
use super::{Config, Sources};

/// As TOML with comments. Keys that are not set, and secrets, are commented out.
pub(super) fn printed(config: &Config, sources: &Sources) -> String {
    let mut config = config.clone();
    let mut text = "# All settings as they count here: the defaults, then the file, the environment, the flags.\n\
                    # Behind each value stands where it came from, unless it is the default.\n"
        .to_owned();
    let mut section = "";
    for key in keys::all() {
        let (of, word) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if of != section {
            section = of;
            // writing to a string cannot fail
            let _ = write!(text, "\n[{section}]\n");
        }
        text += &entry(key, word, &mut config, sources);
    }
    text
}

fn entry(key: &Key, word: &str, config: &mut Config, sources: &Sources) -> String {
    let range = key.range();
    let range = if range.is_empty() { range } else { format!(" ({range})") };
    let from = sources.of(key.name).map(|place| format!(" # {place}")).unwrap_or_default();
    let value = match key.toml(config) {
        Some(value) => format!("{word} = {value}{from}"),
        None if key.is_secret() && !from.is_empty() => format!("# {word} is set{from}"),
        None => format!("# {word} = is not set"),
    };
    format!("\n# {}{range}\n{value}\n", key.meaning)
}
