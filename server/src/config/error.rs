//! What can be wrong with a configuration, as sentences for the person who wrote it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why there is no [`Config`](super::Config). Each displays as one sentence: where, what, what is allowed.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file does not exist, may not be read, or is not UTF-8.
    #[error("cannot read the configuration file {}: {cause}; name the right one with --config", file.display())]
    Unreadable {
        /// The file as it was named.
        file: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// The file is not TOML.
    #[error("{}, line {line}: this is not TOML: {reason}", file.display())]
    Syntax {
        /// The file as it was named.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// The file has a key or section that does not exist.
    #[error("{}, line {line}: there is no {key}; {hint}", file.display())]
    UnknownKey {
        /// The file as it was named.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// The key with its section, or the section in brackets.
        key: String,
        /// The key that was meant, or those that there are.
        hint: String,
    },
    /// A flag that stands for no key; the command line knows its flags, so this is a fault of the program.
    #[error("there is no --{flag}; see --help")]
    UnknownFlag {
        /// Without dashes in front.
        flag: String,
    },
    /// A value of the wrong type or outside its range.
    #[error("{place}{given} is not allowed; {allowed}")]
    NotAllowed {
        /// Where the value stands.
        place: Place,
        /// The value, shortened.
        given: String,
        /// What may stand there.
        allowed: String,
    },
}

impl ConfigError {
    /// The line of the file, from 1, if it is about one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Syntax { line, .. } | Self::UnknownKey { line, .. } => Some(*line),
            Self::NotAllowed { place: Place::Line { line, .. }, .. } => Some(*line),
            Self::NotAllowed { .. } | Self::Unreadable { .. } | Self::UnknownFlag { .. } => None,
        }
    }
}

/// Where a value came from; displays with all that stands in front of the value there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A line of the configuration file.
    Line {
        /// The file as it was named.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// With its section.
        key: &'static str,
    },
    /// A variable of the environment.
    Variable {
        /// Its name.
        name: String,
    },
    /// The command line.
    Flag {
        /// Without dashes in front.
        name: String,
    },
}

impl Place {
    /// Without what stands in front of the value there.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Line { file, line, .. } => format!("{}, line {line}", file.display()),
            Self::Variable { name } => name.clone(),
            Self::Flag { name } => format!("--{name}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line, key } => write!(out, "{}, line {line}: {key} = ", file.display()),
            Self::Variable { name } => write!(out, "{name}="),
            Self::Flag { name } => write!(out, "--{name} "),
        }
    }
}
