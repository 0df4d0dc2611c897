//! What players may ask of the lobby.

/// Rooms, reservations and the queue.
#[derive(Clone, PartialEq, Debug)]
pub struct LobbyConfig {
    /// Whether players may create rooms of their own.
    pub create: bool,
    /// How many, from one address.
    pub creations_per_minute: u32,
    /// Whether they may choose the options of the game in them. Only for games that refuse options that cost too much.
    pub client_options: bool,
    /// How long seats that are reserved over HTTP are kept.
    pub reservation_s: u32,
    /// How many of them one address may have at a time.
    pub reserved_per_address: usize,
    /// Most seats that are kept so at a time, and other tickets.
    pub tickets_max: usize,
    /// How far apart in skill those may be who have just come to the queue.
    pub queue_window: u32,
    /// By how much that grows with each second of waiting.
    pub queue_growth_per_s: u32,
    /// As far as this.
    pub queue_window_max: u32,
    /// Most groups that wait.
    pub queue_max: usize,
    /// Requests to the HTTP API a second, from one address; twice as many at once.
    pub api_requests_per_s: u32,
}

impl Default for LobbyConfig {
    fn default() -> Self {
        Self {
            create: true,
            creations_per_minute: 10,
            client_options: false,
            reservation_s: 15,
            reserved_per_address: 64,
            tickets_max: 100_000,
            queue_window: 50,
            queue_growth_per_s: 10,
            queue_window_max: 500,
            queue_max: 10_000,
            api_requests_per_s: 20,
        }
    }
}
