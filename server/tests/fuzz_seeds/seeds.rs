//! What the seeds are made of; the findings of fuzzing lie beside them as they were found.

mod http;
mod json;
mod protocol;
mod ws;

/// Target, name, bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

pub fn all() -> Vec<Seed> {
    [http::seeds(), json::seeds(), ws::seeds(), protocol::seeds()].concat()
}

/// With its length in front, as the targets read it; 255 and more only as the last one.
fn slice(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    [&[length], bytes].concat()
}
