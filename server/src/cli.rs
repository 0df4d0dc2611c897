//! The command line: flags over environment over file over defaults.

mod refusal;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use tickwire_server::config::{self, KeyHelp, Layers};

/// Hosts authoritative multiplayer game rooms over WebSocket; one port serves the page and the players
#[derive(Parser, Debug)]
#[command(name = "tickwire", version, after_help = EXAMPLES, after_long_help = long_help())]
#[command(disable_help_subcommand = true, subcommand_precedence_over_arg = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) asked: Option<Asked>,

    /// Address and port to listen on [default: 127.0.0.1:7777]
    ///
    /// 127.0.0.1 is for this machine only, 0.0.0.0 for everyone; port 0 takes any free port.
    #[arg(long, global = true, value_name = "ADDR")]
    listen: Option<String>,

    /// Read settings from this TOML file [env: TICKWIRE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Serve this folder instead of the built-in web client; it needs an index.html
    #[arg(long, global = true, value_name = "DIR")]
    assets: Option<String>,

    /// Speak TLS with the certificates of this PEM file: https:// and wss://
    ///
    /// The whole chain. It and the key are read anew when they change, and at SIGHUP.
    #[arg(long, global = true, value_name = "FILE")]
    tls_cert: Option<String>,

    /// The private key of the first certificate, as PEM
    #[arg(long, global = true, value_name = "FILE")]
    tls_key: Option<String>,

    /// Threads that read and write sockets [default: half of the cores, at most 16]
    #[arg(long, global = true, value_name = "N", allow_negative_numbers = true)]
    reactors: Option<String>,

    /// Threads that run rooms [default: half of the cores]
    #[arg(long, global = true, value_name = "N", allow_negative_numbers = true)]
    tick_threads: Option<String>,

    /// Which events are logged to stderr [default: info]
    ///
    /// One of error, warn, info, debug, trace and off, or one for each module.
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,

    /// How they are logged: pretty for people, json for programs [default: pretty]
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,

    /// Listen here for metrics, health checks and steering [default: off]
    ///
    /// Metrics and health can be read from this machine. Steering takes TICKWIRE_ADMIN_TOKEN.
    #[arg(long, global = true, value_name = "ADDR")]
    admin_listen: Option<String>,
}

/// What is asked for beside serving.
#[derive(Subcommand, Debug)]
pub(crate) enum Asked {
    /// Print all settings as they count here, with what they mean and where they came from
    Config,
    /// Name every mistake in a configuration file with its line and a hint; serves nothing
    ///
    /// Exits with 0 when there is none, with 1 when there are some.
    Check {
        /// The file, as --config would take it
        file: PathBuf,
    },
}

impl Cli {
    /// The arguments as flags; the error is a sentence. Those that ask for help or the version get it, and the program
    /// ends with 0.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        Self::try_parse_from(arguments).map_err(|error| {
            if !error.use_stderr() {
                error.exit();
            }
            refusal::sentence(&error, "tickwire --help")
        })
    }

    /// All layers together, and all that is wrong.
    pub(crate) fn layers(&self) -> Layers {
        let given = self.flags().into_iter().filter_map(|(flag, value)| Some((flag, value.as_deref()?)));
        // as with every variable, an empty one counts as not set
        let by_variable = || env::var_os(config::FILE_VARIABLE).filter(|file| !file.is_empty()).map(PathBuf::from);
        let file = self.config.clone().or_else(by_variable);
        Layers::read(file.as_deref(), env::vars_os(), given)
    }

    fn flags(&self) -> [(&'static str, &Option<String>); 9] {
        [
            ("listen", &self.listen),
            ("assets", &self.assets),
            ("tls-cert", &self.tls_cert),
            ("tls-key", &self.tls_key),
            ("reactors", &self.reactors),
            ("tick-threads", &self.tick_threads),
            ("log", &self.log),
            ("log-format", &self.log_format),
            ("admin-listen", &self.admin_listen),
        ]
    }
}

const EXAMPLES: &str = "\
Examples:
  tickwire                                 play at http://127.0.0.1:7777/
  tickwire --listen 0.0.0.0:7777           let others in
  tickwire --assets my-game/web            serve your own page
  tickwire --tls-cert cert.pem --tls-key key.pem
                                           speak TLS: https:// and wss://
  tickwire config > tickwire.toml          all settings, to begin a file with
  tickwire check tickwire.toml             all that is wrong with it
  tickwire --config tickwire.toml --log info,tickwire_server::net=debug";

/// The examples, then every key of the file.
fn long_help() -> String {
    let mut help = format!(
        "{EXAMPLES}\n\n\
         Settings:\n  \
         A file for --config looks like this:\n\n    \
         listen = \"0.0.0.0:7777\"\n    \
         [net]\n    \
         ping_interval_ms = 10000\n\n  \
         Each key is a variable too, such as TICKWIRE_NET_PING_INTERVAL_MS=10000. A variable wins over the\n  \
         file, a flag over both. These are all keys with their defaults on this machine, and in brackets\n  \
         what numbers they take:\n\n"
    );
    for key in config::keys() {
        help += &key_help(&key);
    }
    help += "\nCtrl-C ends the server: players are told, and it exits with 0. SIGTERM does the same when all rooms\n\
             have ended, or after drain_s; until then nobody new may join. A second signal ends it at once.\n\
             SIGHUP makes it read its certificate anew, SIGUSR1 log where the bytes of frames went, field\n\
             by field. What keeps it from starting is told on stderr, a sentence each, with exit code 2.";
    help
}

/// One key with its range, which comes on a line of its own where it finds no room.
fn key_help(key: &KeyHelp) -> String {
    let line = format!("  {:<34} {:<15} {}", key.name, key.default, key.meaning);
    if key.range.is_empty() {
        return format!("{line}\n");
    }
    let range = format!("({})", key.range);
    match line.len() + 1 + range.len() <= HELP_WIDTH {
        true => format!("{line} {range}\n"),
        false => format!("{line}\n{:53}{range}\n", ""),
    }
}

/// Columns of a terminal that must do.
const HELP_WIDTH: usize = 100;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_is_a_key() {
        let keys: Vec<String> = config::keys().iter().map(|key| key.name.replace(['_', '.'], "-")).collect();
        for (flag, _) in Cli::parse_from(["tickwire"]).flags() {
            assert!(keys.iter().any(|key| key == flag), "--{flag}");
        }
    }

    #[test]
    fn flags_reach_the_configuration() {
        let cli = Cli::parse_from(["tickwire", "--listen", "localhost:9", "--tick-threads=3", "--log", "off"]);
        let Layers { config, faults, .. } = cli.layers();
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(config.listen, "127.0.0.1:9".parse().unwrap());
        assert_eq!((config.tick_threads, config.log.as_str()), (3, "off"));
    }

    #[test]
    fn help_fits_a_terminal() {
        for line in Cli::command().render_long_help().to_string().lines() {
            assert!(line.len() <= HELP_WIDTH, "{line}");
        }
    }
}
