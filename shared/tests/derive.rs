//! What the derives make of structs and enums: lanes, descriptions, values between two rows.

use std::f32::consts::TAU;

use proptest::prelude::*;
use tickwire_shared::schema::{Field, KindOf, KindSchema, Plain, Quantizer};
use tickwire_shared::{Replicate, World};

const WORLD: f32 = 100.0;

mod limits {
    pub(crate) const HEALTH_MAX: u8 = 200;
    pub(crate) const SLOTS: usize = 3;
}

#[derive(Replicate, Clone, Copy, PartialEq, Debug)]
enum Stance {
    Idle,
    Run = 7,
    r#Final,
}

/// Every type of field, each combination of attributes once.
#[derive(Replicate, Clone, PartialEq, Debug)]
struct Ship {
    alive: bool,
    color: u8,
    score: i32,
    stance: Stance,
    #[field(min = 1, max = limits::HEALTH_MAX)]
    hp: u8,
    #[field(min = -1_000_000_000_000, max = -999_999_999_000)]
    far: i64,
    #[field(min = 5, max = 10)]
    big: u64,
    #[field(min = -WORLD, max = WORLD, step = 0.25)]
    x: f32,
    #[field(angle_bits = 12)]
    heading: f32,
    #[field(max_bytes = 10)]
    name: String,
    #[field(owner)]
    ammo: u16,
    #[field(owner, min = 0.0, max = 1.0, step = 0.5)]
    #[field()]
    r#type: f32,
    flags: [bool; 2],
    #[field(min = -1, max = 1)]
    trim: [i8; limits::SLOTS],
    #[field(min = 0, max = 10, step = 1)]
    heat: [f32; 2],
    #[field(owner, angle_bits = 8)]
    turrets: [f32; limits::SLOTS - 1],
    #[field(max_bytes = 4)]
    tags: [String; 2],
}

#[derive(Replicate, Clone, PartialEq, Debug, Default)]
struct Rock {
    size: u8,
}

#[derive(Replicate, Clone, PartialEq, Debug, Default)]
struct Nothing;

/// Rotations stand apart: where two components are equally large, what was read may come back written another way.
#[derive(Replicate, Clone, PartialEq, Debug)]
struct Body {
    mass: u8,
    #[field(quat, bits = 9)]
    attitude: [f32; 4],
    #[field(owner, quat, bits = BITS)]
    wheels: [[f32; 4]; 2],
    hot: bool,
}
const BITS: u8 = 6;

#[derive(World, Clone, PartialEq, Debug)]
enum Entity {
    Ship(Ship),
    Stone(Rock),
    Nothing(Nothing),
}

fn lanes_of<T: Replicate>(value: &T) -> Vec<u32> {
    let mut lanes = vec![u32::MAX; T::LANES];
    value.to_lanes(&mut lanes);
    lanes
}

fn ship() -> Ship {
    Ship {
        alive: true,
        color: 9,
        score: -5,
        stance: Stance::Run,
        hp: 1,
        far: -1_000_000_000_000,
        big: 7,
        x: -WORLD,
        heading: 0.0,
        name: "Ada".into(),
        ammo: 300,
        r#type: 0.5,
        flags: [true, false],
        trim: [-1, 0, 1],
        heat: [0.0, 10.0],
        turrets: [0.0, 0.0],
        tags: ["a".into(), String::new()],
    }
}

fn stances() -> impl Strategy<Value = Stance> {
    prop_oneof![Just(Stance::Idle), Just(Stance::Run), Just(Stance::r#Final)]
}

prop_compose! {
    /// Any ship, values out of range included.
    fn ships()(
        (alive, color, score, stance) in (any::<bool>(), any::<u8>(), any::<i32>(), stances()),
        (hp, far, big, ammo) in (any::<u8>(), any::<i64>(), any::<u64>(), any::<u16>()),
        (x, heading, r#type) in (any::<f32>(), any::<f32>(), any::<f32>()),
        (name, tags) in ("\\PC{0,12}", ["\\PC{0,3}", "[a-z]{0,6}"]),
        (flags, trim) in (any::<[bool; 2]>(), any::<[i8; 3]>()),
        (heat, turrets) in (any::<[f32; 2]>(), any::<[f32; 2]>()),
    ) -> Ship {
        Ship {
            alive, color, score, stance, hp, far, big, x, heading, name, ammo, r#type, flags, trim, heat, turrets, tags,
        }
    }
}

proptest! {
    /// What was read once is in range and on the grid: it comes back as it is.
    #[test]
    fn a_value_that_was_read_comes_back_unchanged(ship in ships()) {
        let lanes = lanes_of(&ship);
        let read = Ship::from_lanes(&lanes);
        prop_assert_eq!(&lanes_of(&read), &lanes);
        prop_assert_eq!(&Ship::from_lanes(&lanes_of(&read)), &read);
    }

    #[test]
    fn values_are_brought_to_the_nearest_border(ship in ships()) {
        let read = Ship::from_lanes(&lanes_of(&ship));
        prop_assert_eq!((read.alive, read.color, read.score), (ship.alive, ship.color, ship.score));
        prop_assert_eq!((read.stance, read.ammo, read.flags), (ship.stance, ship.ammo, ship.flags));
        prop_assert_eq!(read.hp, ship.hp.clamp(1, 200));
        prop_assert_eq!(read.far, ship.far.clamp(-1_000_000_000_000, -999_999_999_000));
        prop_assert_eq!(read.big, ship.big.clamp(5, 10));
        prop_assert_eq!(read.trim, ship.trim.map(|trim| trim.clamp(-1, 1)));
        prop_assert!((read.x - ship.x.clamp(-WORLD, WORLD)).abs() <= 0.126);
        prop_assert!(ship.name.starts_with(&read.name) && read.name.len() <= 10);
        prop_assert!(ship.tags.iter().zip(&read.tags).all(|(tag, read)| tag.starts_with(read.as_str())));
    }

    /// Lanes come from the network: any row is some value.
    #[test]
    fn any_lanes_are_a_value(
        row in prop::collection::vec(any::<u32>(), Ship::LANES),
        later in prop::collection::vec(any::<u32>(), Ship::LANES),
        t in 0.0f32..=1.0,
    ) {
        let read = Ship::from_lanes(&row);
        prop_assert!((1..=200).contains(&read.hp) && (5..=10).contains(&read.big));
        Ship::from_lanes_between(&row, &later, t);
    }

    #[test]
    fn the_ends_of_between_are_the_rows_themselves(earlier in ships(), later in ships()) {
        let (earlier, later) = (lanes_of(&earlier), lanes_of(&later));
        prop_assert_eq!(Ship::from_lanes_between(&earlier, &later, 0.0), Ship::from_lanes(&earlier));
        let end = Ship::from_lanes_between(&earlier, &later, 1.0);
        prop_assert_eq!(lanes_of(&end), later, "an angle may come back a turn away, which is the same lane");
    }
}

#[test]
fn lanes_are_counted_and_stand_in_the_order_of_the_fields() {
    // 9 single lanes, a name of 1 + 3, 2 single, arrays of 2 + 3 + 2 + 2, two tags of 1 + 1
    assert_eq!(Ship::LANES, 9 + 4 + 2 + 9 + 4);
    assert_eq!(Ship::schema().lanes(), Ship::LANES, "the description agrees with the code");
    assert_eq!(Rock::LANES, 1);
    assert_eq!(Nothing::LANES, 0, "a kind may be nothing but there");

    let ada = u32::from_le_bytes(*b"Ada\0");
    let singles = [1, 9, i32::MIN.abs_diff(-5), 1, 0, 0, 2, 0, 0];
    let expected = [&singles[..], &[3, ada, 0, 0], &[300, 1], &[1, 0], &[0, 1, 2], &[0, 10], &[0, 0], &[1, 0x61, 0, 0]];
    assert_eq!(lanes_of(&ship()), expected.concat());
}

#[test]
fn the_description_says_what_the_struct_says() {
    let field = |name: &str, quantizer: Quantizer| Field { name: name.into(), quantizer, count: 1, owner_only: false };
    let owner = |field: Field| Field { owner_only: true, ..field };
    let array = |count, field: Field| Field { count, ..field };
    let int = |min, max| Quantizer::Int { min, max };
    let float = |min, step, span| Quantizer::Float { min, step, span };
    let stances = Quantizer::Enum { variants: vec!["Idle".into(), "Run".into(), "Final".into()] };

    let expected = KindSchema {
        name: "Ship".into(),
        fields: vec![
            field("alive", Quantizer::Bool),
            field("color", int(0, 255)),
            field("score", int(i32::MIN.into(), i32::MAX.into())),
            field("stance", stances),
            field("hp", int(1, 200)),
            field("far", int(-1_000_000_000_000, -999_999_999_000)),
            field("big", int(5, 10)),
            field("x", float(-100.0, 0.25, 800)),
            field("heading", Quantizer::Angle { bits: 12 }),
            field("name", Quantizer::Text { max_bytes: 10 }),
            owner(field("ammo", int(0, 65535))),
            owner(field("type", float(0.0, 0.5, 2))),
            array(2, field("flags", Quantizer::Bool)),
            array(3, field("trim", int(-1, 1))),
            array(2, field("heat", float(0.0, 1.0, 10))),
            owner(array(2, field("turrets", Quantizer::Angle { bits: 8 }))),
            array(2, field("tags", Quantizer::Text { max_bytes: 4 })),
        ],
    };
    assert_eq!(Ship::schema(), expected);
}

#[test]
fn halfway_floats_and_angles_move_and_all_else_waits() {
    let earlier = ship();
    let later = Ship {
        score: 100,
        stance: Stance::Idle,
        x: WORLD,
        heading: TAU * 0.75,
        name: "Grace".into(),
        flags: [false, true],
        heat: [10.0, 0.0],
        turrets: [TAU * 0.25, 0.0],
        ..ship()
    };
    let halfway = Ship::from_lanes_between(&lanes_of(&earlier), &lanes_of(&later), 0.5);
    let expected = Ship { x: 0.0, heading: -TAU / 8.0, heat: [5.0, 5.0], turrets: [TAU / 8.0, 0.0], ..earlier };
    assert_eq!(halfway, expected, "the heading turns back by an eighth: the shorter way");
}

#[test]
fn a_rotation_takes_four_lanes_and_turns() {
    let none = [0.0, 0.0, 0.0, 1.0];
    let turned = [0.0, 0.0, 2.0, 2.0];
    let body = Body { mass: 7, attitude: none, wheels: [none, turned], hot: true };
    assert_eq!(Body::LANES, 1 + 4 + 2 * 4 + 1);
    assert_eq!(Body::schema().lanes(), Body::LANES);
    let attitude = &Body::schema().fields[1];
    assert_eq!((&attitude.quantizer, attitude.count), (&Quantizer::Quat { bits: 9 }, 1));
    let wheels = &Body::schema().fields[2];
    assert_eq!((&wheels.quantizer, wheels.count, wheels.owner_only), (&Quantizer::Quat { bits: 6 }, 2, true));

    let lanes = lanes_of(&body);
    assert_eq!(lanes, [7, 3, 256, 256, 256, 3, 32, 32, 32, 2, 32, 32, 63, 1]);
    let there = Body::from_lanes(&lanes);
    assert_eq!((there.mass, there.attitude, there.wheels[0], there.hot), (7, none, none, true));
    let halfway = Body::from_lanes_between(&lanes, &lanes_of(&Body { attitude: turned, mass: 9, ..body }), 0.5);
    let eighth = [0.0, 0.0, (TAU / 16.0).sin(), (TAU / 16.0).cos()];
    let far = halfway.attitude.iter().zip(eighth).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far < 0.01 && halfway.mass == 7, "halfway to a quarter turn is {halfway:?}");
}

#[test]
fn an_enum_without_data_is_one_lane_numbered_by_place() {
    assert_eq!([Stance::Idle, Stance::Run, Stance::r#Final].map(Plain::to_lane), [0, 1, 2]);
    assert_eq!([0, 1, 2].map(<Stance as Plain>::from_lane), [Stance::Idle, Stance::Run, Stance::r#Final]);
    assert_eq!(<Stance as Plain>::from_lane(u32::MAX), Stance::r#Final, "an unknown lane is the last variant");
}

#[test]
fn a_world_numbers_its_kinds_by_place() {
    assert_eq!(Entity::kinds(), [Ship::schema(), Rock::schema(), Nothing::schema()]);
    assert_eq!(<Ship as KindOf<Entity>>::KIND, 0);
    assert_eq!(<Rock as KindOf<Entity>>::KIND, 1);
    assert_eq!(<Nothing as KindOf<Entity>>::KIND, 2);

    assert_eq!(Entity::from_lanes(0, &lanes_of(&ship())), Some(Entity::Ship(ship())));
    assert_eq!(Entity::from_lanes(1, &[3]), Some(Entity::Stone(Rock { size: 3 })));
    assert_eq!(Entity::from_lanes(3, &[3]), None, "no such kind");
    assert_eq!(Entity::from_lanes_between(1, &[3], &[4], 1.0), Some(Rock { size: 4 }.into()));
    assert_eq!(Entity::from_lanes_between(u16::MAX, &[3], &[4], 0.5), None, "no such kind");
}

mod hygiene {
    //! Names around a derive do not disturb it.
    #![allow(dead_code, non_camel_case_types)]

    use tickwire_shared as t;

    struct Option;
    struct Vec;
    struct String;
    struct Field;
    const MIN: u8 = 1;
    const MAX: u8 = 4;

    macro_rules! kind {
        ($name:ident, $ty:ty, $max:expr, $count:expr) => {
            #[derive(t::Replicate)]
            struct $name {
                #[field(min = MIN, max = $max)]
                lanes: [$ty; $count],
                earlier: $ty,
                at: $ty,
            }
        };
    }
    kind!(Made, u8, MAX + 1, 1 + 1);

    #[test]
    fn a_struct_may_come_from_a_macro_and_be_local() {
        #[derive(t::Replicate)]
        struct Local {
            value: u8,
        }
        assert_eq!(<Made as t::Replicate>::LANES, 4);
        assert_eq!(<Local as t::Replicate>::LANES, 1);
    }
}
