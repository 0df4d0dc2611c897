//! Code for the enum of all kinds.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Ident, Result, Type, Variant};

/// Implements `World` for the enum, and for each payload `KindOf` and the way into the enum.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let kinds = kinds(input)?;
    let world = &input.ident;
    let types: Vec<&Type> = kinds.iter().map(|(_, ty)| *ty).collect();
    let variants: Vec<&Ident> = kinds.iter().map(|(variant, _)| *variant).collect();
    let numbers: Vec<u16> = (0..=u16::MAX).take(kinds.len()).collect();
    let schema = quote!(::tickwire_shared::schema);
    let replicate = quote!(#schema::Replicate);

    Ok(quote! {
        #[automatically_derived]
        impl #schema::World for #world {
            fn kinds() -> ::std::vec::Vec<#schema::KindSchema> {
                ::std::vec![#(<#types as #replicate>::schema()),*]
            }

            fn from_lanes(kind: u16, lanes: &[u32]) -> ::core::option::Option<Self> {
                ::core::option::Option::Some(match kind {
                    #(#numbers => Self::#variants(<#types as #replicate>::from_lanes(lanes)),)*
                    _ => return ::core::option::Option::None,
                })
            }

            fn from_lanes_between(
                kind: u16,
                earlier: &[u32],
                later: &[u32],
                t: f32,
            ) -> ::core::option::Option<Self> {
                ::core::option::Option::Some(match kind {
                    #(#numbers => Self::#variants(<#types as #replicate>::from_lanes_between(earlier, later, t)),)*
                    _ => return ::core::option::Option::None,
                })
            }

            fn from_lanes_moved(
                kind: u16,
                earlier: &[u32],
                later: &[u32],
                t: f32,
                off: &[f32],
            ) -> ::core::option::Option<Self> {
                ::core::option::Option::Some(match kind {
                    #(#numbers => Self::#variants(<#types as #replicate>::from_lanes_moved(earlier, later, t, off)),)*
                    _ => return ::core::option::Option::None,
                })
            }

            fn kind(&self) -> u16 {
                match self {
                    #(Self::#variants(_) => #numbers,)*
                }
            }

            fn to_lanes(&self, lanes: &mut [u32]) {
                match self {
                    #(Self::#variants(entity) => <#types as #replicate>::to_lanes(entity, lanes),)*
                }
            }
        }
        #(
            #[automatically_derived]
            impl #schema::KindOf<#world> for #types {
                const KIND: u16 = #numbers;
            }

            #[automatically_derived]
            impl ::core::convert::From<#types> for #world {
                fn from(entity: #types) -> Self {
                    Self::#variants(entity)
                }
            }
        )*
    })
}

/// Variants and their payloads; the place is the kind's number.
fn kinds(input: &DeriveInput) -> Result<Vec<(&Ident, &Type)>> {
    let Data::Enum(data) = &input.data else {
        let advice = "a world is an enum with one variant for each kind: `enum Entity { Ship(Ship), Rock(Rock) }`";
        return Err(Error::new_spanned(&input.ident, advice));
    };
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, "a world needs at least one kind: add a variant `Ship(Ship)`"));
    }
    let mut kinds: Vec<(&Ident, &Type)> = Vec::new();
    for variant in &data.variants {
        let payload = payload(variant)?;
        if let Some((first, _)) = kinds.iter().find(|(_, ty)| same(ty, payload)) {
            let advice = format!("this type is already the kind `{first}`: give each kind its own struct");
            return Err(Error::new_spanned(payload, advice));
        }
        if kinds.len() > u16::MAX.into() {
            return Err(Error::new_spanned(variant, "a world has at most 65536 kinds"));
        }
        kinds.push((&variant.ident, payload));
    }
    Ok(kinds)
}

fn payload(variant: &Variant) -> Result<&Type> {
    match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => Ok(&fields.unnamed[0].ty),
        _ => {
            let name = &variant.ident;
            let advice = format!("a kind is a variant around one struct that derives `Replicate`: `{name}({name})`");
            Err(Error::new_spanned(variant, advice))
        }
    }
}

fn same(a: &Type, b: &Type) -> bool {
    quote!(#a).to_string() == quote!(#b).to_string()
}
