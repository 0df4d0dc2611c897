use proptest::prelude::*;
use tickwire_shared::schema::quant::{Angle, FloatRange, IntRange, Text};

use super::*;

fn text(quantizer: &Quantizer, lanes: &[u32]) -> String {
    let mut out = Vec::new();
    ValueText::new(quantizer).write(lanes, &mut out);
    String::from_utf8(out).unwrap()
}

fn number(quantizer: &Quantizer, lane: u32) -> String {
    text(quantizer, &[lane])
}

#[test]
fn numbers_are_as_short_as_their_steps_allow() {
    let hundredths = FloatRange::new(-100.0, 100.0, 0.01).describe();
    assert_eq!(number(&hundredths, 0), "-100");
    assert_eq!(number(&hundredths, 9_999), "-0.01");
    assert_eq!(number(&hundredths, 10_000), "0");
    assert_eq!(number(&hundredths, 10_050), "0.5");
    assert_eq!(number(&hundredths, 10_307), "3.07");
    assert_eq!(number(&FloatRange::new(-512.0, 511.9375, 0.0625).describe(), 8193), "0.0625", "exact in four decimals");
    assert_eq!(
        number(&FloatRange::new(-64.0, 64.0, 1.0 / 512.0).describe(), 32769),
        "0.002",
        "an eighth of a step off"
    );
    assert_eq!(number(&FloatRange::new(0.0, 1e9, 1e4).describe(), 3), "30000");
    assert_eq!(number(&Angle::new(8).describe(), 64), "1.571");
    assert_eq!(number(&IntRange::new(-5, 5).describe(), 0), "-5");
    assert_eq!(number(&Quantizer::Int { min: i64::MIN, max: i64::MAX }, 0), "-9223372036854775808");
    assert_eq!(number(&Quantizer::Bool, 1), "true");
    let gun = Quantizer::Enum { variants: vec!["Plain".into(), "Fan".into()] };
    assert_eq!((number(&gun, 1), number(&gun, 9)), ("\"Fan\"".into(), "9".into()));
    let mut lanes = [0; 4];
    Text::new(9).quantize("a\"\n☃", &mut lanes);
    assert_eq!(text(&Quantizer::Text { max_bytes: 9 }, &lanes), "\"a\\\"\\n☃\"");
    assert_eq!(text(&Quantizer::Quat { bits: 10 }, &[3, 512, 512, 512]).matches(',').count(), 3);
}

#[test]
fn a_description_of_strange_numbers_gives_text_that_is_json() {
    let strange = [f64::NAN, f64::INFINITY, -1e300, 1e300, 0.0, -0.0, 1e-300, 5e-324];
    for (min, step) in strange.iter().flat_map(|min| strange.iter().map(move |step| (*min, *step))) {
        let told = number(&Quantizer::Float { min, step, span: u32::MAX }, u32::MAX);
        assert!(serde_json::from_str::<serde_json::Value>(&told).is_ok(), "{min} {step}: {told}");
    }
}

proptest! {
    #[test]
    fn a_number_that_was_told_is_the_same_lane_again(
        low in -9000.0f64..9000.0,
        step in prop_oneof![Just(0.01), Just(0.1), Just(0.0625), Just(1.0 / 512.0), Just(2.5), 0.003f64..3.0],
        lane in 0u32..100_000,
    ) {
        let low = (low * 8.0).round() / 8.0;
        let range = Quantizer::Float { min: low, step, span: 100_000 };
        let told: f64 = number(&range, lane).parse().unwrap();
        let lanes = (told - low) / step;
        prop_assert!((lanes - f64::from(lane)).abs() < 0.2, "{} tells {} of lane {}", told, lanes, lane);
    }

    #[test]
    fn an_angle_that_was_told_is_the_same_lane_again(bits in 2u8..=20, lane: u32) {
        let angle = Angle::new(bits);
        let lane = lane % (1 << bits);
        let told: f32 = number(&angle.describe(), lane).parse().unwrap();
        prop_assert_eq!(angle.quantize(told), lane);
    }
}
