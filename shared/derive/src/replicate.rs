//! Code for a struct (a row of lanes) and for an enum without data (one lane).

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DataEnum, DeriveInput, Error, Fields, FieldsNamed, Ident, Result};

use crate::field::Field;
use crate::lane_code::LaneCode;

/// Implements `Replicate` for a struct, `Plain` for an enum.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    refuse_attribute(&input.attrs)?;
    match &input.data {
        Data::Enum(data) => plain_enum(&input.ident, data),
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(row(&input.ident, &parse_all(fields)?)),
            Fields::Unit => Ok(row(&input.ident, &[])),
            Fields::Unnamed(fields) => Err(Error::new_spanned(
                fields,
                "clients know a field by its name: write `struct Name { field: Type, ... }`",
            )),
        },
        Data::Union(_) => Err(Error::new_spanned(&input.ident, "a union does not travel: make it a struct")),
    }
}

fn refuse_attribute(attributes: &[Attribute]) -> Result<()> {
    match attributes.iter().find(|attribute| attribute.path().is_ident("field")) {
        Some(attribute) => Err(Error::new_spanned(attribute, "`#[field(...)]` belongs on a field of a struct")),
        None => Ok(()),
    }
}

/// All fields, or every field's error.
fn parse_all(fields: &FieldsNamed) -> Result<Vec<Field>> {
    let (fields, errors): (Vec<_>, Vec<_>) = fields.named.iter().map(Field::parse).partition(Result::is_ok);
    let errors = errors.into_iter().filter_map(Result::err).reduce(|mut all, error| {
        all.combine(error);
        all
    });
    match errors {
        Some(errors) => Err(errors),
        None => fields.into_iter().collect(),
    }
}

fn plain_enum(name: &Ident, data: &DataEnum) -> Result<TokenStream> {
    for variant in &data.variants {
        refuse_attribute(&variant.attrs)?;
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(
                variant,
                "an enum with data does not travel as a field: remove the data, or derive `World` if these are kinds",
            ));
        }
    }
    let variants: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    let Some((last, others)) = variants.split_last() else {
        return Err(Error::new_spanned(name, "an enum without variants has no value to send: add a variant"));
    };
    let names = variants.iter().map(|variant| variant.unraw().to_string());
    let (lanes, other_lanes) = (0u32.., 0u32..);
    let schema = quote!(::tickwire_shared::schema);

    Ok(quote! {
        #[automatically_derived]
        impl #schema::Plain for #name {
            fn quantizer() -> #schema::Quantizer {
                #schema::Quantizer::Enum { variants: ::std::vec![#(::std::string::String::from(#names)),*] }
            }
            fn to_lane(self) -> u32 {
                match self {
                    #(Self::#variants => #lanes,)*
                }
            }
            fn from_lane(lane: u32) -> Self {
                match lane {
                    #(#other_lanes => Self::#others,)*
                    _ => Self::#last,
                }
            }
        }
    })
}

/// Code for a struct. The constants stand beside the `impl`, in a block of their own: a wrong range is one error, and
/// the optimizer knows every lane's place.
fn row(name: &Ident, fields: &[Field]) -> TokenStream {
    let schema = quote!(::tickwire_shared::schema);
    let shown_name = name.unraw().to_string();
    let codes: Vec<LaneCode<'_>> = fields.iter().map(LaneCode::new).collect();
    let starts = std::iter::once(quote!(0)).chain(codes.iter().map(LaneCode::end));
    let consts = codes.iter().zip(starts).map(|(code, start)| code.consts(&start));
    let end = codes.last().map_or(quote!(0), LaneCode::end);
    let idents: Vec<&Ident> = fields.iter().map(|field| &field.ident).collect();
    let described = codes.iter().map(LaneCode::describe);
    let written = codes.iter().map(LaneCode::write);
    let read = codes.iter().map(LaneCode::read);
    let between = codes.iter().map(LaneCode::between);

    quote! {
        #[allow(non_upper_case_globals, unused_variables)]
        const _: () = {
            #(#consts)*

            #[automatically_derived]
            impl #schema::Replicate for #name {
                const LANES: usize = #end;

                fn schema() -> #schema::KindSchema {
                    #schema::KindSchema {
                        name: ::std::string::String::from(#shown_name),
                        fields: ::std::vec![#(#described),*],
                    }
                }

                fn to_lanes(&self, lanes: &mut [u32]) {
                    let lanes = &mut lanes[..Self::LANES];
                    #(#written)*
                }

                fn from_lanes(lanes: &[u32]) -> Self {
                    let lanes = &lanes[..Self::LANES];
                    Self { #(#idents: #read),* }
                }

                fn from_lanes_between(earlier: &[u32], later: &[u32], t: f32) -> Self {
                    Self::from_lanes_moved(earlier, later, t, &[])
                }

                fn from_lanes_moved(earlier: &[u32], later: &[u32], t: f32, off: &[f32]) -> Self {
                    let earlier = &earlier[..Self::LANES];
                    let later = &later[..Self::LANES];
                    let lanes = if t >= 1.0 { later } else { earlier };
                    Self { #(#idents: #between),* }
                }
            }
        };
    }
}
