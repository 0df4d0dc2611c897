//! Where results go: opened before a run, so that a wrong path does not cost one.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::cli::ResultArgs;
use crate::report::table::Table;
use crate::report::{Report, Second, html, json};
use crate::say;
use crate::swarm::SwarmError;

/// The files that were asked for.
pub(crate) struct Output {
    json: Option<(PathBuf, File)>,
    html: Option<(PathBuf, File)>,
    lines: Option<BufWriter<File>>,
    json_to_stdout: bool,
}

impl Output {
    pub(crate) fn open(args: &ResultArgs) -> Result<Self, SwarmError> {
        let json_to_stdout = args.json_to_stdout();
        let json = args.json.as_ref().filter(|_| !json_to_stdout);
        let lines = args.lines.as_ref().map(|path| create("--lines", path)).transpose()?;
        Ok(Self {
            json: json.map(|path| create("--json", path)).transpose()?,
            html: args.html.as_ref().map(|path| create("--html", path)).transpose()?,
            lines: lines.map(|(_, file)| BufWriter::new(file)),
            json_to_stdout,
        })
    }

    /// A second is over. Who cannot take its line has lost it.
    pub(crate) fn line(&mut self, second: &Second) {
        if let Some(lines) = &mut self.lines
            && serde_json::to_writer(&mut *lines, second).is_ok()
        {
            let _ = writeln!(lines).and_then(|()| lines.flush());
        }
    }

    pub(crate) fn write(self, report: &Report) -> Result<(), SwarmError> {
        let failed = |flag: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| SwarmError::Results { flag, path, source }
        };
        if let Some((path, mut file)) = self.html {
            html::write(report, &mut file).map_err(failed("--html", &path))?;
        }
        let stdout = Path::new("stdout");
        if self.json_to_stdout {
            say::aside(format_args!("\n{}", Table(report).to_string().trim_end()));
            return json::write(report, &mut io::stdout().lock()).map_err(failed("--json", stdout));
        }
        if let Some((path, mut file)) = self.json {
            json::write(report, &mut file).map_err(failed("--json", &path))?;
        }
        match write!(io::stdout().lock(), "{}", Table(report)) {
            // who has gone away has the files
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(failed("--json", stdout)),
        }
    }
}

/// A new file for what a flag asks for.
pub(crate) fn create(flag: &'static str, path: &Path) -> Result<(PathBuf, File), SwarmError> {
    let file = File::create(path).map_err(|source| SwarmError::Results { flag, path: path.to_owned(), source })?;
    Ok((path.to_owned(), file))
}
