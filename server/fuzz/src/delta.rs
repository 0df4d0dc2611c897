//! Hostile keyframes and deltas are refused or give rows that can be, and those come back through our own encoder.
//! With tables and without. True: none was refused as Rice codes.
//!
//! ```text
//! input   length · keyframe · { length · delta from what the piece before it gave }
//! ```

use tickwire_shared::delta::{
    Coder, DeltaScratch, Earlier, Layout, Past, RowBuffer, Rows, decode_delta, decode_keyframe, encode_delta_by,
    encode_keyframe,
};

use super::{layouts, slices};

/// A row takes five bits at least, and has 20 lanes at most.
const ROWS_PER_BYTE_MAX: usize = 2;

/// A range coder may read some bytes beyond the end.
const BYTES_BEHIND: usize = 8;

pub fn hold(input: &[u8]) -> bool {
    hold_under(&layouts::RANGE_LAYOUT, input);
    hold_under(&layouts::LAYOUT, input)
}

fn hold_under(layout: &Layout, input: &[u8]) -> bool {
    let schema = &*layouts::SCHEMA;
    let mut rest = input;
    let Some(keyframe) = slices::take(&mut rest) else { return false };
    // the newest first
    let mut states = <[RowBuffer; 3]>::default();
    let (mut now, mut count) = (RowBuffer::default(), 1);
    let mut accepted = decode_keyframe(layout, keyframe, &mut now).is_ok();
    if accepted {
        layouts::check_rows(schema, layout, now.rows());
        assert!(now.rows().entities.len() <= ROWS_PER_BYTE_MAX * keyframe.len());
        check_writing(layout, &past(&states, 1), &now);
        std::mem::swap(&mut states[0], &mut now);
    }
    while let Some(delta) = slices::take(&mut rest) {
        let past = past(&states, count);
        if decode_delta(layout, &past, delta, &mut DeltaScratch::default(), &mut now).is_err() {
            accepted = false;
            continue;
        }
        layouts::check_rows(schema, layout, now.rows());
        let most = past.base.entities.len() + ROWS_PER_BYTE_MAX * (delta.len() + BYTES_BEHIND);
        assert!(now.rows().entities.len() <= most);
        check_writing(layout, &past, &now);
        states.rotate_right(1);
        std::mem::swap(&mut states[0], &mut now);
        count += 1;
    }
    accepted
}

/// What both ends hold when so many states have come, a tick apart.
fn past(states: &[RowBuffer; 3], count: usize) -> Past<'_> {
    let rows = [states[1].rows(), states[2].rows()];
    let earlier = (count >= 3).then_some(Earlier { rows, spacing: 1, ahead: 1, moved: None });
    Past { base: states[0].rows(), earlier }
}

/// All forms of `now` are read back.
fn check_writing(layout: &Layout, past: &Past<'_>, now: &RowBuffer) {
    let (mut bytes, mut back, mut scratch) = (Vec::new(), RowBuffer::default(), DeltaScratch::default());
    encode_keyframe(layout, now.rows(), &mut bytes);
    decode_keyframe(layout, &bytes, &mut back).expect("we wrote it");
    check_same(layout, back.rows(), now.rows());

    for coder in [Coder::Rice, Coder::Range] {
        bytes.clear();
        encode_delta_by(coder, layout, past, now.rows(), &mut scratch, &mut bytes);
        decode_delta(layout, past, &bytes, &mut scratch, &mut back).expect("we wrote it");
        check_same(layout, back.rows(), now.rows());
    }
}

fn check_same(layout: &Layout, a: Rows<'_>, b: Rows<'_>) {
    assert_eq!(a.entities.len(), b.entities.len());
    for (a_entity, b_entity) in a.entities.iter().zip(b.entities) {
        assert_eq!((a_entity.id, a_entity.kind), (b_entity.id, b_entity.kind));
        let kind = layout.kind(a_entity.kind).expect("kinds are checked");
        assert_eq!(a.row(kind, a_entity), b.row(kind, b_entity));
    }
    assert_eq!(a.hash(layout), b.hash(layout));
}
