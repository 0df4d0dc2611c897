//! The configuration file: TOML whose every key and value knows its line.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;
use super::error::{ConfigError, Place};
use super::hints;
use super::keys::{self, Given};

/// Longest file that is read; a configuration is a page or two, and somebody may name the wrong file.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

pub(super) fn apply(config: &mut Config, path: &Path) -> Result<(), ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable { file: path.to_owned(), cause };
    let mut text = String::new();
    // a device has no length and no end
    let read = File::open(path).and_then(|file| file.take(FILE_MAX_BYTES + 1).read_to_string(&mut text));
    if read.map_err(unreadable)? as u64 > FILE_MAX_BYTES {
        return Err(unreadable(std::io::Error::other(format!("it has more than {FILE_MAX_BYTES} bytes"))));
    }
    let before = paths(config).map(Option::take);
    apply_text(config, path, &text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for (field, before) in paths(config).into_iter().zip(before) {
        *field = field.take().map(|named| folder.join(named)).or(before);
    }
    Ok(())
}

/// Those that are relative to the file that names them.
fn paths(config: &mut Config) -> [&mut Option<PathBuf>; 5] {
    let admin = &mut config.admin.token_file;
    [&mut config.assets, &mut config.capsules, &mut config.tls_cert, &mut config.tls_key, admin]
}

/// `file` is for the errors.
pub(super) fn apply_text(config: &mut Config, file: &Path, text: &str) -> Result<(), ConfigError> {
    let document = Document { file, text };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        file: file.to_owned(),
        line: document.line(error.span().unwrap_or_default()),
        reason: error.message().trim().replace('\n', ", "),
    })?;
    document.apply(config, "", table.get_ref())
}

struct Document<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Document<'_> {
    fn apply(&self, config: &mut Config, section: &str, table: &DeTable<'_>) -> Result<(), ConfigError> {
        // the table is sorted by key; people mend a file from top to bottom
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = format!("{section}{}", key.get_ref());
            match (value.get_ref(), keys::all().find(|key| key.name == name)) {
                (_, Some(known)) => known.set(config, given(value), || Place::Line {
                    file: self.file.to_owned(),
                    line: self.line(value.span()),
                    key: known.name,
                })?,
                (DeValue::Table(inner), None) if keys::all().any(|key| is_below(key.name, &name)) => {
                    self.apply(config, &format!("{name}."), inner)?;
                }
                (inner, None) => return Err(self.unknown(&name, inner, key.span())),
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str, value: &DeValue<'_>, span: Range<usize>) -> ConfigError {
        let is_section = keys::all().any(|key| is_below(key.name, name));
        let hint = match value {
            _ if is_section => format!("it is a section, write [{name}] and its keys below"),
            DeValue::Table(inner) => section_hint(name, inner),
            _ => hints::hint(name),
        };
        let key = match value {
            DeValue::Table(_) => format!("section [{name}]"),
            _ => format!("key {name}"),
        };
        ConfigError::UnknownKey { file: self.file.to_owned(), line: self.line(span), key, hint }
    }

    fn line(&self, span: Range<usize>) -> usize {
        1 + self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count()
    }
}

/// For a section that does not exist: where the first of its keys that means something belongs.
fn section_hint(name: &str, table: &DeTable<'_>) -> String {
    if let Some(meant) = hints::section_meant(name) {
        return format!("did you mean [{meant}]?");
    }
    let sections = format!("the sections are {}", hints::sections());
    let mut words: Vec<_> = table.keys().collect();
    words.sort_by_key(|word| word.span().start);
    match words.iter().find_map(|word| Some((word.get_ref(), hints::meant(word.get_ref())?))) {
        Some((word, meant)) => format!("{sections}; for {word} in it, did you mean {meant}?"),
        None => sections,
    }
}

fn is_below(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

fn given<'a>(value: &'a Spanned<DeValue<'_>>) -> Given<'a> {
    match value.get_ref() {
        DeValue::String(text) => Given::Text(text),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Given::Whole(number),
            Err(_) => Given::Other("a very large number"),
        },
        DeValue::Float(_) => Given::Other("a number with a fraction"),
        DeValue::Boolean(switch) => Given::Switch(*switch),
        DeValue::Datetime(_) => Given::Other("a date or time"),
        DeValue::Array(items) => match items.iter().map(|item| item.get_ref().as_str()).collect() {
            Some(items) => Given::List(items),
            None => Given::Other("a list"),
        },
        DeValue::Table(_) => Given::Other("a section"),
    }
}
