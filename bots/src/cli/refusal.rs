//! What clap has against the arguments, as one sentence that says what to do; its own words take five lines. The server's
//! command line has the like: to share it, a library would need clap.

use std::error::Error as _;

use clap::error::{ContextKind, Error, ErrorKind};

/// The sentence, without a full stop; `help` is the command that lists the flags.
pub(super) fn sentence(error: &Error, help: &str) -> String {
    let said = |kind| error.get(kind).map(ToString::to_string).filter(|text| !text.is_empty());
    let given = said(ContextKind::InvalidArg).unwrap_or_default();
    let flag = given.split(' ').next().unwrap_or_default(); // of "--bots <N>"
    let value = said(ContextKind::InvalidValue);
    match (error.kind(), value) {
        (ErrorKind::InvalidSubcommand, _) => {
            let word = quoted(&said(ContextKind::InvalidSubcommand).unwrap_or_default());
            match said(ContextKind::SuggestedSubcommand) {
                Some(meant) => format!("there is no command {word}; did you mean {meant}?"),
                None => format!("there is no command {word}; {help} lists what there is"),
            }
        }
        (ErrorKind::UnknownArgument, _) => match said(ContextKind::SuggestedArg) {
            Some(meant) => format!("there is no {}; did you mean {meant}?", shown(&given)),
            None if given.starts_with('-') => format!("there is no {}; {help} lists the flags", shown(&given)),
            None => format!("{} stands alone, and only flags are taken; {help} lists them", quoted(&given)),
        },
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(value)) => {
            let allowed = error.source().map_or_else(|| format!("{help} says what is"), ToString::to_string);
            format!("{flag} {} is not allowed; {allowed}", shown(&value))
        }
        (ErrorKind::InvalidValue, None) => format!("{flag} needs a value; {help} shows which"),
        (ErrorKind::MissingRequiredArgument, _) => format!("{given} is missing; {help} shows where it stands"),
        (ErrorKind::TooManyValues, _) => format!("{flag} takes no value; give it alone"),
        (ErrorKind::ArgumentConflict, _) => match said(ContextKind::PriorArg) {
            Some(other) if other != given => {
                format!("{flag} does not go with {}; keep one", other.split(' ').next().unwrap_or_default())
            }
            _ => format!("{flag} is given twice; keep one"),
        },
        _ => {
            let whole = error.to_string();
            let first = whole.lines().next().unwrap_or_default();
            format!("{}; see {help}", first.trim_start_matches("error: "))
        }
    }
}

/// As it was written, unless that would confuse a person or a terminal.
fn shown(text: &str) -> String {
    if text.len() <= SHOWN_MAX_CHARS && text.chars().all(|c| c.is_ascii_graphic()) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(SHOWN_MAX_CHARS).collect::<String>())
}

const SHOWN_MAX_CHARS: usize = 80;
