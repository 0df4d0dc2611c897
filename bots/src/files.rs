//! How many sockets the system lets us have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::swarm::SwarmError;

/// Files that are open beside the bots' sockets: standard streams, the threads' polls, the results.
const OTHERS: usize = 32;

/// Raises this process's limit of files to what the swarm needs, as far as it may without asking anybody.
///
/// # Errors
/// It may not: the swarm would run out of sockets half-way, and say so two hundred times.
pub(crate) fn enough_for(bots: usize) -> Result<(), SwarmError> {
    let needed = bots + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(needed).unwrap_or(u64::MAX);
    let enough = |allowed: Option<u64>| allowed.is_none_or(|allowed| allowed >= wanted);
    if enough(limit.current) {
        return Ok(());
    }
    let raised =
        enough(limit.maximum) && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).is_ok();
    if raised {
        return Ok(());
    }
    let allowed = limit.maximum.or(limit.current).and_then(|allowed| usize::try_from(allowed).ok()).unwrap_or_default();
    Err(SwarmError::TooFewFiles { bots, needed, allowed })
}
