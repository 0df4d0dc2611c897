use super::*;

fn place(lobby: &mut Lobby, load: &Load) -> Result<Placement, NoPlace> {
    wish(lobby, "", 1, load)
}

fn wish(lobby: &mut Lobby, text: &str, seats: usize, load: &Load) -> Result<Placement, NoPlace> {
    let wish = wish::Wish::parse(text).expect("a wish");
    lobby.place(Sought { game: 0, which: &wish.which, seats }, load)
}

fn load(threads_permille: &[u32]) -> Load {
    let threads_permille = threads_permille.to_vec();
    Load { threads_permille, rooms_max_permille: 850, joins_max_permille: 980 }
}

#[test]
fn new_rooms_go_where_there_is_least_to_do_then_nowhere_and_then_nobody_joins() {
    let mut lobby = Lobby::new(&[("one", 2)], 10, 3);
    assert_eq!(place(&mut lobby, &load(&[500, 200, 400])).map(|p| p.thread), Ok(1));
    place(&mut lobby, &load(&[500, 200, 400])).expect("the second seat");
    // nearly equal: by the number of rooms
    assert_eq!(place(&mut lobby, &load(&[500, 200, 210])).map(|p| p.thread), Ok(2));
    let full = load(&[850, 900, 979]);
    let joined = place(&mut lobby, &full).expect("a room that runs takes players for longer");
    assert_eq!((joined.new, joined.thread), (false, 2));
    assert_eq!(place(&mut lobby, &full), Err(NoPlace::Overloaded));
    let mut lobby = Lobby::new(&[("one", 2)], 1, 1);
    place(&mut lobby, &load(&[0])).expect("a room");
    assert_eq!(place(&mut lobby, &load(&[980])), Err(NoPlace::Overloaded), "there is a seat");
    assert!(place(&mut lobby, &load(&[979])).is_ok());
    assert_eq!(place(&mut lobby, &load(&[0])), Err(NoPlace::Full));
}

#[test]
fn people_meet_until_a_room_is_full_and_rooms_spread_over_threads() {
    let mut lobby = Lobby::new(&[("one", 2)], 3, 2);
    let placed: Vec<Placement> = std::iter::from_fn(|| place(&mut lobby, &load(&[])).ok()).collect();
    let rooms: Vec<u64> = placed.iter().map(|p| p.room.0).collect();
    assert_eq!(rooms, [1, 1, 2, 2, 3, 3], "three rooms of two seats, then no more");
    let threads: Vec<usize> = placed.iter().filter(|p| p.new).map(|p| p.thread).collect();
    assert_eq!(threads, [0, 1, 0]);
}

#[test]
fn an_empty_room_ends_and_its_place_is_free() {
    let mut lobby = Lobby::new(&[("one", 2)], 1, 1);
    let room = place(&mut lobby, &load(&[])).expect("the first").room;
    place(&mut lobby, &load(&[])).expect("the second");
    assert_eq!(place(&mut lobby, &load(&[])), Err(NoPlace::Full));
    assert_eq!(lobby.freed(room), None);
    assert_eq!(lobby.freed(room), Some(0));
    assert_eq!(lobby.freed(room), None, "it is forgotten");
    assert!(lobby.is_empty());
    assert_eq!(place(&mut lobby, &load(&[])).map(|p| (p.room, p.new)), Ok((RoomId(2), true)));
}

#[test]
fn rooms_are_found_by_what_they_show() {
    let (mut lobby, idle) = (Lobby::new(&[("one", 4), ("other", 2)], 10, 1), load(&[0]));
    let ice =
        wish(&mut lobby, r#"{"create": {"properties": {"map": "ice", "skill": 900}}}"#, 1, &idle).expect("new").room;
    let lava =
        wish(&mut lobby, r#"{"create": {"properties": {"map": "lava", "skill": 1200}}}"#, 2, &idle).expect("new").room;
    let found =
        |lobby: &mut Lobby, text: &str| wish(lobby, text, 1, &idle).map(|placement| (placement.room, placement.new));
    assert_eq!(found(&mut lobby, "{}"), Ok((lava, false)), "the fullest");
    assert_eq!(found(&mut lobby, r#"{"where": {"map": "ice"}}"#), Ok((ice, false)));
    assert_eq!(found(&mut lobby, r#"{"where": {"skill": {"max": 1000}}, "sort": ["-players"]}"#), Ok((ice, false)));
    let (grass, is_new) = found(&mut lobby, r#"{"where": {"map": "grass"}}"#).expect("a new one");
    assert!(is_new);
    assert_eq!(lobby.listing_of(grass).and_then(|listing| listing.get("map")), Some(&"grass".into()));
    assert_eq!(found(&mut lobby, r#"{"sort": ["-skill"]}"#), Ok((lava, false)));
    assert_eq!(found(&mut lobby, r#"{"sort": ["-skill"]}"#), Ok((ice, false)), "the other is full");
    let room = format!(r#"{{"room": {}}}"#, lava.0);
    assert_eq!(found(&mut lobby, &room), Err(NoPlace::RoomFull));
    assert_eq!(found(&mut lobby, r#"{"room": 99}"#), Err(NoPlace::NoRoom));
    let other = wish::Wish::parse(&room).expect("a wish");
    assert_eq!(lobby.place(Sought { game: 1, which: &other.which, seats: 1 }, &idle), Err(NoPlace::OtherGame));
    let (conditions, sort) = (BTreeMap::new(), [SortBy { name: "skill".into(), falling: false }]);
    let rooms: Vec<RoomId> = lobby.list(0, &conditions, &sort, 10).iter().map(|line| line.room).collect();
    assert_eq!(rooms, [ice, lava, grass], "what has no such property stands behind");
    assert_eq!(lobby.games(), [("one", 3, 9), ("other", 0, 0)]);
}

#[test]
fn nobody_is_sent_where_nobody_may_go() {
    let (mut lobby, idle) = (Lobby::new(&[("one", 4)], 10, 1), load(&[0]));
    let private = wish(&mut lobby, r#"{"create": {"private": true}}"#, 1, &idle).expect("new").room;
    let hidden = wish(&mut lobby, r#"{"create": {"hidden": true}}"#, 1, &idle).expect("new").room;
    let locked = wish(&mut lobby, r#"{"create": {"locked": true}}"#, 1, &idle).expect("new").room;
    let open = place(&mut lobby, &idle).expect("new");
    assert!(open.new && ![private, hidden, locked].contains(&open.room));
    let named = |lobby: &mut Lobby, room: RoomId| wish(lobby, &format!(r#"{{"room": {}}}"#, room.0), 1, &idle);
    assert_eq!(named(&mut lobby, private), Err(NoPlace::NoRoom), "whether there is one is nobody's business");
    assert!(named(&mut lobby, hidden).is_ok());
    assert_eq!(named(&mut lobby, locked), Err(NoPlace::Locked));
    let code = lobby.code_of(private).expect("it is private").to_owned();
    let by_code = format!(r#"{{"code": "{}"}}"#, code.to_lowercase());
    assert_eq!(wish(&mut lobby, &by_code, 1, &idle).map(|placement| placement.room), Ok(private));
    assert_eq!(wish(&mut lobby, r#"{"code": "AAAAAA"}"#, 1, &idle), Err(NoPlace::NoCode));
    let listed: Vec<RoomId> = lobby.list(0, &BTreeMap::new(), &[], 10).iter().map(|line| line.room).collect();
    assert_eq!(listed, [locked, open.room]);

    // the game locks and unlocks, and so does the operator
    let mut listing = Listing::default();
    listing.lock(true);
    lobby.listed(open.room, 4, listing.clone());
    assert!(place(&mut lobby, &idle).expect("a new one").new);
    listing.lock(false);
    lobby.listed(open.room, 4, listing);
    assert!(lobby.bar(open.room, true) && !lobby.bar(RoomId(99), true));
    assert_eq!(named(&mut lobby, open.room), Err(NoPlace::Locked));
    lobby.bar(open.room, false);
    assert!(named(&mut lobby, open.room).is_ok());

    lobby.ended(private);
    assert_eq!(wish(&mut lobby, &by_code, 1, &idle), Err(NoPlace::NoCode), "its code ended with it");
}

#[test]
fn groups_land_together_or_not_at_all() {
    let (mut lobby, idle) = (Lobby::new(&[("one", 4)], 2, 1), load(&[0]));
    let first = wish(&mut lobby, "", 3, &idle).expect("a new room");
    let second = wish(&mut lobby, "", 3, &idle).expect("a new room: one seat is not enough");
    assert!(second.new && second.room != first.room);
    assert_eq!(wish(&mut lobby, "", 3, &idle), Err(NoPlace::Full));
    assert_eq!(wish(&mut lobby, "", 5, &idle), Err(NoPlace::TooMany));
    assert_eq!(place(&mut lobby, &idle).map(|placement| placement.room), Ok(first.room));
    (0..3).for_each(|_| assert_eq!(lobby.freed(second.room), (lobby.seats_taken() == 4).then_some(0)));
    assert_eq!(lobby.len(), 1, "who never came leaves nothing behind");
}

#[test]
fn ten_thousand_rooms_are_no_burden() {
    let (mut lobby, idle) = (Lobby::new(&[("one", 2)], 20_000, 2), load(&[]));
    for room in 0..10_000 {
        let text = format!(r#"{{"create": {{"properties": {{"skill": {room}}}}}}}"#);
        wish(&mut lobby, &text, 1, &idle).expect("there is room");
    }
    let began = std::time::Instant::now();
    for _ in 0..1_000 {
        assert!(!place(&mut lobby, &idle).expect("a seat").new);
    }
    let quick = began.elapsed() / 1_000;
    let began = std::time::Instant::now();
    let last = wish(&mut lobby, r#"{"where": {"skill": 9999}}"#, 1, &idle).expect("the last of all");
    println!("any of 10,000 rooms: {quick:?}; the one that fits: {:?}", began.elapsed());
    assert_eq!((last.room, last.new), (RoomId(10_000), false));
}
