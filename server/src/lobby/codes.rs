//! Codes of private rooms: short enough to be read out, without signs that look alike.

use tracing::error;

const SIGNS: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const LENGTH: usize = 8;

/// A code that nobody has; none when the system gives no random numbers. There are 853 thousand millions of them: a guess
/// finds one of a thousand rooms in 853 million tries, and an address has `identity.failed_per_minute` of them.
pub(super) fn new_code(is_taken: impl Fn(&str) -> bool) -> Option<String> {
    loop {
        let mut bits = [0u8; 8 * LENGTH];
        if let Err(error) = getrandom::fill(&mut bits) {
            error!(%error, "the system gives no random numbers: there are no private rooms");
            return None;
        }
        // of 64 bits for 31 signs none is likelier than another by more than a millionth of a millionth
        let sign = |eight: &[u8; 8]| char::from(SIGNS[(u64::from_le_bytes(*eight) % SIGNS.len() as u64) as usize]);
        let code: String = bits.as_chunks::<8>().0.iter().map(sign).collect();
        if !is_taken(&code) {
            return Some(code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_can_be_read_out_and_are_all_different() {
        let mut had = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let code = new_code(|code| had.contains(code)).expect("the system has random numbers");
            assert!(code.len() == LENGTH && code.bytes().all(|sign| SIGNS.contains(&sign)), "{code}");
            assert!(had.insert(code));
        }
    }
}
