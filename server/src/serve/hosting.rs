//! Which games a server hosts.

use std::sync::Arc;
use std::time::Duration;

use tickwire_shared::Game;
use tokio::sync::mpsc;

use super::{Running, Server, StartError};
use crate::config::{Config, LobbyConfig, SessionLimits};
use crate::control::api::Api;
use crate::control::http::Plain;
use crate::control::site::Site;
use crate::handover::ToControl;
use crate::lobby::queue::{Queue, Window};
use crate::metrics::Metrics;
use crate::room::RoomError;
use crate::room::hosted::{Hosted, HostedGame, RoomTerms};
use crate::session::{GameTerms, HostTerms};

/// A server that listens and knows what it will host, made by [`Server::host`].
///
/// ```no_run
/// # fn host<Chess: tickwire_shared::Game, Coins: tickwire_shared::Game>() -> Result<(), Box<dyn std::error::Error>> {
/// use tickwire_server::{Config, Server, Site};
///
/// let server = Server::bind(Config::default())?
///     .host::<Chess>(Chess::Options::default())
///     .host::<Coins>(Coins::Options::default())
///     .start(Site::default())?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Hosting {
    server: Server,
    games: Vec<Box<dyn HostedGame>>,
}

impl Server {
    /// Will host game `G`, whose rooms are made with `options` where nobody chooses others.
    #[must_use]
    pub fn host<G: Game>(self, options: G::Options) -> Hosting {
        Hosting { server: self, games: vec![Box::new(Hosted::<G>::new(options))] }
    }

    /// Starts to serve game `G` alone; rooms are made with `options`, plain HTTP is answered from `site`.
    ///
    /// # Errors
    /// The game refuses its options, or the system gives no threads.
    pub fn start<G: Game>(self, options: G::Options, site: Site) -> Result<Running, StartError> {
        self.host::<G>(options).start(site)
    }
}

impl Hosting {
    /// And game `G`.
    #[must_use]
    pub fn host<G: Game>(mut self, options: G::Options) -> Self {
        self.games.push(Box::new(Hosted::<G>::new(options)));
        self
    }

    /// Starts to serve them; plain HTTP is answered from `site`.
    ///
    /// # Errors
    /// A game refuses its options, two have one name, or the system gives no threads.
    pub fn start(self, site: Site) -> Result<Running, StartError> {
        let mut names: Vec<&str> = self.games.iter().map(|game| game.name()).collect();
        names.sort_unstable();
        if let Some(twice) =
            self.games.iter().find(|game| names.iter().filter(|name| **name == game.name()).count() > 1)
        {
            return Err(StartError::GameTwice { game: twice.name() });
        }
        self.server.serve(self.games.into(), site)
    }
}

/// The seats of a room of each game; made to learn that the games take their options before anybody waits for a room.
pub(super) fn seats(games: &Arc<[Box<dyn HostedGame>]>) -> Result<Vec<(&'static str, usize)>, StartError> {
    let of = |game: &dyn HostedGame| {
        let refused = |source| StartError::Game { game: game.name(), source };
        Ok((game.name(), game.seats().map_err(refused)?))
    };
    games.iter().map(|game| of(&**game)).collect()
}

/// On which terms rooms are made.
pub(super) fn room_terms(config: &Config) -> RoomTerms {
    RoomTerms {
        client_bytes_per_s: config.client_bytes_per_s,
        grace_max: Duration::from_millis(config.session.grace_max_ms),
        unacked_max_bytes: config.net.unacked_max_bytes,
    }
}

/// What answers plain requests.
pub(super) fn plain(site: Site, config: &Config, to_control: mpsc::Sender<ToControl>, metrics: &Arc<Metrics>) -> Plain {
    let (origins, exempt) = (config.net.origins.clone(), config.net.addresses.exempt.clone());
    let api = Api::new(to_control, origins, (config.lobby.api_requests_per_s, exempt), Arc::clone(metrics));
    let is_shared = !config.net.proxies.networks.is_empty();
    Plain::new(site).with_head_limits(config.net.head).with_api(api).behind_proxies(is_shared)
}

/// Where players wait for others.
pub(super) fn queue(config: &LobbyConfig) -> Queue {
    let LobbyConfig { queue_window, queue_growth_per_s, queue_window_max, queue_max, .. } = *config;
    let (start, growth_per_s, max) = (queue_window.into(), queue_growth_per_s.into(), queue_window_max.into());
    Queue::new(Window { start, growth_per_s, max }, queue_max)
}

/// What sessions must know of them.
pub(super) fn terms(games: &Arc<[Box<dyn HostedGame>]>, limits: SessionLimits) -> Result<HostTerms, StartError> {
    let of = |game: &dyn HostedGame| {
        let impossible = |error| StartError::Game { game: game.name(), source: RoomError::Layout(error) };
        GameTerms::new(game.schema(), game.payloads()).map_err(impossible)
    };
    Ok(HostTerms::new(games.iter().map(|game| of(&**game)).collect::<Result<_, StartError>>()?, limits))
}
