//! One field of a struct: its type, its `#[field(...)]`, and what the two together mean.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Error, Expr, Ident, Result, Token, Type};

/// A field that the macro knows how to write.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    /// The type of one value: the element's, for an array.
    pub(crate) ty: Type,
    /// The length of an array.
    pub(crate) count: Option<Expr>,
    pub(crate) owner_only: bool,
    pub(crate) codec: Codec,
}

/// How a value becomes lanes.
pub(crate) enum Codec {
    Plain,
    Int {
        min: Expr,
        max: Expr,
    },
    Float {
        min: Expr,
        max: Expr,
        step: Expr,
    },
    Angle {
        bits: Expr,
    },
    Text {
        max_bytes: Expr,
    },
    /// `ty` is the whole array of four.
    Quat {
        bits: Expr,
    },
}

impl Field {
    /// Reads a named field.
    pub(crate) fn parse(field: &syn::Field) -> Result<Self> {
        let ident = field.ident.clone().expect("the caller passes named fields only");
        let attribute = Attribute::parse(&field.attrs)?;
        let (ty, count) = match bare(&field.ty) {
            Type::Array(array) if attribute.quat && !matches!(bare(&array.elem), Type::Array(_)) => {
                (bare(&field.ty), None)
            }
            Type::Array(array) => (bare(&array.elem), Some(array.len.clone())),
            ty => (ty, None),
        };
        if let Type::Array(inner) = ty
            && !attribute.quat
        {
            let advice = "an array of arrays does not travel: make it one array, `[T; ROWS * COLUMNS]`";
            return Err(Error::new_spanned(inner, advice));
        }
        let owner_only = attribute.owner_only;
        let codec = attribute.codec(ty)?;
        Ok(Self { ident, ty: ty.clone(), count, owner_only, codec })
    }

    /// The field's name, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}

/// A type without the parentheses and invisible groups (of `macro_rules`) around it.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// What stands in `#[field(...)]`, not yet held against the type.
#[derive(Default)]
struct Attribute {
    owner_only: bool,
    quat: bool,
    /// The key as it was written, for messages, and its value; at most one for each of [`KEYS`], in their order.
    settings: [Option<(Ident, Expr)>; KEYS.len()],
}

const KEYS: [&str; 6] = ["min", "max", "step", "angle_bits", "max_bytes", "bits"];

impl Attribute {
    fn parse(attributes: &[syn::Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("field")) {
            attribute.parse_nested_meta(|meta| parsed.add(&meta))?;
        }
        Ok(parsed)
    }

    fn add(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let key = meta.path.require_ident()?;
        let repeated = if key == "owner" || key == "quat" {
            if meta.input.peek(Token![=]) {
                let advice = format!("`{key}` takes no value: write `{key}` alone, or leave it out");
                return Err(Error::new_spanned(key, advice));
            }
            std::mem::replace(if key == "owner" { &mut self.owner_only } else { &mut self.quat }, true)
        } else if let Some(place) = KEYS.iter().position(|known| key == known) {
            if !meta.input.peek(Token![=]) {
                return Err(Error::new_spanned(key, format!("`{key}` needs a value: write `{key} = ...`")));
            }
            let value = meta.value()?.parse()?;
            self.settings[place].replace((key.clone(), value)).is_some()
        } else {
            let known = KEYS.join("`, `");
            return Err(Error::new_spanned(
                key,
                format!("unknown key `{key}`: a field takes `owner`, `quat`, `{known}`"),
            ));
        };
        if repeated {
            return Err(Error::new_spanned(key, format!("`{key}` is given twice: remove one")));
        }
        Ok(())
    }

    /// What attribute and type mean together.
    fn codec(self, ty: &Type) -> Result<Codec> {
        let scalar = if self.quat { Scalar::quat(ty)? } else { Scalar::of(ty) };
        let first_key = self.settings.iter().flatten().map(|(key, _)| key.span()).next();
        let [min, max, step, angle_bits, max_bytes, bits] =
            self.settings.map(|setting| setting.map(|(_, value)| value));
        Ok(match (&scalar, min, max, step, angle_bits, max_bytes, bits) {
            (Scalar::SmallInt | Scalar::Other, None, None, None, None, None, None) => Codec::Plain,
            (Scalar::SmallInt | Scalar::BigInt, Some(min), Some(max), None, None, None, None) => {
                Codec::Int { min, max }
            }
            (Scalar::Float, Some(min), Some(max), Some(step), None, None, None) => Codec::Float { min, max, step },
            (Scalar::Float, None, None, None, Some(bits), None, None) => Codec::Angle { bits },
            (Scalar::Text, None, None, None, None, Some(max_bytes), None) => Codec::Text { max_bytes },
            (Scalar::Quat, None, None, None, None, None, Some(bits)) => Codec::Quat { bits },
            _ => return Err(scalar.advice(ty, first_key)),
        })
    }
}

/// What the macro can tell of a type from its name.
enum Scalar {
    /// Fits a lane as it is.
    SmallInt,
    /// Needs a range to fit a lane.
    BigInt,
    Float,
    Text,
    /// An array of four `f32` that says it is a rotation.
    Quat,
    /// Never travels; the text says what to use instead.
    Never(&'static str),
    /// `bool`, a derived enum, or what the bound on `Plain` refuses.
    Other,
}

impl Scalar {
    fn quat(ty: &Type) -> Result<Self> {
        let four = |len: &Expr| matches!(len, Expr::Lit(lit) if quote::quote!(#lit).to_string() == "4");
        match ty {
            Type::Array(array) if four(&array.len) && matches!(Self::of(bare(&array.elem)), Self::Float) => {
                Ok(Self::Quat)
            }
            _ => Err(Error::new_spanned(ty, "`quat` is for `[f32; 4]`: a rotation as x, y, z, w")),
        }
    }

    fn of(ty: &Type) -> Self {
        let Type::Path(path) = ty else { return Self::Other };
        let Some(last) = path.path.segments.last() else { return Self::Other };
        match last.ident.to_string().as_str() {
            "u8" | "u16" | "u32" | "i8" | "i16" | "i32" => Self::SmallInt,
            "u64" | "i64" => Self::BigInt,
            "f32" => Self::Float,
            "String" => Self::Text,
            "f64" => Self::Never("use `f32`"),
            "usize" | "isize" => {
                Self::Never("its size differs between server and browser; use `u32`, `i32` or smaller")
            }
            "u128" | "i128" => Self::Never("use `u64` or `i64` with a range, or several fields"),
            "char" => Self::Never("use `u32`, or a `String` with `max_bytes`"),
            "Option" => Self::Never("use a `bool` beside the value, or an enum variant that means none"),
            "Vec" => Self::Never("use an array `[T; N]` and a field with the length in use"),
            _ => Self::Other,
        }
    }

    /// Why type and attribute do not fit; points at the first wrong key, or at the type when there is none.
    fn advice(&self, ty: &Type, first_key: Option<Span>) -> Error {
        let shown = quote::quote!(#ty).to_string().replace(' ', "");
        let advice = match self {
            Self::SmallInt => format!("`{shown}` takes `#[field(min = .., max = ..)]`, or no range for all its values"),
            Self::BigInt => format!("`{shown}` needs a range of at most 2^32 values: `#[field(min = .., max = ..)]`"),
            Self::Float => "`f32` needs `#[field(min = .., max = .., step = ..)]`, or `#[field(angle_bits = ..)]` for \
                            an angle in radians"
                .to_owned(),
            Self::Quat => {
                "`quat` needs the bits of a component and no other key: `#[field(quat, bits = ..)]`".to_owned()
            }
            Self::Text => "`String` needs its longest length in bytes: `#[field(max_bytes = ..)]`".to_owned(),
            Self::Never(instead) => format!("`{shown}` does not travel: {instead}"),
            Self::Other => format!(
                "`{shown}` takes no key but `owner`: ranges are for integers and `f32`, `max_bytes` is for `String` \
                 (write these types by their own names)"
            ),
        };
        match first_key {
            Some(span) => Error::new(span, advice),
            None => Error::new_spanned(ty, advice),
        }
    }
}
