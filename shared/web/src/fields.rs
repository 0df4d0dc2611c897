//! What JavaScript must know of a field.

use tickwire_shared::schema::{Field, Quantizer};

/// Types of columns, as `assets/web/tickwire/src/schema.js` numbers them.
pub(crate) mod column {
    pub(crate) const BOOL: u32 = 0;
    pub(crate) const INT: u32 = 1;
    pub(crate) const UINT: u32 = 2;
    /// An integer that neither of those holds: how far it is above the smallest.
    pub(crate) const OFFSET: u32 = 3;
    pub(crate) const FLOAT: u32 = 4;
    pub(crate) const ANGLE: u32 = 5;
    pub(crate) const ENUM: u32 = 6;
    pub(crate) const TEXT: u32 = 7;
    pub(crate) const QUAT: u32 = 8;
}

pub(crate) fn column(quantizer: &Quantizer) -> u32 {
    match quantizer {
        Quantizer::Bool => column::BOOL,
        Quantizer::Int { min, max } if *min >= 0 && u32::try_from(*max).is_ok() => column::UINT,
        Quantizer::Int { min, max } if i32::try_from(*min).is_ok() && i32::try_from(*max).is_ok() => column::INT,
        Quantizer::Int { .. } => column::OFFSET,
        Quantizer::Float { .. } => column::FLOAT,
        Quantizer::Angle { .. } => column::ANGLE,
        Quantizer::Enum { .. } => column::ENUM,
        Quantizer::Text { .. } => column::TEXT,
        Quantizer::Quat { .. } => column::QUAT,
    }
}

/// Type, elements, words an element, owner only.
pub(crate) fn describe(field: &Field) -> [u32; 4] {
    let elements = if field.count == 1 { 0 } else { field.count.into() };
    [column(&field.quantizer), elements, field.quantizer.lanes() as u32, field.owner_only.into()]
}

pub(crate) fn range(field: &Field) -> Vec<f64> {
    match &field.quantizer {
        Quantizer::Int { min, max } => vec![*min as f64, *max as f64],
        Quantizer::Float { min, step, span } => vec![*min, min + step * f64::from(*span)],
        _ => Vec::new(),
    }
}

pub(crate) fn variants(field: &Field) -> Vec<String> {
    if let Quantizer::Enum { variants } = &field.quantizer { variants.clone() } else { Vec::new() }
}
