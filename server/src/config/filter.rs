//! The filter of logs: stricter than `EnvFilter`, which takes a slip of the finger for a module's name, and then
//! nothing is logged, not even errors.

use tracing_subscriber::EnvFilter;

use super::hints::edits;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// The crates that log; the engine's others do not.
const CRATES: [&str; 2] = ["tickwire", "tickwire_server"];

const ALLOWED: &str = "it takes error, warn, info, debug, trace or off, or one for each module, \
                       such as info,tickwire_server::net=debug";

/// The filter without blanks around its parts (`EnvFilter` reads those wrong), if each part means something. The error
/// says what is allowed.
pub(super) fn checked(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(ALLOWED.to_owned());
    }
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    for part in &parts {
        check(part).map_err(|slip| format!("{ALLOWED}; {slip}"))?;
    }
    let filter = parts.join(",");
    match EnvFilter::builder().parse(&filter) {
        Ok(_) => Ok(filter),
        Err(_) => Err(ALLOWED.to_owned()),
    }
}

/// One part: a level, or a place and its level, `target[span{field=value}]=level` with target or span left out.
fn check(part: &str) -> Result<(), String> {
    if part.is_empty() {
        return Err("there is nothing beside one of the commas".to_owned());
    }
    // the last '=', and not one in a span's braces
    let (place, level) = match part.rsplit_once('=') {
        Some((place, level)) if !level.contains(']') => (Some(place), level),
        _ if part.contains(']') => (Some(part), ""),
        _ => (None, part),
    };
    let target = place.unwrap_or_default().split('[').next().unwrap_or_default();
    let its_crate = target.split("::").next().unwrap_or_default();
    if its_crate.starts_with("tickwire") && !CRATES.contains(&its_crate) {
        let hint = nearest(its_crate, &CRATES).unwrap_or_else(|| format!("but {} do", CRATES.join(" and ")));
        return Err(format!("nothing here logs as {}, {hint}", shown(its_crate)));
    }
    if LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
        return Ok(());
    }
    match place {
        Some(place) if level.is_empty() => Err(needs_a_level(place)),
        None if CRATES.contains(&level.split("::").next().unwrap_or_default()) => Err(needs_a_level(level)),
        _ => {
            let hint = nearest(level, &LEVELS).map(|hint| format!(", {hint}")).unwrap_or_default();
            Err(format!("{} is no level{hint}", shown(level)))
        }
    }
}

fn needs_a_level(place: &str) -> String {
    let place = shown(place);
    format!("{place} needs a level, such as {place}=debug")
}

/// Short, and without control characters.
fn shown(word: &str) -> String {
    word.chars().take(40).flat_map(char::escape_debug).collect()
}

/// A question about the known word that was meant, if one looks like it.
fn nearest(word: &str, known: &[&str]) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let meant = known.iter().min_by_key(|known| edits(&word, known))?;
    (edits(&word, meant) <= 2).then(|| format!("did you mean {meant}?"))
}
