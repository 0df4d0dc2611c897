//! Texts that say what they belong to, and where they stand in the bits of a message, whatever it is built of.

/// What a mark belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// A field that all receive who may see the entity.
    Entity,
    /// An owner-only field.
    Secret,
    /// An event.
    Event,
}

/// A text of 12 bytes, four of which no other text has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    pub of: Of,
    /// The entity's id or the event's number.
    pub id: u32,
    pub tick: u32,
}

const SIGN: &[u8; 4] = b"~#!?";
pub const MARK_BYTES: usize = 12;

impl Mark {
    pub fn text(self) -> String {
        let of = match self.of {
            Of::Entity => 'E',
            Of::Secret => 'S',
            Of::Event => 'V',
        };
        let text = format!("~#!?{of}{:03x}{:04x}", self.id, self.tick);
        assert_eq!(text.len(), MARK_BYTES, "{self:?} does not fit");
        text
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes.strip_prefix(SIGN)?).ok()?;
        let of = match text.as_bytes()[0] {
            b'E' => Of::Entity,
            b'S' => Of::Secret,
            b'V' => Of::Event,
            _ => return None,
        };
        let number = |range| text.get(range).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        Some(Self { of, id: number(1..4)?, tick: number(4..8)? })
    }

    /// All marks that begin at any bit of `message`.
    pub fn find_all(message: &[u8]) -> Vec<Self> {
        let sign = u128::from(u32::from_le_bytes(*SIGN));
        let mut window = 0u128;
        let mut found = Vec::new();
        for byte in message {
            for bit in 0..8 {
                window = window >> 1 | u128::from(byte >> bit & 1) << 95;
                if window & 0xffff_ffff == sign {
                    found.extend(Self::parse(&window.to_le_bytes()[..MARK_BYTES]));
                }
            }
        }
        found
    }
}

#[test]
fn marks_are_found_at_any_bit() {
    let marks = [Mark { of: Of::Secret, id: 4095, tick: 65535 }, Mark { of: Of::Event, id: 0, tick: 1 }];
    for offset in 0..17 {
        let mut bytes = Vec::new();
        let mut bits = tickwire_shared::bits::BitWriter::new(&mut bytes);
        bits.write(0, offset);
        marks.iter().flat_map(|mark| mark.text().into_bytes()).for_each(|byte| bits.write(byte.into(), 8));
        bits.finish();
        assert_eq!(Mark::find_all(&bytes), marks, "{offset} bits from the beginning");
    }
}
