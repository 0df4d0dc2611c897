//! Code for one field of a struct: its constants, and how its lanes are written and read.
//!
//! A field `hp` gets the constants `count_of_hp`, `lane_of_hp` (its first) and, unless its type is plain,
//! `quantizer_of_hp`. In the code below, `lanes`, `earlier`, `later`, `t` and `off` are what `replicate.rs` binds, `at` is the
//! place of one value.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Ident, Type};

use crate::field::{Codec, Field};

/// A field with the names of its constants.
pub(crate) struct LaneCode<'a> {
    field: &'a Field,
    quantizer: Ident,
    count: Ident,
    lane: Ident,
}

impl<'a> LaneCode<'a> {
    pub(crate) fn new(field: &'a Field) -> Self {
        let name = field.name();
        Self {
            field,
            quantizer: format_ident!("quantizer_of_{name}"),
            count: format_ident!("count_of_{name}"),
            lane: format_ident!("lane_of_{name}"),
        }
    }

    /// The constants; `start` is the field's first lane.
    pub(crate) fn consts(&self, start: &TokenStream) -> TokenStream {
        let Self { quantizer, count, lane, .. } = self;
        let constant_in = |module: &str, ty: &str, first: &Expr, parameters: TokenStream| {
            let span = at(first);
            let (module, ty) = (Ident::new(module, span), Ident::new(ty, span));
            let ty = quote_spanned!(span=> ::tickwire_shared::schema::#module::#ty);
            quote_spanned!(span=> const #quantizer: #ty = #ty::new(#parameters);)
        };
        let constant = |ty, first, parameters| constant_in("quant", ty, first, parameters);
        let quantizer = match &self.field.codec {
            Codec::Plain => None,
            Codec::Int { min, max } => {
                let (low, high) = (self.int_border(min), self.int_border(max));
                Some(constant("IntRange", min, quote!(#low, #high)))
            }
            // `as` takes constants of either float type, and whole literals
            Codec::Float { min, max, step } => {
                Some(constant("FloatRange", min, quote!((#min) as f64, (#max) as f64, (#step) as f64)))
            }
            Codec::Angle { bits } => Some(constant("Angle", bits, quote!(#bits))),
            Codec::Text { max_bytes } => Some(constant("Text", max_bytes, quote!(#max_bytes))),
            Codec::Quat { bits } => Some(constant_in("quat", "Quat", bits, quote!(#bits))),
        };
        let count_value = self.field.count.as_ref().map_or(quote!(1), |count| {
            quote_spanned! {at(count)=> {
                let count: usize = #count;
                ::core::assert!(count >= 1 && count <= 65535, "an array field has 1 to 65535 elements");
                count
            }}
        });
        quote! {
            #quantizer
            const #count: usize = #count_value;
            const #lane: usize = #start;
        }
    }

    /// The lane after the field's last one.
    pub(crate) fn end(&self) -> TokenStream {
        let (Self { count, lane, .. }, width) = (self, self.width());
        quote!(#lane + #count * #width)
    }

    /// The run-time description.
    pub(crate) fn describe(&self) -> TokenStream {
        let Self { field, quantizer, count, .. } = self;
        let (ty, name, owner_only) = (&field.ty, field.name(), field.owner_only);
        let quantizer = match field.codec {
            Codec::Plain => plain(ty, &quote!(quantizer())),
            _ => quote!(#quantizer.describe()),
        };
        quote! {
            ::tickwire_shared::schema::Field {
                name: ::std::string::String::from(#name),
                quantizer: #quantizer,
                count: #count as u16,
                owner_only: #owner_only,
            }
        }
    }

    /// A statement that fills the field's lanes.
    pub(crate) fn write(&self) -> TokenStream {
        let Self { field, quantizer, lane, .. } = self;
        let (ident, ty, width) = (&field.ident, &field.ty, self.width());
        let write = match field.codec {
            Codec::Plain => {
                let lane = plain(ty, &quote!(to_lane(*value)));
                quote!(lanes[at] = #lane;)
            }
            // above i64::MAX a `u64` is above every range's border too
            Codec::Int { .. } if is_u64(ty) => {
                quote!(lanes[at] = #quantizer.quantize((*value).min(i64::MAX as u64) as i64);)
            }
            Codec::Int { .. } => quote!(lanes[at] = #quantizer.quantize(i64::from(*value));),
            Codec::Float { .. } | Codec::Angle { .. } => quote!(lanes[at] = #quantizer.quantize(*value);),
            Codec::Text { .. } | Codec::Quat { .. } => {
                quote!(#quantizer.quantize(value, &mut lanes[at..at + #width]);)
            }
        };
        match field.count {
            None => quote!({
                let (at, value) = (#lane, &self.#ident);
                #write
            }),
            Some(_) => quote! {
                for (i, value) in self.#ident.iter().enumerate() {
                    let at = #lane + i * #width;
                    #write
                }
            },
        }
    }

    /// The field's value in `lanes`.
    pub(crate) fn read(&self) -> TokenStream {
        self.each(&self.read_one())
    }

    /// The field's value between `earlier` and `later`, and moved by `off`; what does not move is read from `lanes`.
    pub(crate) fn between(&self) -> TokenStream {
        let quantizer = &self.quantizer;
        self.each(&match self.field.codec {
            Codec::Float { .. } | Codec::Angle { .. } => {
                quote!(#quantizer.moved(earlier[at], later[at], t, off.get(at).copied().unwrap_or(0.0)))
            }
            Codec::Quat { .. } => {
                let width = self.width();
                quote!(#quantizer.between(&earlier[at..at + #width], &later[at..at + #width], t))
            }
            _ => self.read_one(),
        })
    }

    fn read_one(&self) -> TokenStream {
        let Self { field, quantizer, .. } = self;
        let (ty, width) = (&field.ty, self.width());
        match field.codec {
            Codec::Plain => plain(ty, &quote!(from_lane(lanes[at]))),
            // the borders are values of the type, so nothing is cut
            Codec::Int { .. } => quote!(#quantizer.dequantize(lanes[at]) as #ty),
            Codec::Float { .. } | Codec::Angle { .. } => quote!(#quantizer.dequantize(lanes[at])),
            Codec::Text { .. } | Codec::Quat { .. } => quote!(#quantizer.dequantize(&lanes[at..at + #width])),
        }
    }

    /// `one` value at `at`, for the whole field.
    fn each(&self, one: &TokenStream) -> TokenStream {
        let (Self { field, lane, .. }, width) = (self, self.width());
        match field.count {
            None => quote!({
                let at = #lane;
                #one
            }),
            Some(_) => quote! {
                ::core::array::from_fn(|i| {
                    let at = #lane + i * #width;
                    #one
                })
            },
        }
    }

    /// Lanes of one value.
    fn width(&self) -> TokenStream {
        let quantizer = &self.quantizer;
        match self.field.codec {
            Codec::Text { .. } | Codec::Quat { .. } => quote!(#quantizer.lanes()),
            _ => quote!(1),
        }
    }

    /// A border of a range as `i64`; it has to be a value of the field's type.
    fn int_border(&self, border: &Expr) -> TokenStream {
        let ty = &self.field.ty;
        let span = at(border);
        let check = is_u64(ty).then(|| {
            quote_spanned! {span=>
                ::core::assert!(border <= i64::MAX as u64, "the borders of a range are at most i64::MAX");
            }
        });
        quote_spanned! {span=> {
            let border: #ty = #border;
            #check
            border as i64
        }}
    }
}

/// A call of `Plain` on `ty`.
fn plain(ty: &Type, call: &TokenStream) -> TokenStream {
    quote_spanned!(at(ty)=> <#ty as ::tickwire_shared::schema::Plain>::#call)
}

fn is_u64(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "u64"))
}

/// Errors in generated code point here, yet lints know that it is generated.
fn at(tokens: &impl ToTokens) -> Span {
    Span::call_site().located_at(tokens.span())
}
