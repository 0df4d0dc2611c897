//! How many sockets this process may have: descriptors are what connections run out of first.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are left for everything else: listeners, polls, files, those who hear that we are full.
pub const RESERVE: usize = 256;

/// What is asked for where the system sets no bound, as macOS does, which gives no more.
const UNBOUNDED: u64 = 10_240;

/// No default is higher; who wants more has the memory for it too, and says so.
const DEFAULT_MAX: usize = 1_000_000;

/// The default: as many connections as there are descriptors for, once [`raise`] has been called.
pub fn connections_max() -> usize {
    connections_for(usize::try_from(attainable()).unwrap_or(usize::MAX)).min(DEFAULT_MAX)
}

fn attainable() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(UNBOUNDED)
}

/// Most connections with so many descriptors.
pub fn connections_for(descriptors: usize) -> usize {
    // with next to nothing, half is better than none
    descriptors.saturating_sub(RESERVE).max(descriptors / 2).max(1)
}

/// Raises this process's limit of descriptors as far as it may without asking anybody. The limit of most systems is
/// low for the sake of programs that use `select`. The answer is the limit then.
pub fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < attainable()) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(attainable()), ..limit });
        if let Err(error) = raised {
            tracing::warn!(%error, "cannot raise the limit of descriptors");
        }
    }
    getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_left_and_something_is_always_possible() {
        for (descriptors, connections) in
            [(20_000, 19_744), (1_024, 768), (512, 256), (300, 150), (1, 1), (1_000_000_256, 1_000_000_000)]
        {
            assert_eq!(connections_for(descriptors), connections, "{descriptors}");
        }
    }

    #[test]
    fn what_may_be_raised_is() {
        let limit = raise();
        assert_eq!(limit as u64, attainable());
        assert_eq!(raise(), limit, "twice is once");
    }
}
