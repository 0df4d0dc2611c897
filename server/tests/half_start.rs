//! A start that fails half way, for want of descriptors: it says so, and leaves nothing behind that answers.

use std::fs::File;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tickwire_server::{Config, Server, Site};
use tickwire_shared::{Game, Leave, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, World};

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Lamp {
    lit: bool,
}

#[derive(Clone, Debug, PartialEq, World)]
enum Kinds {
    Lamp(Lamp),
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

struct Dark;

impl Game for Dark {
    const NAME: &'static str = "dark";
    type World = Kinds;
    type Input = Nothing;
    type Command = ();
    type Event = ();
    type Options = ();

    fn new((): (), _: &mut Setup) -> Result<Self, Refusal> {
        Ok(Self)
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, _: &mut Step<'_, Self>) {}
    fn publish(&self, _: &mut Publisher<'_, Kinds>) {}
}

/// All descriptors that the process may still have.
fn take_all(held: &mut Vec<File>) {
    held.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
}

/// In a runtime of its own, as an embedder may be: what is dropped there must not be another runtime. The only test of
/// its program, since descriptors are the whole process's.
#[tokio::test]
async fn who_has_too_few_descriptors_is_told_and_nothing_answers_at_the_port() {
    let few = Some(300);
    setrlimit(Resource::Nofile, Rlimit { current: few, maximum: few }).expect("less is always granted");
    let (mut held, mut failed) = (Vec::new(), 0);
    for spare in 0..200 {
        held.clear();
        let listen = "127.0.0.1:0".parse().expect("an address");
        let config = Config { listen, reactors: 3, tick_threads: 1, ..Config::default() };
        let server = Server::bind(config).expect("there are descriptors");
        let addr = server.addr();
        take_all(&mut held);
        held.truncate(held.len() - spare);
        let started = server.start::<Dark>((), Site::default());
        held.clear();
        match started {
            Ok(running) => {
                drop(TcpStream::connect(addr).expect("it listens"));
                tokio::task::spawn_blocking(move || running.stop()).await.expect("it stops");
                assert!(failed > 3, "it was to fail before");
                return;
            }
            Err(error) => {
                failed += 1;
                assert!(error.to_string().contains("thread"), "{error}");
                let answer = TcpStream::connect_timeout(&addr, Duration::from_secs(5));
                assert!(answer.is_err(), "somebody is still at the door with {spare} descriptors: {error}");
            }
        }
    }
    panic!("200 descriptors were too few");
}
