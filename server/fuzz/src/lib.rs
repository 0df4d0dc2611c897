//! What must hold whatever the bytes are: one function `hold` for each fuzz target. The targets call them with a
//! fuzzer's inputs, `server/tests/fuzz_seeds` with the seeds, on any toolchain.

pub mod client;
pub mod delta;
pub mod http_head;
pub mod json;
pub mod layouts;
pub mod messages;
pub mod reads;
pub mod replica;
pub mod slices;
pub mod ws_frames;
pub mod ws_inflate;
pub mod ws_offer;
