//! How many sockets the system lets us have.

use std::fs;

use crate::swarm::SwarmError;

/// Files that are open beside the bots' sockets: standard streams, the runtime's, the results.
const OTHERS: usize = 32;

/// Refuses a swarm that would run out of sockets half-way, and say so two hundred times.
pub(crate) fn enough_for(bots: usize) -> Result<(), SwarmError> {
    let needed = bots + OTHERS;
    match allowed() {
        Some(allowed) if allowed < needed => Err(SwarmError::TooFewFiles { bots, needed, allowed }),
        _ => Ok(()),
    }
}

/// The soft limit, where the system tells it in a file.
fn allowed() -> Option<usize> {
    soft_limit(&fs::read_to_string("/proc/self/limits").ok()?)
}

fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_found() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             63432                63432                processes\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(soft_limit("Max open files            unlimited            unlimited            files\n"), None);
        assert_eq!(soft_limit(""), None);
    }
}
