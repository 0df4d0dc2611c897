//! A game's kinds that use everything that the codec knows.

use std::sync::LazyLock;

use tickwire_shared::delta::{Layout, Rows};
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};

/// Every quantizer in one kind, a kind without fields, one of a single number, and an input.
pub static SCHEMA: LazyLock<Schema> = LazyLock::new(schema);
/// Its kinds, compiled.
pub static LAYOUT: LazyLock<Layout> = LazyLock::new(|| Layout::new(&SCHEMA).expect("it is sound"));

fn schema() -> Schema {
    let every = vec![
        field("flag", Quantizer::Bool, 1, false),
        field("small", Quantizer::Int { min: -3, max: 5 }, 1, false),
        field("wide", Quantizer::Int { min: 0, max: u32::MAX.into() }, 1, false),
        field("float", Quantizer::Float { min: -10.0, step: 0.25, span: 1000 }, 1, false),
        field("secret", Quantizer::Int { min: 0, max: 200 }, 1, true),
        field("turn", Quantizer::Angle { bits: 12 }, 1, false),
        field("state", Quantizer::Enum { variants: vec!["A".into(), "B".into(), "C".into()] }, 1, false),
        field("name", Quantizer::Text { max_bytes: 9 }, 1, false),
        field("array", Quantizer::Int { min: 0, max: 99 }, 3, false),
        field("way", Quantizer::Quat { bits: 9 }, 1, false),
        field("secret name", Quantizer::Text { max_bytes: 2 }, 1, true),
    ];
    let mover = vec![field("x", Quantizer::Float { min: 0.0, step: 1.0, span: 65535 }, 1, false)];
    let input = vec![
        field("go", Quantizer::Int { min: -1, max: 1 }, 2, false),
        field("aim", Quantizer::Angle { bits: 10 }, 1, false),
        field("fire", Quantizer::Bool, 1, false),
        field("word", Quantizer::Text { max_bytes: 12 }, 1, false),
    ];
    let kinds = [kind("every", every), kind("empty", Vec::new()), kind("mover", mover)];
    Schema { game: "test".into(), version: 0, kinds: kinds.into(), input: kind("input", input) }
}

fn kind(name: &str, fields: Vec<Field>) -> KindSchema {
    KindSchema { name: name.into(), fields }
}

fn field(name: &str, quantizer: Quantizer, count: u16, owner_only: bool) -> Field {
    Field { name: name.into(), quantizer, count, owner_only }
}

/// Rows are sorted, of known kinds, and every lane is in its field's range.
pub fn check_rows(schema: &Schema, layout: &Layout, rows: Rows<'_>) {
    assert!(rows.entities.is_sorted_by(|a, b| a.id < b.id), "sorted by id, no id twice");
    for entity in rows.entities {
        let kind = layout.kind(entity.kind).expect("kinds are checked");
        check_row(&schema.kinds[usize::from(entity.kind)], rows.row(kind, entity));
    }
}

/// Every lane of a row is in its field's range; `lanes` may have more than the kind has, which are 0.
pub fn check_row(kind: &KindSchema, mut lanes: &[u32]) {
    for field in &kind.fields {
        for _ in 0..field.count {
            let (value, behind) = lanes.split_at(field.quantizer.lanes());
            lanes = behind;
            let most = match &field.quantizer {
                Quantizer::Quat { bits } => {
                    assert!(
                        value[0] < 4 && value[1..].iter().all(|lane| *lane < 1 << bits),
                        "{}: {value:?}",
                        field.name
                    );
                    continue;
                }
                Quantizer::Bool => 1,
                Quantizer::Int { min, max } => (max - min) as u32,
                Quantizer::Float { span, .. } => *span,
                Quantizer::Angle { bits } => (1 << bits) - 1,
                Quantizer::Enum { variants } => variants.len() as u32 - 1,
                Quantizer::Text { max_bytes } => (*max_bytes).into(),
            };
            assert!(value[0] <= most, "{} of {}: {value:?}", field.name, kind.name);
            let text: Vec<u8> = value[1..].iter().flat_map(|lane| lane.to_le_bytes()).collect();
            let behind_text = text.iter().skip(value[0] as usize);
            assert!(behind_text.copied().all(|byte| byte == 0), "behind a text's end is nothing");
        }
    }
    assert!(lanes.iter().all(|lane| *lane == 0));
}
