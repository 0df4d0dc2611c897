//! The state of one channel on the wire: a keyframe, or a delta from what the other end holds.
//!
//! Both ends keep a channel's entities as rows sorted by id. A delta speaks of the baseline's rows by their place, so
//! it needs no ids for what is already known:
//!
//! ```text
//! keyframe   count · { id gap · kind · fields }
//! delta      structure? [ removed count · { place gap } · entered count · { id gap · kind · fields } ]
//!            changed count · { place gap · a bit for each field · residuals of those that changed }
//! ```
//!
//! Places of changed rows count the baseline's rows without the removed ones. Residuals are signed differences in
//! lane units with a two-bit width class in front; angles take the shorter way round. The encoder stands beside its
//! decoder, file by file.

mod decode;
mod encode;
mod layout;
mod row;

pub use decode::{decode_delta, decode_keyframe, decode_row};
pub use encode::{DeltaScratch, encode_delta, encode_keyframe, encode_row};
pub use layout::{KindLayout, Layout, LayoutError, Part, Unit};
pub use row::{EntityRow, RowBuffer, Rows, entity_hash};
