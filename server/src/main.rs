//! The `tickwire` binary: the server with the demo game, Arena, and its web client.

mod cli;

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use include_dir::{Dir, include_dir};
use tickwire_arena::Arena;
use tickwire_server::Server;
use tickwire_server::config::{Config, ConfigError, Layers, LogFormat};
use tickwire_server::control::site::Site;
use tracing_subscriber::EnvFilter;

use cli::{Asked, Cli};

/// The web client, so that the binary is all that a machine needs.
static WEB: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../assets/web");

fn main() -> ExitCode {
    let answered = Cli::read(env::args_os()).map_err(anyhow::Error::msg).and_then(|cli| match &cli.asked {
        None => run(&cli).map(|()| ExitCode::SUCCESS),
        Some(Asked::Config) => print_config(&cli).map(|()| ExitCode::SUCCESS),
        Some(Asked::Check { file }) => check(file),
    });
    match answered {
        Ok(code) => code,
        Err(error) => {
            // each error says all in its own sentence; its sources would say it twice
            for sentence in error.to_string().lines() {
                eprintln!("tickwire: {sentence}");
            }
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let layers = cli.layers();
    let site = examine(&layers).map_err(|wrong| anyhow::Error::msg(wrong.join("\n")))?;
    let Layers { config, slips, .. } = layers;
    log_to_stderr(&config)?;
    for slip in slips {
        tracing::warn!("{slip}");
    }
    let (reactors, tick_threads, files) = (config.reactors, config.tick_threads, site.len());
    let scheme = if config.tls_cert.is_some() { "https" } else { "http" };
    let running = Server::bind(config)?.start::<Arena>(Default::default(), site)?;
    tracing::info!(listen = %running.addr(), reactors, tick_threads, files, "serving");
    let ready = |addr| tell_where(&format!("Tickwire hosts Arena: open {scheme}://{}/", to_open(addr)));
    Ok(running.stop_on_signal(ready)?)
}

fn print_config(cli: &Cli) -> anyhow::Result<()> {
    let layers = cli.layers();
    let printed = layers.printed();
    for slip in &layers.slips {
        eprintln!("tickwire: {slip}");
    }
    if !layers.faults.is_empty() {
        let faults: Vec<String> = layers.faults.iter().map(ToString::to_string).collect();
        return Err(anyhow::Error::msg(faults.join("\n")));
    }
    Ok(io::stdout().lock().write_all(printed.as_bytes())?)
}

/// All that is wrong with a file, on stdout; what the file names is looked at too.
fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let mut layers = Layers::read(Some(file), [], []);
    if let [ConfigError::Unreadable { .. }] = layers.faults[..] {
        return Err(layers.faults.remove(0).into());
    }
    let mut out = io::stdout().lock();
    match examine(&layers) {
        Err(wrong) => {
            for line in wrong {
                writeln!(out, "{line}")?;
            }
            Ok(ExitCode::from(1))
        }
        Ok(_) => {
            writeln!(out, "{}: nothing is wrong", file.display())?;
            if let Some(who) = Server::who_plays(&layers.config) {
                writeln!(out, "{}: {who}", file.display())?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The page to serve, or all that is wrong, from the file's top to its bottom and then what has no line in it.
fn examine(layers: &Layers) -> Result<Site, Vec<String>> {
    let told = |fault: &dyn Display, key: Option<&str>| match key.and_then(|key| layers.line_of(key)) {
        Some((line, file)) => (line, format!("{}, line {line}: {fault}", file.display())),
        None => (usize::MAX, fault.to_string()),
    };
    let site = site(&layers.config);
    let faults = layers.faults.iter().map(|fault| (fault.line().unwrap_or(usize::MAX), fault.to_string()));
    let mut wrong: Vec<(usize, String)> = faults.collect();
    wrong.extend(Server::faults(&layers.config).iter().map(|fault| told(fault, fault.key())));
    match site {
        Ok(site) if wrong.is_empty() => return Ok(site),
        Ok(_) => {}
        Err(fault) => wrong.push(told(&fault, Some("assets"))),
    }
    wrong.sort_by_key(|(line, _)| *line);
    Err(wrong.into_iter().map(|(_, sentence)| sentence).collect())
}

fn site(config: &Config) -> anyhow::Result<Site> {
    Ok(match &config.assets {
        Some(folder) => Site::from_dir(folder)?,
        None => Site::embedded(&WEB),
    })
}

fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&config.log)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match config.log_format {
        LogFormat::Pretty => lines.compact().with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}

/// `0.0.0.0` and `[::]` stand for all addresses of this machine, and browsers open none of the two everywhere.
fn to_open(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// The first line on stdout is the address to open: scripts wait for it.
fn tell_where(line: &str) {
    let mut out = io::stdout().lock();
    // whoever closed our stdout does not want to know
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
