//! Spawns the threads, wires them, stops them in order.

mod error;
mod hosting;
mod signals;
mod threads;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use mio::Waker;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use crate::config::{AdminConfig, CLOSE_TEXT_MAX_BYTES, Config};
use crate::control::admin::Admin;
use crate::control::admin::access::Access;
use crate::control::capsules::Capsules;
use crate::control::certificate::Certificate;
use crate::control::http::Plain;
use crate::control::lists::Lists;
use crate::control::refusals::Refusals;
use crate::control::site::Site;
use crate::control::{Control, Creations, Drain, Promises};
use crate::gateway::{Gateway, GatewayParts, TickPort};
use crate::handover::steer::AdminCall;
use crate::handover::{
    Batch, INPUTS_CAPACITY, POST_CAPACITY, Post, ReactorPort, RoomInput, ToControl, ToReactor, ToTick,
};
use crate::identity::{Reception, Tries};
use crate::lobby::Lobby;
use crate::lobby::directory::Directory;
use crate::lobby::tickets::Tickets;
use crate::metrics::Metrics;
use crate::metrics::api_refusals::ApiKind;
use crate::net::addresses::Addresses;
use crate::net::tls::Identity;
use crate::net::{NetConfig, accept, descriptors, reactor::Reactor};
use crate::room::hosted::HostedGame;
use crate::tick::{TickPorts, TickThread};
pub use error::{RunError, StartError};
pub use hosting::Hosting;
use signals::{Asked, Signals};
use threads::{ControlRuntime, join, run_reactor, spawn};

/// Batches that one reactor's inbox can hold beside its other messages; when more rooms tick at once, some skip a tick.
const BATCHES_CAPACITY: usize = 16 * 1024;

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    config: Config,
    addr: SocketAddr,
    listeners: Vec<TcpListener>,
    identity: Option<Arc<Identity>>,
    admin: Option<(TcpListener, Access)>,
    reception: Reception,
}

impl Server {
    /// Listens on `config.listen`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`StartError::Listen`], or there is something wrong with the certificate, or the system allows too few
    /// descriptors.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let identity = identity(&config)?;
        let reception = reception(&config)?;
        check_stop_text(&config)?;
        check_addresses(&config)?;
        check_system(&config.net)?;
        let failed = |source| StartError::Listen { addr: config.listen, source };
        let listeners =
            accept::bind_group(config.listen, config.reactors.max(1), config.net.backlog).map_err(failed)?;
        let addr = listeners[0].local_addr().map_err(failed)?;
        let admin = admin_listener(&config.admin)?;
        tell_who_plays(&reception, config.listen);
        Ok(Self { config, addr, listeners, identity, admin, reception })
    }

    /// What would keep a server with this configuration from starting, as far as that can be told without listening:
    /// certificates, the operator's access, keys of passes, bans, addresses.
    #[must_use]
    pub fn faults(config: &Config) -> Vec<StartError> {
        let access = config.admin.listen.map_or(Ok(()), |addr| Access::new(&config.admin, addr).map(drop));
        let faults = [
            identity(config).err(),
            access.err().map(StartError::from),
            reception(config).err(),
            check_stop_text(config).err(),
            check_addresses(config).err(),
        ];
        faults.into_iter().flatten().collect()
    }

    /// Who may play on a server with this configuration, in a sentence; none when that cannot be told for a fault.
    #[must_use]
    pub fn who_plays(config: &Config) -> Option<String> {
        reception(config).ok().map(|reception| reception.passes().summary())
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn serve(self, games: Arc<[Box<dyn HostedGame>]>, site: Site) -> Result<Running, StartError> {
        let (seats, terms) = (hosting::seats(&games)?, Arc::new(hosting::terms(&games, self.config.session)?));
        let runtime = ControlRuntime::new()?;
        let threads = self.config.tick_threads.max(1);
        let (to_control, control_inbox) = mpsc::channel(POST_CAPACITY);
        let tick_channels: Vec<TickChannels> = (0..threads).map(|_| TickChannels::new()).collect();
        let (tell_ended, ended) = mpsc::channel(threads + self.listeners.len() + 1);
        let grace = Duration::from_millis(self.config.stop_grace_ms);
        let (tell_drained, drained) = mpsc::channel(1);
        let mut running = self.without_threads(to_control.clone(), ended, drained);

        let (net, reactors) = (&self.config.net, self.listeners.len());
        let addresses = Arc::new(Addresses::new(net.addresses.clone(), net.connections_max));
        let mut made = Vec::new();
        for (index, listener) in self.listeners.into_iter().enumerate() {
            let (sender, inbox) = bounded(POST_CAPACITY + self.config.rooms_max.min(BATCHES_CAPACITY));
            let gateway = Gateway::new(GatewayParts {
                reactor: index,
                terms: Arc::clone(&terms),
                inbox,
                threads: tick_channels.iter().map(TickChannels::port).collect(),
                control: to_control.clone(),
                stop_grace: grace,
                metrics: Arc::clone(&running.metrics),
            });
            let net = self.config.net.clone().divided_among(reactors);
            let mut reactor = Reactor::new(listener, net, gateway, Arc::clone(&running.metrics))
                .map_err(|source| StartError::Thread { what: "reactor", source })?
                .sharing(Arc::clone(&addresses));
            if let Some(identity) = &self.identity {
                reactor = reactor.with_tls(Arc::clone(identity));
            }
            made.push((reactor, sender));
        }
        let reactor_ends = running.run_reactors(made, &tell_ended)?;
        let ports = || reactor_ends.iter().map(|(sender, waker)| ReactorPort::new(sender.clone(), Arc::clone(waker)));
        let mut to_ticks = Vec::new();
        for (index, channels) in tick_channels.into_iter().enumerate() {
            to_ticks.push(Post::new(channels.to_tick.clone()));
            let ports = TickPorts {
                inbox: channels.inbox,
                inputs: channels.inputs,
                home: channels.home,
                reactors: ports().collect(),
                control: to_control.clone(),
            };
            let mut thread = TickThread::new(index, Arc::clone(&games), ports, Arc::clone(&running.metrics))
                .with_terms(hosting::room_terms(&self.config))
                .keeping_capsules(self.config.capsules.is_some());
            running.ticks.push((channels.to_tick, spawn("tick", index, &tell_ended, move || thread.run())?));
        }
        let plain = Arc::new(hosting::plain(site, &self.config, to_control, &running.metrics));
        let admin = self.admin.map(|bound| running.admin(bound, &plain));
        let control = Control {
            inbox: control_inbox,
            threads: to_ticks,
            reactors: ports().collect(),
            lobby: Lobby::new(&seats, self.config.rooms_max, threads),
            games,
            tickets: Tickets::new(self.config.lobby.tickets_max),
            queue: hosting::queue(&self.config.lobby),
            lobby_config: self.config.lobby.clone(),
            exempt: self.config.net.addresses.exempt.clone(),
            creations: Creations::new(self.config.net.addresses.exempt.clone()),
            codes: Tries::new(self.config.identity.failed_per_minute, self.config.net.addresses.exempt.clone()),
            promises: Promises::default(),
            lists: Lists::default(),
            directory: Directory::default(),
            reception: self.reception,
            plain,
            metrics: Arc::clone(&running.metrics),
            certificate: self.identity.map(Certificate::new),
            capsules: self.config.capsules.clone().map(Capsules::new),
            stop_grace: grace,
            admin,
            drain: Drain::new(&self.config, tell_drained),
            load: self.config.load,
        };
        running.controlled_by((control, runtime), &tell_ended)
    }

    fn without_threads(
        &self,
        to_control: mpsc::Sender<ToControl>,
        ended: mpsc::Receiver<String>,
        drained: mpsc::Receiver<()>,
    ) -> Running {
        Running {
            addr: self.addr,
            admin_addr: self.admin.as_ref().and_then(|(listener, _)| listener.local_addr().ok()),
            metrics: Arc::default(),
            drained,
            drains: self.config.drain_s > 0,
            grace: Duration::from_millis(self.config.stop_grace_ms),
            ended,
            stop: None,
            to_control,
            control: None,
            reactors: Vec::new(),
            ticks: Vec::new(),
        }
    }
}

/// A server that serves. Dropping it without [`Running::stop`] leaves its threads running.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    admin_addr: Option<SocketAddr>,
    /// Tells when a drain is over.
    drained: mpsc::Receiver<()>,
    /// SIGTERM drains before it stops.
    drains: bool,
    metrics: Arc<Metrics>,
    grace: Duration,
    /// Names of threads that have ended.
    ended: mpsc::Receiver<String>,
    stop: Option<oneshot::Sender<()>>,
    to_control: mpsc::Sender<ToControl>,
    control: Option<JoinHandle<()>>,
    reactors: Vec<JoinHandle<()>>,
    ticks: Vec<(Sender<ToTick>, JoinHandle<()>)>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where the admin listener is, if there is one.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_addr
    }

    /// Its counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Stops in order: no new connections, a close frame with 1001 to every client, then the rooms.
    pub fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // a control thread that is gone has ended the rest already
            let _ = stop.send(());
        }
        join(self.control.take(), self.grace);
        join(self.reactors.drain(..), self.grace);
        for (to_tick, _) in &self.ticks {
            // a thread that is gone needs no word; one that stands may have a full inbox
            let _ = to_tick.send_timeout(ToTick::Stop, self.grace);
        }
        join(self.ticks.drain(..).map(|(_, thread)| thread), self.grace);
        let Metrics { connections_accepted, frames_out, ticks, ticks_lost, .. } = &*self.metrics;
        info!(
            connections = connections_accepted.value(),
            frames = frames_out.value(),
            ticks = ticks.value(),
            ticks_lost = ticks_lost.value(),
            "stopped"
        );
    }

    /// Waits for Ctrl-C or SIGTERM, then stops in order; SIGTERM drains before that ([`Config::drain_s`]), Ctrl-C does
    /// not, because who has a terminal wants it back. A drain that an operator asks for ends here too. A second signal
    /// ends the process at once. SIGHUP makes it read its certificate and
    /// its keys of passes anew, SIGUSR1 log where the bytes of frames went, by field ([`Metrics::traffic`]).
    ///
    /// `ready` is called when signals are listened to, so that whoever waits for its word may stop the server right
    /// then: a signal before that ends the process as if there were no server.
    ///
    /// # Errors
    /// The system does not tell of signals, or a thread of the server ended by itself; the rest is stopped then.
    pub fn stop_on_signal(mut self, ready: impl FnOnce(SocketAddr)) -> Result<(), RunError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut signals = runtime.block_on(async { Signals::new() })?;
        ready(self.addr);
        let ended = runtime.block_on(async {
            let mut draining = false;
            loop {
                tokio::select! {
                    asked = signals.next() => match asked {
                        Asked::Stop | Asked::Drain if draining => std::process::exit(130),
                        Asked::Drain if self.drains => draining = self.drain(),
                        Asked::Stop | Asked::Drain => break None,
                        Asked::Reload => self.reload_certificate(),
                        Asked::Report => info!("where the bytes went:\n{}", self.metrics.traffic),
                    },
                    name = self.ended.recv() => break name,
                    _ = self.drained.recv() => break None,
                }
            }
        });
        info!("stopping: clients are told; a second signal ends at once");
        std::thread::Builder::new().name("signal".to_owned()).spawn(move || {
            while !matches!(runtime.block_on(signals.next()), Asked::Stop | Asked::Drain) {}
            std::process::exit(130);
        })?;
        self.stop();
        ended.map_or(Ok(()), |name| Err(RunError::ThreadEnded(name)))
    }

    /// None runs before all of them are made: one that cannot be made would leave the others at the door.
    fn run_reactors(
        &mut self,
        made: Vec<(Reactor<Gateway>, Sender<ToReactor>)>,
        tell_ended: &mpsc::Sender<String>,
    ) -> Result<Vec<ReactorEnd>, StartError> {
        let mut ends = Vec::new();
        for (index, (reactor, sender)) in made.into_iter().enumerate() {
            ends.push((sender, reactor.waker()));
            self.reactors.push(spawn("reactor", index, tell_ended, move || run_reactor(reactor))?);
        }
        Ok(ends)
    }

    /// The same with its control thread, and so complete.
    fn controlled_by(
        mut self,
        (control, runtime): (Control, ControlRuntime),
        tell_ended: &mpsc::Sender<String>,
    ) -> Result<Self, StartError> {
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            runtime.run(control.run(async {
                let _ = stopped.await;
            }));
        };
        self.control = Some(spawn("control", 0, tell_ended, run)?);
        self.stop = Some(stop);
        Ok(self)
    }

    /// What the admin listener answers from.
    fn admin(&self, (listener, access): (TcpListener, Access), plain: &Arc<Plain>) -> (TcpListener, Arc<Admin>) {
        let (metrics, plain) = (Arc::clone(&self.metrics), Arc::clone(plain));
        let refusals = Refusals::new(ApiKind::Admin, Arc::clone(&metrics));
        (listener, Arc::new(Admin { access, refusals, metrics, plain, control: self.to_control.clone() }))
    }

    /// False: the control thread is too busy to hear of it.
    fn drain(&self) -> bool {
        let call = AdminCall::Drain { within: None, text: None };
        let is_told = self.to_control.try_send(ToControl::Admin(call)).is_ok();
        if !is_told {
            warn!("the control thread is too busy to drain; send the signal again");
        }
        is_told
    }

    fn reload_certificate(&self) {
        if self.to_control.try_send(ToControl::Reload).is_err() {
            warn!("the control thread is too busy to read the certificate anew; it looks at the files by itself");
        }
    }
}

/// Who may come in, by the keys and bans that the configuration names.
fn reception(config: &Config) -> Result<Reception, StartError> {
    Ok(Reception::open(&config.identity, config.admin.bans_file.as_deref(), &config.net.addresses.exempt)?)
}

fn tell_who_plays(reception: &Reception, listen: SocketAddr) {
    let who = reception.passes().summary();
    match reception.passes().is_anonymous() && !listen.ip().to_canonical().is_loopback() {
        true => warn!("{who}"),
        false => info!("{who}"),
    }
}

fn check_stop_text(config: &Config) -> Result<(), StartError> {
    let bytes = config.stop_text.len() + config.return_to.as_ref().map_or(0, |address| 1 + address.len());
    if bytes > CLOSE_TEXT_MAX_BYTES { Err(StartError::ReturnTo(bytes)) } else { Ok(()) }
}

/// The kernel would say only that the port is in use, and not by whom.
fn check_addresses(config: &Config) -> Result<(), StartError> {
    let (players, Some(admin)) = (config.listen, config.admin.listen) else { return Ok(()) };
    let is_same = players.ip() == admin.ip();
    let is_within =
        players.is_ipv4() == admin.is_ipv4() && [players, admin].iter().any(|addr| addr.ip().is_unspecified());
    let is_one = players.port() != 0 && players.port() == admin.port() && (is_same || is_within);
    if is_one { Err(StartError::OnePort { players, admin }) } else { Ok(()) }
}

/// Takes from the system what the configuration needs, as far as it gives that.
fn check_system(config: &NetConfig) -> Result<(), StartError> {
    let (descriptors, connections) = (descriptors::raise(), config.connections_max);
    if connections > descriptors::connections_for(descriptors) {
        return Err(StartError::Descriptors { connections, descriptors });
    }
    if let Some(kernel) = accept::kernel_backlog_max().filter(|kernel| *kernel < config.backlog) {
        warn!(
            kernel,
            configured = config.backlog,
            "fewer connections can wait to be accepted than net.backlog says: net.core.somaxconn is lower"
        );
    }
    if config.proxies.protocol && config.proxies.networks.is_empty() {
        warn!("net.proxy_protocol says nothing as long as net.proxies is empty");
    }
    for everybody in config.proxies.networks.iter().filter(|network| network.is_everybody()) {
        warn!(
            "net.proxies has {everybody}: whoever connects may say who he is, and no limit of addresses holds; name only \
             the addresses of your proxies"
        );
    }
    Ok(())
}

/// The listener for metrics and steering, if there is to be one, and who may use it.
fn admin_listener(config: &AdminConfig) -> Result<Option<(TcpListener, Access)>, StartError> {
    let Some(addr) = config.listen else { return Ok(None) };
    let access = Access::new(config, addr)?;
    let listener = accept::bind(addr).map_err(|source| StartError::AdminListen { source })?;
    let listen = listener.local_addr().unwrap_or(addr);
    info!(%listen, "metrics and steering");
    Ok(Some((listener, access)))
}

/// The certificate that the configuration names.
fn identity(config: &Config) -> Result<Option<Arc<Identity>>, StartError> {
    match (&config.tls_cert, &config.tls_key) {
        (Some(certificate), Some(key)) => {
            let identity = Identity::load(certificate, key)?;
            identity.tell("speaks TLS");
            Ok(Some(Arc::new(identity)))
        }
        (Some(_), None) => Err(StartError::HalfTls { given: "tls_cert", missing: "tls_key" }),
        (None, Some(_)) => Err(StartError::HalfTls { given: "tls_key", missing: "tls_cert" }),
        (None, None) => Ok(None),
    }
}

/// What a [`ReactorPort`] is made of.
type ReactorEnd = (Sender<ToReactor>, Arc<Waker>);

/// The ends of one tick thread's channels.
struct TickChannels {
    to_tick: Sender<ToTick>,
    inbox: Receiver<ToTick>,
    to_inputs: Sender<RoomInput>,
    inputs: Receiver<RoomInput>,
    to_home: Sender<Box<Batch>>,
    home: Receiver<Box<Batch>>,
}

impl TickChannels {
    fn new() -> Self {
        let (to_tick, inbox) = bounded(POST_CAPACITY);
        let (to_inputs, inputs) = bounded(INPUTS_CAPACITY);
        // there are as many batches as permits, and a permit is a box that exists: no bound is needed
        let (to_home, home) = unbounded();
        Self { to_tick, inbox, to_inputs, inputs, to_home, home }
    }

    fn port(&self) -> TickPort {
        TickPort::new(self.to_tick.clone(), self.to_inputs.clone(), self.to_home.clone())
    }
}
