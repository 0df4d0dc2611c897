//! Tests: every misuse is one error that says what to do.
//!
//! What the macros see themselves is tested by message below. What only the compiler sees, because it is about values
//! or traits, follows here; each example stands alone in what it does wrong.
//!
//! A range has its smaller border first:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(min = 9, max = 3)] hp: u8 }
//! ```
//! An integer's border is a value of its type, 300 is no `u8`:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(min = 0, max = 300)] hp: u8 }
//! ```
//! So is a constant, which must not be of another type:
//! ```compile_fail
//! const HP_MAX: usize = 100;
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(min = 0, max = HP_MAX)] hp: u8 }
//! ```
//! A range has at most 2³² values, so that it fits a lane:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(min = 0, max = i64::MAX)] score: i64 }
//! ```
//! A range of floats has at most 2³² steps:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(min = -1e9, max = 1e9, step = 0.001)] x: f32 }
//! ```
//! Borders of a `u64` are at most `i64::MAX`, the largest number that a description holds:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(min = u64::MAX - 5, max = u64::MAX)] score: u64 }
//! ```
//! An angle has 2 to 23 bits:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(angle_bits = 32)] heading: f32 }
//! ```
//! A component of a quaternion has 2 to 16 bits:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(quat, bits = 17)] attitude: [f32; 4] }
//! ```
//! A text has at most 255 bytes:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(max_bytes = 256)] name: String }
//! ```
//! An array has at most 65535 elements:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { cells: [u8; 65536] }
//! ```
//! An array has an element:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { cells: [u8; 0] }
//! ```
//! Borders are constants; nobody can call a function that is none:
//! ```compile_fail
//! fn hp_max() -> u8 { 100 }
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { #[field(min = 0, max = hp_max())] hp: u8 }
//! ```
//! A field without an attribute is `Plain`; a struct is not:
//! ```compile_fail
//! struct Position { x: u8 }
//! #[derive(tickwire_shared::Replicate)]
//! struct Ship { position: Position }
//! ```
//! An enum that is a field is `Copy`:
//! ```compile_fail
//! #[derive(tickwire_shared::Replicate)]
//! enum Stance { Idle, Run }
//! ```
//! A kind of a world derives `Replicate`:
//! ```compile_fail
//! struct Ship { hp: u8 }
//! #[derive(tickwire_shared::World)]
//! enum Entity { Ship(Ship) }
//! ```

#[cfg(test)]
mod tests {
    use crate::{Expand, expand_concrete, replicate, world};

    /// The message of each error.
    fn messages(expand: Expand, source: &str) -> Vec<String> {
        let input = syn::parse_str(source).expect("the case is Rust");
        match expand_concrete(&input, expand) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
        }
    }

    /// Each source gives one error, which contains the words.
    fn refuses(expand: Expand, cases: &[(&str, &str)]) {
        for (source, words) in cases {
            let messages = messages(expand, source);
            assert!(matches!(&messages[..], [message] if message.contains(words)), "{source} is told {messages:?}");
        }
    }

    #[test]
    fn a_shape_that_does_not_travel() {
        let cases = [
            ("struct A(u8);", "write `struct Name { field: Type, ... }`"),
            ("union A { a: u8 }", "make it a struct"),
            ("struct A<T> { a: T }", "remove the generic parameters"),
            ("struct A<'a> { a: &'a str }", "remove the generic parameters"),
            ("struct A where u8: Copy { a: u8 }", "remove it"),
            ("#[field(owner)] struct A { a: u8 }", "belongs on a field"),
            ("enum A { B, C(u8) }", "remove the data, or derive `World`"),
            ("enum A { B { c: u8 } }", "remove the data, or derive `World`"),
            ("enum A {}", "add a variant"),
            ("enum A { #[field(owner)] B }", "belongs on a field"),
        ];
        refuses(replicate::expand, &cases);
    }

    #[test]
    fn an_attribute_that_is_not_understood() {
        let cases = [
            ("struct A { #[field(minimum = 3)] a: u8 }", "unknown key `minimum`: a field takes `owner`, `quat`, `min`"),
            ("struct A { #[field(angle, bits = 8)] a: f32 }", "unknown key `angle`"),
            ("struct A { #[field(owner = true)] a: u8 }", "`owner` takes no value"),
            ("struct A { #[field(owner, owner)] a: u8 }", "`owner` is given twice"),
            ("struct A { #[field(quat = 9)] a: [f32; 4] }", "`quat` takes no value"),
            ("struct A { #[field(quat, bits = 9, quat)] a: [f32; 4] }", "`quat` is given twice"),
            ("struct A { #[field(owner)] #[field(owner)] a: u8 }", "`owner` is given twice"),
            ("struct A { #[field(min = 1, max = 2, min = 1)] a: u8 }", "`min` is given twice"),
            ("struct A { #[field(min, max = 2)] a: u8 }", "write `min = ...`"),
            ("struct A { #[field] a: u8 }", "#[field(...)]"),
            ("struct A { #[field = 3] a: u8 }", "#[field(...)]"),
            ("struct A { #[field(\"min\")] a: u8 }", "expected ident"),
        ];
        refuses(replicate::expand, &cases);
    }

    #[test]
    fn an_attribute_that_does_not_fit_the_type() {
        let cases = [
            ("struct A { #[field(min = 0)] a: u8 }", "`u8` takes `#[field(min = .., max = ..)]`"),
            ("struct A { #[field(min = 0, max = 1, step = 1)] a: u8 }", "`u8` takes `#[field(min"),
            ("struct A { #[field(angle_bits = 8)] a: [u16; 4] }", "`u16` takes `#[field(min"),
            ("struct A { a: i64 }", "`i64` needs a range"),
            ("struct A { a: f32 }", "`f32` needs `#[field(min = .., max = .., step = ..)]`"),
            ("struct A { #[field(step = 0.5)] a: f32 }", "`f32` needs `#[field(min"),
            ("struct A { #[field(min = 0.0, max = 1.0)] a: f32 }", "`f32` needs `#[field(min"),
            ("struct A { #[field(min = 0.0, angle_bits = 8)] a: f32 }", "`f32` needs `#[field(min"),
            ("struct A { #[field(quat)] a: [f32; 4] }", "`quat` needs the bits of a component"),
            ("struct A { #[field(quat, min = 0, max = 1, step = 1)] a: [f32; 4] }", "`quat` needs the bits"),
            ("struct A { #[field(quat, bits = 9)] a: f32 }", "`quat` is for `[f32; 4]`"),
            ("struct A { #[field(quat, bits = 9)] a: [f32; 3] }", "`quat` is for `[f32; 4]`"),
            ("struct A { #[field(quat, bits = 9)] a: [[f32; 3]; 4] }", "`quat` is for `[f32; 4]`"),
            ("struct A { #[field(quat, bits = 9)] a: [u8; 4] }", "`quat` is for `[f32; 4]`"),
            ("struct A { #[field(bits = 9)] a: f32 }", "`f32` needs `#[field(min"),
            ("struct A { a: String }", "`#[field(max_bytes = ..)]`"),
            ("struct A { #[field(min = 0, max = 9)] a: String }", "`#[field(max_bytes = ..)]`"),
            ("struct A { #[field(max_bytes = 9)] a: bool }", "`bool` takes no key but `owner`"),
            ("struct A { #[field(min = 0, max = 9)] a: Alias }", "write these types by their own names"),
        ];
        refuses(replicate::expand, &cases);
    }

    #[test]
    fn a_type_that_never_travels() {
        let cases = [
            ("struct A { a: f64 }", "use `f32`"),
            ("struct A { #[field(min = 0, max = 9)] a: usize }", "use `u32`"),
            ("struct A { a: u128 }", "use `u64`"),
            ("struct A { a: char }", "use `u32`"),
            ("struct A { a: Option<u8> }", "use a `bool` beside the value"),
            ("struct A { a: Vec<u8> }", "use an array"),
            ("struct A { a: [[u8; 2]; 2] }", "make it one array"),
        ];
        refuses(replicate::expand, &cases);
    }

    #[test]
    fn an_enum_that_is_no_world() {
        let cases = [
            ("struct A { a: u8 }", "a world is an enum"),
            ("enum A {}", "at least one kind"),
            ("enum A { Ship }", "`Ship(Ship)`"),
            ("enum A { Ship(Ship, u8) }", "`Ship(Ship)`"),
            ("enum A { Ship { ship: Ship } }", "`Ship(Ship)`"),
            ("enum A { Ship(Ship), Boat(Ship) }", "already the kind `Ship`"),
            ("enum A<T> { Ship(T) }", "remove the generic parameters"),
        ];
        refuses(world::expand, &cases);
    }

    #[test]
    fn every_wrong_field_is_told() {
        let messages = messages(replicate::expand, "struct A { a: f32, b: u8, c: String }");
        assert_eq!(messages.len(), 2, "{messages:?}");
    }
}
