//! Whom the swarm trusts over `wss://`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use tickwire_shared::native::Trust;

use crate::cli::TrustArgs;
use crate::swarm::SwarmError;

/// All authorities of a system take a fifth of it.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// What the flags say; the file is read now.
pub(crate) fn trust(args: &TrustArgs) -> Result<Trust, SwarmError> {
    let Some(file) = &args.ca else {
        return Ok(if args.insecure { Trust::anybody() } else { Trust::default() });
    };
    let pem = read(file).map_err(|source| SwarmError::Authorities { file: file.clone(), source })?;
    Trust::in_pem(&pem).map_err(|source| SwarmError::Trust { file: file.clone(), source })
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    // a pipe or a device may have no end
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(io::Error::other("it has more than 1 MiB"));
    }
    Ok(bytes)
}
