//! `tickwire config` and `tickwire check`.

use super::*;

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), text(&stdout), text(&stderr))
}

#[test]
fn config_prints_what_counts_and_where_it_came_from() {
    let scratch = Scratch::new("config-prints");
    let file = scratch.file("tickwire.toml", "rooms_max = 5\n[net]\nping_interval_ms = 10000\n");
    let mut command = tickwire(&["config", "--config", &file, "--tick-threads", "3"]);
    command.env("TICKWIRE_NET_FRAGMENTS_MAX", "77").env("TICKWIRE_ADMIN_TOKEN", "0123456789abcdef");
    let (code, printed, stderr) = run(&mut command);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for line in [
        format!("rooms_max = 5 # {file}, line 1"),
        format!("ping_interval_ms = 10000 # {file}, line 3"),
        "tick_threads = 3 # --tick-threads".to_owned(),
        "fragments_max = 77 # TICKWIRE_NET_FRAGMENTS_MAX".to_owned(),
        "stop_grace_ms = 2000".to_owned(),
        "# token is set # TICKWIRE_ADMIN_TOKEN".to_owned(),
        "[session]".to_owned(),
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in {printed}");
    }
    assert!(!printed.contains("0123456789abcdef"), "{printed}");
    let again = scratch.file("again.toml", &printed);
    let (code, told, stderr) = run(&mut tickwire(&["check", &again]));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], format!("{again}: nothing is wrong"));
    assert!(lines[1].starts_with(&format!("{again}: players are anonymous")), "{told}");
    assert_eq!(lines.len(), 2);
    assert!(refusal(tickwire(&["config", "--tick-threads", "0"])).starts_with("--tick-threads 0 is not allowed; "));
}

#[test]
fn check_names_all_mistakes_by_line() {
    let scratch = Scratch::new("check-names");
    let file = scratch.file(
        "tickwire.toml",
        "rooms_max = 0\nlissten = 1\nassets = \"nowhere\"\ntls_cert = \"cert.pem\"\n[network]\nping_interval_ms = 5\n\
         [admin]\nlisten = \"0.0.0.0:7778\"\n",
    );
    let (code, told, stderr) = run(&mut tickwire(&["check", &file]));
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{told}");
    let expected = [
        "line 1: rooms_max = 0 is not allowed",
        "line 2: there is no key lissten; did you mean listen?",
        "line 3: there is no folder",
        "line 4: tls_cert needs tls_key beside it",
        "line 5: there is no section [network]; ",
        "line 8: admin.listen = 0.0.0.0:7778 can be reached from other machines",
    ];
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{told}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(&file) && line.contains(expected), "{expected} is not in {line}");
    }
    // who starts a server with it is told no less
    let (code, stdout, stderr) = run(&mut tickwire(&["--config", &file]));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    let lines: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("tickwire: ")).collect();
    assert_eq!(lines, told.lines().collect::<Vec<_>>());
    let (code, stdout, stderr) = run(&mut tickwire(&["config", "--config", &file]));
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 3), "those of the settings: {stderr}");
    assert!(refusal(tickwire(&["check", "/no/such.toml"])).contains("/no/such.toml"));
    assert!(refusal(tickwire(&["check"])).contains("path of a file"));
    assert_eq!(refusal(tickwire(&["chek", &file])), "there is no \"chek\"; did you mean check?");
}

#[test]
fn players_and_operators_on_one_port_are_told_of() {
    let scratch = Scratch::new("one-port");
    for (players, admin, is_one) in [
        ("127.0.0.1:7777", "127.0.0.1:7777", true),
        ("0.0.0.0:7777", "127.0.0.1:7777", true),
        ("127.0.0.1:7777", "127.0.0.1:7778", false),
        ("127.0.0.2:7777", "127.0.0.1:7777", false),
        ("0.0.0.0:7777", "[::1]:7777", false),
    ] {
        let file = scratch.file("tickwire.toml", &format!("listen = \"{players}\"\n[admin]\nlisten = \"{admin}\"\n"));
        let (code, told, _) = run(&mut tickwire(&["check", &file]));
        assert_eq!(code, Some(i32::from(is_one)), "{told}");
        let wanted =
            format!("{file}, line 3: admin.listen = {admin} is the port that players have with listen = {players};");
        assert_eq!(told.starts_with(&wanted), is_one, "{told}");
    }
    let sentence = refusal(tickwire(&["--listen", "127.0.0.1:7777", "--admin-listen", "127.0.0.1:7777"]));
    assert!(sentence.starts_with("admin.listen = 127.0.0.1:7777 is the port that players have"), "{sentence}");
}

#[test]
fn variables_that_say_nothing_are_remarked() {
    let told =
        "TICKWIRE_NET_PING_INTERVAL is not a setting of this server; did you mean TICKWIRE_NET_PING_INTERVAL_MS?";
    let (code, _, stderr) = run(tickwire(&["config"]).env("TICKWIRE_NET_PING_INTERVAL", "5000"));
    assert_eq!((code, stderr), (Some(0), format!("tickwire: {told}\n")));
}

#[test]
fn check_says_who_plays_and_what_is_wrong_with_keys_and_bans() {
    let scratch = Scratch::new("check-identity");
    scratch.file("secret", "0123456789abcdef0123456789abcdef\n");
    scratch.file("bans.json", "{\"bans\": 7}");
    let good = scratch.file("good.toml", "[identity]\nsecret_file = \"secret\"\n");
    let (code, told, _) = run(&mut tickwire(&["check", &good]));
    assert_eq!(code, Some(0));
    assert!(told.contains("known by signed passes (1 x HS256); whoever has none is refused"), "{told}");
    let bad = scratch.file(
        "bad.toml",
        &format!("stop_text = \"{}\"\nreturn_to = \"b\"\n[identity]\nkey_files = [\"secret\"]\n", "a".repeat(122)),
    );
    let (code, told, _) = run(&mut tickwire(&["check", &bad]));
    assert_eq!(code, Some(1), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].contains("line 2: ") && lines[0].contains("124 bytes"), "{told}");
    assert!(lines[1].contains("line 4: identity.key_files") && lines[1].contains("identity.secret_file"), "{told}");
    let bans = scratch.file("bans.toml", "[admin]\nbans_file = \"bans.json\"\n");
    let (code, told, _) = run(&mut tickwire(&["check", &bans]));
    assert_eq!(code, Some(1));
    assert!(told.contains("bans.json is not what this server has written") && told.contains("move it away"), "{told}");
    // what check names keeps it from starting
    for file in [bad, bans] {
        let (code, stdout, stderr) = run(&mut tickwire(&["--config", &file, "--listen", "127.0.0.1:0"]));
        assert_eq!((code, stdout.as_str(), stderr.is_empty()), (Some(2), "", false));
    }
}
