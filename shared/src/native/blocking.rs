//! The same without async: for games with a loop of their own.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::{ConnectError, Connection, ConnectionError, Trust};
use crate::client::{Client, Interpolation, Predict, PredictError, Returning};
use crate::game::Game;
use crate::protocol::{JoinRequest, ResumeToken};

/// A [`Connection`] that is driven by calls that return within a time: once a picture of the game, say.
///
/// ```no_run
/// # fn play<G: tickwire_shared::Game>() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tickwire_shared::{Profile, native::Blocking};
///
/// let mut connection = Blocking::<G>::connect("ws://127.0.0.1:7777/ws", Profile::named("ann"))?;
/// loop {
///     connection.receive_for(Duration::from_millis(5))?;
///     let now = connection.now();
///     for (id, entity) in connection.client().sample(now) { /* draw it */ }
///     connection.client().input(now, &G::Input::default());
///     connection.flush()?;
/// }
/// # }
/// ```
pub struct Blocking<G: Game> {
    connection: Connection<G>,
    runtime: Runtime,
}

impl<G: Game> Blocking<G> {
    /// As [`Connection::connect`]; waits for it.
    ///
    /// # Errors
    /// See [`ConnectError`]; each says what to do.
    pub fn connect(url: &str, request: impl Into<JoinRequest>) -> Result<Self, ConnectError> {
        Self::connect_trusting(url, request, &Trust::default())
    }

    /// As [`Connection::connect_trusting`]; waits for it.
    ///
    /// ```
    /// use std::{error::Error, time::Duration};
    /// use tickwire_shared::client::{Interpolation, Returning};
    /// use tickwire_shared::{Predict, native::{Blocking, Trust}};
    ///
    /// fn visit<G: Predict>(url: &str, pem: &[u8]) -> Result<(), Box<dyn Error>> {
    ///     let player = Blocking::<G>::connect_trusting(url, "ann", &Trust::in_pem(pem)?)?.predict()?;
    ///     let mut player = player.interpolation(Interpolation::Hermite).returning(Returning::new(7));
    ///     player.receive_for(Duration::from_secs(1))?;
    ///     Ok(player.leave()?)
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`ConnectError`]; each says what to do.
    pub fn connect_trusting(url: &str, request: impl Into<JoinRequest>, trust: &Trust) -> Result<Self, ConnectError> {
        let runtime = runtime(url)?;
        let connection = runtime.block_on(Connection::connect_trusting(url, request, trust))?;
        Ok(Self { connection, runtime })
    }

    /// As [`Connection::back_to`]; waits for it.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::coins::Coins;
    /// use tickwire_shared::{native::{Blocking, ConnectError, Trust}, protocol::ResumeToken};
    ///
    /// fn again(token: ResumeToken) -> Result<Blocking<Coins>, ConnectError> {
    ///     Ok(Blocking::back_to("ws://127.0.0.1:7777/ws", token, &Trust::default())?.once())
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`ConnectError`]; each says what to do.
    pub fn back_to(url: &str, token: ResumeToken, trust: &Trust) -> Result<Self, ConnectError> {
        let runtime = runtime(url)?;
        let connection = runtime.block_on(Connection::back_to(url, token, trust))?;
        Ok(Self { connection, runtime })
    }

    /// As [`Connection::predict`].
    ///
    /// # Errors
    /// The game names a field that it has not.
    pub fn predict(self) -> Result<Self, PredictError>
    where
        G: Predict,
    {
        Ok(Self { connection: self.connection.predict()?, ..self })
    }

    /// As [`Connection::interpolation`].
    #[must_use]
    pub fn interpolation(self, interpolation: Interpolation) -> Self {
        Self { connection: self.connection.interpolation(interpolation), ..self }
    }

    /// As [`Connection::returning`].
    #[must_use]
    pub fn returning(self, returning: Returning) -> Self {
        Self { connection: self.connection.returning(returning), ..self }
    }

    /// As [`Connection::once`].
    #[must_use]
    pub fn once(self) -> Self {
        Self { connection: self.connection.once(), ..self }
    }

    /// Takes what comes within `time`, and returns as soon as something has come and nothing more is there. Tells
    /// whether anything came.
    ///
    /// # Errors
    /// The connection is over for good.
    pub fn receive_for(&mut self, time: Duration) -> Result<bool, ConnectionError> {
        let until = Instant::now() + time;
        let mut came = false;
        loop {
            let wait = if came { Duration::ZERO } else { until.saturating_duration_since(Instant::now()) };
            let receiving = self.connection.receive();
            match self.runtime.block_on(async { tokio::time::timeout(wait, receiving).await }) {
                Ok(received) => received?,
                Err(_) => return Ok(came),
            }
            came = true;
            if Instant::now() >= until {
                return Ok(true);
            }
        }
    }

    /// As [`Connection::flush`].
    ///
    /// # Errors
    /// The connection is over for good.
    pub fn flush(&mut self) -> Result<(), ConnectionError> {
        self.runtime.block_on(self.connection.flush())
    }

    /// The client; after using it call [`Blocking::flush`].
    pub fn client(&mut self) -> &mut Client<G> {
        &mut self.connection.client
    }

    /// The time that the client's methods take here.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.connection.now()
    }

    /// As [`Connection::leave`]; waits until the server has closed.
    ///
    /// # Errors
    /// The connection broke first.
    pub fn leave(self) -> Result<(), ConnectionError> {
        self.runtime.block_on(self.connection.leave())
    }
}

fn runtime(url: &str) -> Result<Runtime, ConnectError> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    runtime.map_err(|source| ConnectError::Unreachable { url: url.to_owned(), source })
}
