//! The flags that say where results go.

use std::path::PathBuf;

use clap::Args;

/// Where results go.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Results")]
pub struct ResultArgs {
    /// Write the results to this file as one JSON object too; "-" writes it to stdout and the table to stderr.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results to this file as a page with charts, which needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write a line of JSON to this file for each second of the run, as it goes.
    #[arg(long, value_name = "FILE")]
    pub lines: Option<PathBuf>,
}

impl ResultArgs {
    /// Whether the results go to stdout as JSON.
    #[must_use]
    pub fn json_to_stdout(&self) -> bool {
        self.json.as_deref().is_some_and(|path| path.as_os_str() == "-")
    }
}
