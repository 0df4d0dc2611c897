//! The name under which a player is shown.

use tickwire_shared::SeatId;

use crate::kinds::NAME_BYTES;

/// `wish`, fit to be shown: without control characters, trimmed, cut to [`NAME_BYTES`] before the character that does
/// not fit; "Pilot N" when nothing is left.
pub(crate) fn shown_name(wish: &str, seat: SeatId) -> String {
    let printable: String = wish.trim().chars().filter(|c| !c.is_control()).collect();
    let cut = printable[..printable.floor_char_boundary(NAME_BYTES.into())].trim();
    if cut.is_empty() { format!("Pilot {}", seat.0 + 1) } else { cut.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_to_be_shown() {
        let shown = |wish| shown_name(wish, SeatId(4));
        assert_eq!(shown("  Ada  "), "Ada");
        assert_eq!(shown(""), "Pilot 5");
        assert_eq!(shown(" \u{7}\n "), "Pilot 5");
        assert_eq!(shown("a\u{0}b"), "ab");
        assert_eq!(shown("0123456789abcdefghi"), "0123456789abcdef");
        assert_eq!(shown("ääääääääö"), "ääääääää");
        assert_eq!(shown("0123456789abcdeß"), "0123456789abcde");
    }
}
