//! The configuration file: TOML whose every key and value knows its line.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Place};
use super::hints;
use super::keys::{self, Given};
use super::{Config, Layers};

/// Longest file that is read; a configuration is a page or two, and somebody may name the wrong file.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Puts what the file says over what there is; what is wrong is among the faults afterwards.
pub(super) fn apply(layers: &mut Layers, path: &Path) {
    let text = match read(path) {
        Ok(text) => text,
        Err(cause) => return layers.faults.push(ConfigError::Unreadable { file: path.to_owned(), cause }),
    };
    let before = paths(&mut layers.config).map(Option::take);
    let keys_before = std::mem::take(&mut layers.config.identity.key_files);
    apply_text(layers, path, &text);
    let folder = path.parent().unwrap_or(Path::new(""));
    for (field, before) in paths(&mut layers.config).into_iter().zip(before) {
        *field = field.take().map(|named| folder.join(named)).or(before);
    }
    let key_files = &mut layers.config.identity.key_files;
    match key_files.is_empty() {
        true => *key_files = keys_before,
        false => key_files.iter_mut().for_each(|named| *named = folder.join(&named)),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    // a device has no length and no end
    File::open(path)?.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(io::Error::other(format!("it has more than {FILE_MAX_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        io::Error::other(format!("it is not UTF-8 text (line {line})"))
    })
}

/// Those that are relative to the file that names them.
fn paths(config: &mut Config) -> [&mut Option<PathBuf>; 8] {
    let (admin, identity) = (&mut config.admin, &mut config.identity);
    [
        &mut config.assets,
        &mut config.capsules,
        &mut config.tls_cert,
        &mut config.tls_key,
        &mut admin.token_file,
        &mut admin.bans_file,
        &mut identity.secret_file,
        &mut identity.jwks_file,
    ]
}

/// `file` is for the errors.
pub(super) fn apply_text(layers: &mut Layers, file: &Path, text: &str) {
    // some editors put a byte order mark in front
    let document = Document { file, text: text.strip_prefix('\u{feff}').unwrap_or(text) };
    let (table, errors) = DeTable::parse_recoverable(document.text);
    let mut broken = Vec::new();
    for error in errors {
        let line = document.line(error.span().unwrap_or_default());
        // one slip often breaks the parser's view of the rest of its line
        if !broken.contains(&line) {
            broken.push(line);
            let reason = error.message().trim().replace('\n', ", ");
            layers.faults.push(ConfigError::Syntax { file: file.to_owned(), line, reason });
        }
    }
    document.apply(layers, "", table.get_ref());
    layers.faults.retain(|fault| match fault {
        ConfigError::Syntax { .. } => true,
        other => other.line().is_none_or(|line| !broken.contains(&line)),
    });
    layers.faults.sort_by_key(ConfigError::line);
}

struct Document<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Document<'_> {
    fn apply(&self, layers: &mut Layers, section: &str, table: &DeTable<'_>) {
        // the table is sorted by key; people mend a file from top to bottom
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = format!("{section}{}", key.get_ref());
            match (value.get_ref(), keys::all().find(|key| key.name == name)) {
                (_, Some(known)) => {
                    let (file, line) = (self.file.to_owned(), self.line(value.span()));
                    layers.set(known, &given(value), Place::Line { file, line, key: known.name });
                }
                (DeValue::Table(inner), None) if keys::all().any(|key| is_below(key.name, &name)) => {
                    self.apply(layers, &format!("{name}."), inner);
                }
                (inner, None) => layers.faults.push(self.unknown(&name, inner, key.span())),
            }
        }
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
