//! A stock ticker in the browser: the server pushes, nobody says anything. The page speaks `tickwire.1.json` and is told
//! only the prices that changed: see `ticker.js`.

use tickwire_server::{Config, Server, Site};
use tickwire_shared::*;

/// Made up, as are the prices.
const STOCKS: [(&str, &str, f64); 12] = [
    ("ANVL", "Anvil & Daughters", 84.10),
    ("BRGE", "Bridge Logistics", 31.45),
    ("COMT", "Comet Freight", 212.00),
    ("DUNE", "Dune Solar", 18.72),
    ("EMBR", "Ember Power", 67.30),
    ("FERN", "Fern Foods", 45.05),
    ("GLAS", "Glasswork Optics", 129.60),
    ("HRBR", "Harbour Bank", 92.88),
    ("IRIS", "Iris Medical", 301.15),
    ("JUNI", "Juniper Air", 12.94),
    ("KITE", "Kite Networks", 158.20),
    ("LOOM", "Loom Textiles", 9.37),
];

/// `{"set":{"3":{"kind":"Quote","symbol":"DUNE","price":18.74,...}}}`, and later `{"set":{"3":{"price":18.75}}}`
#[derive(Clone, Replicate)]
pub struct Quote {
    #[field(max_bytes = 4)]
    pub symbol: String,
    #[field(max_bytes = 24)]
    pub name: String,
    #[field(min = 0.0, max = 10000.0, step = 0.01)]
    pub price: f32,
    /// At the start of the day.
    #[field(min = 0.0, max = 10000.0, step = 0.01)]
    pub open: f32,
    /// Shares that have changed hands.
    pub volume: u32,
}
#[derive(Clone, World)]
pub enum Kinds {
    Quote(Quote),
}
#[derive(Clone, Default, Replicate)]
pub struct NoInput {}

pub struct Ticker {
    quotes: Vec<Quote>,
}

impl Game for Ticker {
    const NAME: &'static str = "ticker";
    type World = Kinds;
    type Input = NoInput;
    type Command = ();
    type Event = ();
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(5);
        setup.seats = 1000;
        let quote = |(symbol, name, price): &(&str, &str, f64)| {
            let (price, rng) = (*price as f32, &mut setup.rng);
            let (symbol, name) = ((*symbol).to_owned(), (*name).to_owned());
            Quote { symbol, name, price, open: price, volume: 1000 * rng.below(900) }
        };
        Ok(Self { quotes: STOCKS.iter().map(quote).collect() })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        for quote in &mut self.quotes {
            // of most nothing is traded at a tick
            if step.rng.below(5) == 0 {
                let way = step.rng.between(-1.0, 1.0) + step.rng.between(-1.0, 1.0);
                // a little back to where it began, so that nobody is ruined overnight
                let home = 0.002 * (quote.open / quote.price - 1.0);
                quote.price = (quote.price * (1.0 + 0.0015 * way + home)).clamp(0.01, 9999.0);
                quote.volume = quote.volume.saturating_add(10 * (1 + step.rng.below(80)));
            }
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        for (id, quote) in (0..).zip(&self.quotes) {
            out.put(EntityId(id), Place::Everywhere, quote);
        }
    }
}

/// The page, and what it needs.
pub fn site() -> Site {
    Site::default()
        .with_file("/index.html", include_bytes!("ticker.html"))
        .with_file("/ticker.js", include_bytes!("ticker.js"))
        .with_file("/ticker.css", include_bytes!("ticker.css"))
        .with_file("/page.css", include_bytes!("page.css"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // an address and a port, if any is given
    let listen = std::env::args().nth(1).map_or(Ok(Config::default().listen), |listen| {
        listen.parse().map_err(|_| format!("{listen} is nothing to listen on; it takes such as 127.0.0.1:7777"))
    })?;
    let server = Server::bind(Config { listen, ..Config::default() })?.start::<Ticker>((), site())?;
    server.stop_on_signal(|addr| println!("the ticker is on: http://{addr}/"))?;
    Ok(())
}
