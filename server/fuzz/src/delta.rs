//! Hostile keyframes and deltas are refused or give rows that can be, and those come back through our own encoder.
//! True: none was refused.
//!
//! ```text
//! input   length · keyframe · { length · delta from what the piece before it gave }
//! ```

use tickwire_shared::delta::{
    DeltaScratch, Layout, RowBuffer, Rows, decode_delta, decode_keyframe, encode_delta, encode_keyframe,
};

use super::{layouts, slices};

/// A row takes six bits at least, and 15 lanes at most.
const ROWS_PER_BYTE_MAX: usize = 2;

pub fn hold(input: &[u8]) -> bool {
    let (schema, layout) = (&*layouts::SCHEMA, &*layouts::LAYOUT);
    let mut rest = input;
    let Some(keyframe) = slices::take(&mut rest) else { return false };
    let (mut base, mut now) = (RowBuffer::default(), RowBuffer::default());
    let mut accepted = decode_keyframe(layout, keyframe, &mut now).is_ok();
    if accepted {
        layouts::check_rows(schema, layout, now.rows());
        assert!(now.rows().entities.len() <= ROWS_PER_BYTE_MAX * keyframe.len());
        check_writing(layout, &base, &now);
        std::mem::swap(&mut base, &mut now);
    }
    while let Some(delta) = slices::take(&mut rest) {
        if decode_delta(layout, base.rows(), delta, &mut now).is_err() {
            accepted = false;
            continue;
        }
        layouts::check_rows(schema, layout, now.rows());
        let most = base.rows().entities.len() + ROWS_PER_BYTE_MAX * delta.len();
        assert!(now.rows().entities.len() <= most);
        check_writing(layout, &base, &now);
        std::mem::swap(&mut base, &mut now);
    }
    accepted
}

/// Both forms of `now` are read back.
fn check_writing(layout: &Layout, base: &RowBuffer, now: &RowBuffer) {
    let (mut bytes, mut back) = (Vec::new(), RowBuffer::default());
    encode_keyframe(layout, now.rows(), &mut bytes);
    decode_keyframe(layout, &bytes, &mut back).expect("we wrote it");
    check_same(layout, back.rows(), now.rows());

    bytes.clear();
    encode_delta(layout, base.rows(), now.rows(), &mut DeltaScratch::default(), &mut bytes);
    decode_delta(layout, base.rows(), &bytes, &mut back).expect("we wrote it");
    check_same(layout, back.rows(), now.rows());
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
