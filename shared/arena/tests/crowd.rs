//! Two hundred pilots in one arena: the same twice, within the fields' ranges, and cheap.

mod host;

use std::collections::BTreeMap;

use host::Host;
use tickwire_arena::{Arena, Options};
use tickwire_shared::EntityId;
use tickwire_shared::publish::Place;
use tickwire_shared::schema::{Quantizer, Schema};

const PILOTS: u16 = 200;

fn crowd(seed: u64, pilots: u16) -> Host {
    let mut host = Host::new(seed, Options::default());
    (0..pilots).for_each(|seat| host.join(seat, ""));
    host.step();
    host
}

#[test]
fn the_same_seed_and_inputs_give_the_same_arena() {
    let mut one = crowd(11, 40);
    let mut other = crowd(11, 40);
    for tick in 0..2000u16 {
        if tick % 100 == 50 {
            let seat = tick / 100;
            for host in [&mut one, &mut other] {
                host.leave(seat);
                host.join(seat + 100, "late");
            }
        }
        for host in [&mut one, &mut other] {
            host.brawl();
            host.step();
        }
        assert_eq!(one.published.lanes, other.published.lanes, "tick {tick}");
        assert_eq!(one.published.entities, other.published.entities, "tick {tick}");
        assert_eq!(one.events, other.events, "tick {tick}");
    }
}

#[test]
fn another_seed_gives_another_arena() {
    assert_ne!(crowd(11, 4).published.lanes, crowd(12, 4).published.lanes);
}

#[test]
fn lanes_stay_in_range_and_ids_are_unique_and_rest() {
    let schema = Schema::of::<Arena>();
    assert!(schema.input.lanes() <= 8);
    let mut host = crowd(13, PILOTS);
    let mut last_seen: BTreeMap<EntityId, u32> = BTreeMap::new();
    for tick in 0..600 {
        host.brawl();
        host.step();
        for put in &host.published.entities {
            let before = last_seen.insert(put.id, tick);
            assert_ne!(before, Some(tick), "{:?} twice in a tick", put.id);
            assert!(before.is_none_or(|before| before + 1 == tick || before + 30 <= tick), "{:?} did not rest", put.id);
            if let Place::At { x, y } = put.place {
                assert!(x.abs() < 511.9 && y.abs() < 511.9, "{x} {y} is beyond what a lane can say");
            }
            let mut lane = put.first_lane;
            for field in &schema.kinds[usize::from(put.kind)].fields {
                for _ in 0..usize::from(field.count) * field.quantizer.lanes() {
                    let value = host.published.lanes[lane];
                    assert!(value <= largest_lane(&field.quantizer), "{} = {value}", field.name);
                    lane += 1;
                }
            }
        }
    }
}

fn largest_lane(quantizer: &Quantizer) -> u32 {
    match quantizer {
        Quantizer::Bool => 1,
        Quantizer::Int { min, max } => u32::try_from(max - min).expect("a lane"),
        Quantizer::Float { span, .. } => *span,
        Quantizer::Angle { bits } => (1 << bits) - 1,
        Quantizer::Enum { variants } => variants.len() as u32 - 1,
        Quantizer::Text { .. } | Quantizer::Quat { .. } => u32::MAX,
    }
}
