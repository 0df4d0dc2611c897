//! What tests of the program from outside share: it, a server for it, and a folder for its files. Each needs a part of
//! this.
#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tickwire_arena::{Arena, Options};
use tickwire_server::{Config, Running, Server, Site};

/// A folder that is gone after the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-bots-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("there is a place for files");
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("text").to_owned()
    }

    pub fn file(&self, name: &str, contents: &str) -> String {
        fs::write(self.0.join(name), contents).expect("the folder takes files");
        self.path(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Arena's, and its session address.
pub fn server() -> (Running, String) {
    let config = Config { listen: "127.0.0.1:0".parse().expect("an address"), ..Config::default() };
    let server = Server::bind(config).expect("loopback has a free port");
    let running = server.start::<Arena>(Options::default(), Site::default()).expect("Arena runs");
    let url = format!("ws://{}/ws", running.addr());
    (running, url)
}

pub fn bots(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tickwire-bots")).args(args).output().expect("the program starts")
}

/// What the program wrote to this file.
pub fn json(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(file).expect("it was written")).expect("it is JSON")
}
