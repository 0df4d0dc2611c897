use std::path::Path;

use super::*;
use crate::net::addresses::AddressLimits;
use crate::net::http_head::HeadLimits;
use crate::net::proxy::Proxies;
use crate::net::rate::Rate;
use crate::net::ws::DeflateConfig;

fn from_text(text: &str) -> Result<Config, String> {
    let mut layers = Layers::default();
    file::apply_text(&mut layers, Path::new("tickwire.toml"), text);
    layers.faults.first().map_or(Ok(layers.config), |fault| Err(fault.to_string()))
}

fn sentences(text: &str) -> Vec<String> {
    let mut layers = Layers::default();
    file::apply_text(&mut layers, Path::new("tickwire.toml"), text);
    layers.faults.iter().map(ToString::to_string).collect()
}

fn sentence(text: &str) -> String {
    from_text(text).expect_err("should be refused")
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn threads_follow_the_cores() {
    for (cores, expected) in [(1, (1, 1)), (2, (1, 1)), (3, (1, 1)), (4, (2, 2)), (8, (4, 4)), (64, (16, 32))] {
        assert_eq!(threads_for(cores), expected, "{cores} cores");
    }
}

/// Does not compile when a field is added, until it is counted here; and then it needs a key.
#[test]
fn every_field_has_its_key() {
    let Config {
        listen: _,
        reactors: _,
        tick_threads: _,
        assets: _,
        capsules: _,
        tls_cert: _,
        tls_key: _,
        stop_grace_ms: _,
        stop_text: _,
        drain_s: _,
        net,
        session: _,
        rooms_max: _,
        client_bytes_per_s: _,
        log: _,
        log_format: _,
        load: LoadLimits { rooms_max_percent: _, joins_max_percent: _ },
        lobby:
            LobbyConfig {
                create: _,
                creations_per_minute: _,
                client_options: _,
                reservation_s: _,
                reserved_per_address: _,
                tickets_max: _,
                queue_window: _,
                queue_growth_per_s: _,
                queue_window_max: _,
                queue_max: _,
                api_requests_per_s: _,
            },
        admin: AdminConfig { listen: _, token: _, token_file: _, hosts: _, bans_file: _ },
        identity: _,
        return_to: _,
    } = Config::default();
    let NetConfig {
        message_max_bytes: _,
        fragments_max: _,
        head: HeadLimits { head_max_bytes: _, headers_max: _, target_max_bytes: _ },
        handshake_timeout_ms: _,
        unfinished_message_timeout_ms: _,
        ping_interval_ms: _,
        close_timeout_ms: _,
        drain_max_bytes: _,
        write_buffer_max_bytes: _,
        write_stall_timeout_ms: _,
        send_buffer_bytes: _,
        unsent_max_bytes: _,
        unacked_max_bytes: _,
        connections_max: _,
        backlog: _,
        proxies: Proxies { networks: _, protocol: _ },
        write_buffers_max_bytes: _,
        pings: Rate { per_s: _, burst: _ },
        origins: _,
        addresses: AddressLimits { open_max: _, handshakes_max: _, new: Rate { per_s: _, burst: _ }, exempt: _ },
        deflate:
            DeflateConfig {
                enabled: _,
                server_context_takeover: _,
                client_context_takeover: _,
                server_window_bits: _,
                client_window_bits: _,
                level: _,
                message_min_bytes: _,
                ratio_max: _,
                ratio_free_bytes: _,
            },
    } = net;
}

#[test]
fn every_field_of_a_session_has_its_key() {
    let SessionLimits {
        hello_timeout_ms: _,
        hello_max_bytes: _,
        messages: Rate { per_s: _, burst: _ },
        bytes: Rate { per_s: _, burst: _ },
        too_fast_timeout_ms: _,
        grace_max_ms: _,
        json_links_max: _,
    } = Config::default().session;
}

#[test]
fn every_section_has_its_keys() {
    assert_eq!(keys::all().count(), 17 + 28 + 9 + 9 + 11 + 5 + 12);
}

#[test]
fn every_default_is_allowed_and_every_key_fills_its_own_field() {
    for KeyHelp { name, default, .. } in keys() {
        if default.is_empty() {
            continue;
        }
        let key = keys::all().find(|key| key.name == name).unwrap();
        let place = Place::Flag { name: name.into() };
        key.set(&mut Config::default(), &Given::Untyped(&default), &place).unwrap();

        // a number of its own shows up at this key and at no other
        let given = if default.parse::<u64>().is_ok() { "4999" } else { continue };
        let small = name.ends_with("threads") || ["reactors", "net.headers_max"].contains(&name);
        let allowed = match name {
            _ if name.ends_with("percent") => "77",
            "net.write_buffers_max_bytes" => "4999999",
            // no other number has its value
            _ if name.ends_with("window_bits") => "11",
            "net.deflate_level" => "7",
            "identity.leeway_s" => "299",
            _ if small => "199",
            _ => given,
        };
        let mut config = Config::default();
        key.set(&mut config, &Given::Untyped(allowed), &place).unwrap();
        let shown = |config: &Config| {
            let mut numbers = format!("{config:?}");
            numbers.retain(|c| c != ' ');
            numbers
        };
        let field = match name {
            "net.pings_per_s" => "pings:Rate{per_s",
            "net.pings_burst" => "pings:Rate{per_s:5,burst",
            "net.address_connections_max" => "addresses:AddressLimits{open_max",
            "net.address_handshakes_max" => "handshakes_max",
            "net.address_new_per_s" => "new:Rate{per_s",
            "net.address_new_burst" => "new:Rate{per_s:20,burst",
            "session.messages_per_s" => "messages:Rate{per_s",
            "session.messages_burst" => "messages:Rate{per_s:30,burst",
            "rooms_load_max_percent" => "load:LoadLimits{rooms_max_percent",
            "joins_load_max_percent" => "load:LoadLimits{rooms_max_percent:85,joins_max_percent",
            "session.bytes_per_s" => "bytes:Rate{per_s",
            "session.bytes_burst" => "bytes:Rate{per_s:65536,burst",
            flat => flat.rsplit('.').next().unwrap().trim_start_matches("deflate_"),
        };
        assert!(shown(&config).contains(&format!("{field}:{allowed}")), "{name}: {config:?}");
    }
}

#[test]
fn every_range_holds_at_its_ends() {
    let mut ranges = 0;
    for key in keys::all() {
        let set = |number: u64| {
            let place = Place::Flag { name: key.name.into() };
            key.set(&mut Config::default(), &Given::Untyped(&number.to_string()), &place)
                .map_err(|error| error.to_string())
        };
        // whoever takes all numbers, or none, has no range
        let Some(error) = set(u64::MAX).err() else { continue };
        let Some((_, range)) = error.split_once("a whole number from ") else { continue };
        let mut ends = range.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u64>().ok());
        let (least, most) = (ends.next().unwrap(), ends.next().unwrap());
        let taken = [least.wrapping_sub(1), least, most, most + 1].map(|number| set(number).is_ok());
        assert_eq!(taken, [false, true, true, false], "{}: {error}", key.name);
        ranges += 1;
    }
    assert!(ranges > 35, "{ranges}");
}

#[test]
fn lists_are_read_as_they_are_shown() {
    let config = from_text("[net]\norigins = \"https://a.example\"\naddress_exempt = \"10.0.0.1, ::2\"").unwrap();
    assert_eq!(config.net.origins, "https://a.example".parse().unwrap());
    assert_eq!(config.net.addresses.exempt, ["10.0.0.1", "::2"].map(|ip| ip.parse().unwrap()));
    let nobody = from_text("[net]\naddress_exempt = \"\"").unwrap();
    assert!(nobody.net.addresses.exempt.is_empty());
    let config = from_text("[net]\nproxies = \"10.0.0.0/8, ::1\"\nproxy_protocol = true").unwrap();
    assert_eq!(config.net.proxies.networks, ["10.0.0.0/8", "::1"].map(|network| network.parse().unwrap()));
    assert!(config.net.proxies.protocol);
    let lists = "[net]\nproxies = [\"10.0.0.0/8\", \"::1\"]\norigins = [\"https://a.example\", \"http://b.example\"]\n\
                 address_exempt = [\n  \"192.168.0.0/16\", # the office\n]";
    let config = from_text(lists).unwrap().net;
    assert_eq!(config.proxies.networks, ["10.0.0.0/8", "::1"].map(|network| network.parse().unwrap()));
    assert_eq!(config.origins, "https://a.example,http://b.example".parse().unwrap());
    assert_eq!(config.addresses.exempt, ["192.168.0.0/16".parse().unwrap()]);
    assert_eq!(from_text("net.origins = [\"same-host\"]").unwrap().net.origins, Default::default());
    assert!(from_text("net.proxies = []").unwrap().net.proxies.networks.is_empty());
    let wrong = sentence("[net]\nproxies = [\"10.0.0.0/8\", \"nginx\"]");
    assert!(wrong.starts_with("tickwire.toml, line 2: net.proxies = [\"10.0.0.0/8\", \"nginx\"] is not"), "{wrong}");
    assert!(sentence("net.proxies = [1]").contains("(a list) is not allowed"));
    assert!(sentence("net.origins = []").contains("it takes same-host"));
    assert!(sentence("[net]\nproxies = \"10.0.0.0/33\"").contains("10.0.0.0/8"));
    assert!(sentence("[net]\nproxy_protocol = \"true\"").contains("it takes true or false, without quotes"));
    assert!(sentence("[net]\norigins = \"a.example\"").contains("https://game.example"));
    assert!(sentence("[net]\naddress_exempt = \"localhost\"").contains("127.0.0.1"));
}

#[test]
fn a_later_layer_wins() {
    let folder = std::env::temp_dir().join(format!("tickwire-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("layers.toml");
    std::fs::write(
        &path,
        "listen = \"[::1]:1\"\nrooms_max = 11\nassets = \"web\"\ntls_key = \"key.pem\"\nlog = \"warn\"\n[net]\nfragments_max = 3\n",
    )
    .unwrap();
    let environment = variables(&[
        ("TICKWIRE_LISTEN", "localhost:2"),
        ("TICKWIRE_ROOMS_MAX", "22"),
        ("TICKWIRE_NET_PING_INTERVAL_MS", "5000"),
        ("TICKWIRE_LOG", ""),
        ("TICKWIRE_CONFIG", "somewhere.toml"),
        ("HOME", "/root"),
    ]);
    let (config, slips) = Config::read(Some(&path), environment, [("listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:3".parse().unwrap(), "the flag");
    assert_eq!(config.rooms_max, 22, "the variable");
    assert_eq!(config.net.ping_interval_ms, 5_000);
    assert_eq!(config.net.fragments_max, 3, "the file");
    assert_eq!(config.log, "warn", "an empty variable is none");
    assert_eq!(config.assets, Some(folder.join("web")), "relative to the file");
    assert_eq!(config.tls_key, Some(folder.join("key.pem")), "relative to the file");
    assert_eq!(config.stop_grace_ms, 2_000, "the default");
    assert!(slips.is_empty(), "{slips:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn unknown_keys_name_the_line_and_the_nearest_key() {
    assert_eq!(
        sentence("# mine\n\nlissten = \"127.0.0.1:1\"\n"),
        "tickwire.toml, line 3: there is no key lissten; did you mean listen?"
    );
    assert_eq!(
        sentence("[net]\nping_interval = 5\n"),
        "tickwire.toml, line 2: there is no key net.ping_interval; did you mean net.ping_interval_ms?"
    );
    assert_eq!(
        sentence("fragments_max = 5\n"),
        "tickwire.toml, line 1: there is no key fragments_max; did you mean net.fragments_max?"
    );
    assert_eq!(sentence("threads = 5\n"), "tickwire.toml, line 1: there is no key threads; did you mean tick_threads?");
    assert_eq!(
        sentence("port = 5\n"),
        "tickwire.toml, line 1: there is no key port; the keys here are listen, reactors, tick_threads, assets, \
         capsules, tls_cert, tls_key, stop_grace_ms, stop_text, return_to, drain_s, rooms_max, client_bytes_per_s, \
         rooms_load_max_percent, joins_load_max_percent, log, log_format and the sections [net], [session], [lobby], \
         [admin] and [identity]"
    );
    assert_eq!(
        sentence("\n[network]\nx = 1\n"),
        "tickwire.toml, line 2: there is no section [network]; the sections are [net], [session], [lobby], [admin] and [identity]"
    );
    for (text, unknown, meant) in [
        ("[net]\nhello_timeout_ms = 1", "key net.hello_timeout_ms", "session.hello_timeout_ms"),
        ("[session]\nping_interval = 1", "key session.ping_interval", "net.ping_interval_ms"),
        ("[net]\nrooms_max = 1", "key net.rooms_max", "rooms_max"),
        ("pings_pers_s = 1", "key pings_pers_s", "net.pings_per_s"),
        ("[net]\nmessages_per_s = 1", "key net.messages_per_s", "session.messages_per_s"),
    ] {
        assert!(
            sentence(text).ends_with(&format!("there is no {unknown}; did you mean {meant}?")),
            "{}",
            sentence(text)
        );
    }
    assert_eq!(
        sentence("[tick]\nx = 1\nthreads = 2\nlisten = \"a\"\n"),
        "tickwire.toml, line 1: there is no section [tick]; the sections are [net], [session], [lobby], [admin] and [identity]; for threads in it, \
         did you mean tick_threads?"
    );
    assert_eq!(
        sentence("net = 5"),
        "tickwire.toml, line 1: there is no key net; it is a section, write [net] and its keys below"
    );
}

#[test]
fn a_misspelt_section_names_the_one_that_was_meant() {
    assert_eq!(
        sentence("[sesion]\nbytes_per_s = 5000"),
        "tickwire.toml, line 1: there is no section [sesion]; did you mean [session]?"
    );
}

#[test]
fn the_operators_keys() {
    let token = "0123456789abcdef";
    let text = format!(
        "log_format = \"json\"\n[admin]\nlisten = \"localhost:1\"\ntoken = \"{token}\"\nhosts = [\"Admin.example\"]"
    );
    let config = from_text(&text).unwrap();
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.admin.listen, Some("127.0.0.1:1".parse().unwrap()));
    assert_eq!(config.admin.hosts, ["admin.example"]);
    assert!(!format!("{config:?}").contains(token), "a secret is for no log");
    let short = sentence("admin.token = \"guess me\"");
    assert!(!short.contains("guess") && short.contains("16 to 256 visible"), "{short}");
    assert!(sentence("admin.hosts = [\"a.example:80\"]").contains("without ports"));
    assert!(sentence("log_format = \"xml\"").ends_with("it takes pretty or json"));
    assert!(sentence(&format!("stop_text = \"{}\"", "a".repeat(124))).contains("1 to 123 bytes"));
}

#[test]
fn who_players_are() {
    let text = "return_to = \"https://eu2.example\"\n[identity]\nkey_files = [\"a.pem\", \"b.pem\"]\n\
                required = true\nclaims = [\"team\", \"https://game.example/Level\"]\nsecond_device = \"another seat\"\n\
                [admin]\nbans_file = \"bans.json\"";
    let config = from_text(text).unwrap();
    assert_eq!(config.identity.key_files, ["a.pem", "b.pem"].map(PathBuf::from));
    assert_eq!((config.identity.required, config.identity.second_device), (Some(true), SecondDevice::AnotherSeat));
    assert_eq!(config.identity.claims, ["team", "https://game.example/Level"], "case counts");
    assert_eq!(config.admin.bans_file, Some(PathBuf::from("bans.json")));
    assert_eq!(config.return_to.as_deref(), Some("https://eu2.example"));
    let takes = sentence("identity.second_device = \"kick\"");
    assert!(takes.ends_with("it takes one of \"takes over\", \"another seat\", \"refused\""), "{takes}");
    assert!(sentence("identity.required = \"yes\"").contains("true or false"));
    assert!(sentence("identity.issuer = \"\"").contains("1 to 256 bytes"));
    assert!(sentence("[identity]\njwks = \"a\"").contains("did you mean identity.jwks_file?"));
}

#[test]
fn the_first_fault_of_the_file_is_told_first() {
    assert!(sentence("zzz = 1\naaa = 2\n").contains("line 1: there is no key zzz"));
}

#[test]
fn wrong_values_say_what_is_allowed() {
    let number = "it takes a whole number from";
    for (text, expected) in [
        ("reactors = 0", format!("line 1: reactors = 0 is not allowed; {number} 1 to 256")),
        ("\ntick_threads = \"4\"", format!("line 2: tick_threads = \"4\" is not allowed; {number} 1 to 256")),
        ("rooms_max = -1", format!("rooms_max = -1 is not allowed; {number} 1 to 1000000")),
        ("rooms_max = 1.5", format!("rooms_max = (a number with a fraction) is not allowed; {number} 1")),
        ("rooms_max = [1]", format!("rooms_max = (a list) is not allowed; {number} 1")),
        ("stop_grace_ms = true", format!("stop_grace_ms = true is not allowed; {number} 0 to 600000")),
        ("[net]\nmessage_max_bytes = 16", format!("line 2: net.message_max_bytes = 16 is not allowed; {number} 1024")),
        ("net.connections_max = 0", format!("line 1: net.connections_max = 0 is not allowed; {number} 1 to")),
        ("listen = 7777", "listen = 7777 is not allowed; it takes an address and a port".to_owned()),
        ("listen = \"127.0.0.1\"", "listen = \"127.0.0.1\" is not allowed; it takes an address and".to_owned()),
        ("listen = \"127.0.0.1:70000\"", "a port from 0 to 65535, such as 127.0.0.1:7777".to_owned()),
        ("assets = \"\"", "assets = \"\" is not allowed; it takes the path of a folder".to_owned()),
        ("log = \"loud=very\"", "log = \"loud=very\" is not allowed; it takes error, warn, info".to_owned()),
        ("[listen]\nx = 1", "listen = (a section) is not allowed; it takes an address".to_owned()),
    ] {
        let sentence = sentence(text);
        assert!(sentence.contains(&expected), "{text:?} gave: {sentence}");
        assert!(sentence.starts_with("tickwire.toml, line ") && !sentence.contains('\n'), "{sentence}");
    }
}

#[test]
fn broken_toml_names_its_line_in_one_sentence() {
    for text in ["ok", "rooms_max = 1\nlisten = \"127", "rooms_max = 1\nrooms_max = 2", "[net\n", "a = \u{1}"] {
        let sentence = sentence(text);
        assert!(sentence.starts_with("tickwire.toml, line "), "{sentence}");
        assert!(sentence.contains(": this is not TOML: "), "{sentence}");
        assert!(!sentence.contains('\n'), "{sentence}");
    }
    assert!(sentence("rooms_max = 1\nrooms_max = 2").contains("line 2"));
}

#[test]
fn all_that_is_wrong_is_told_by_line() {
    let text = "lissten = 1\nrooms_max = 0\nreactors = \n[net]\nfragments_max = \"a\"\n[sesion]\nx = 1\n[session\n";
    let told = sentences(text);
    let lines: Vec<&str> = told.iter().filter_map(|told| told.split(": ").next()).collect();
    let expected = [1, 2, 3, 5, 6, 8].map(|line| format!("tickwire.toml, line {line}"));
    assert_eq!(lines, expected, "{told:#?}");
    assert_eq!(sentences("\u{feff}rooms_max = 5"), [] as [&str; 0]);
}

#[test]
fn what_is_printed_is_read_again_as_the_same() {
    let text = "rooms_max = 77\nassets = \"a\\\"b\"\n[net]\nproxies = \"10.0.0.0/8\"\ndeflate = true\n[admin]\n\
                token = \"0123456789abcdef\"\nlisten = \"127.0.0.1:1\"";
    let mut layers = Layers::default();
    file::apply_text(&mut layers, Path::new("tickwire.toml"), text);
    layers.set(
        keys::all().find(|key| key.name == "log").unwrap(),
        &Given::Untyped("warn"),
        Place::Flag { name: "log".into() },
    );
    let printed = layers.printed();
    assert!(
        printed.contains("# most rooms at once (1 to 1000000)\nrooms_max = 77 # tickwire.toml, line 1\n"),
        "{printed}"
    );
    assert!(
        printed.contains("\nlog = \"warn\" # --log\n") && printed.contains("\n# token is set # tickwire"),
        "{printed}"
    );
    assert!(!printed.contains("0123456789abcdef"), "a secret is for no screen");
    assert!(keys::all().all(|key| printed.contains(&format!("\n# {}", key.meaning))), "{printed}");
    let again = from_text(&printed).unwrap();
    let mut shown = layers.config.clone();
    shown.admin.token = None;
    assert_eq!(format!("{again:?}"), format!("{shown:?}"));
}

#[test]
fn a_file_that_is_too_long_or_no_text_says_so() {
    let folder = std::env::temp_dir().join(format!("tickwire-long-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let told = |bytes: &[u8]| {
        std::fs::write(folder.join("it.toml"), bytes).unwrap();
        Config::read(Some(&folder.join("it.toml")), [], []).unwrap_err().to_string()
    };
    // cut inside of a character
    let long = format!("#{}", "\u{20ac}".repeat(400_000));
    assert!(told(long.as_bytes()).contains("it has more than 1048576 bytes"));
    assert!(told(b"a = 1\n\xff\xfe").contains("it is not UTF-8 text (line 2)"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::read(Some(Path::new("/no/such.toml")), [], []).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot read the configuration file /no/such.toml: No such file or directory (os error 2); \
         name the right one with --config"
    );
}

#[test]
fn variables_and_flags_are_named_as_they_were_written() {
    let environment = variables(&[("TICKWIRE_NET_FRAGMENTS_MAX", "many")]);
    assert_eq!(
        Config::read(None, environment, []).unwrap_err().to_string(),
        "TICKWIRE_NET_FRAGMENTS_MAX=many is not allowed; it takes a whole number from 1 to 1000000, without \
         quotes or unit"
    );
    assert_eq!(
        Config::read(None, [], [("tick-threads", "0")]).unwrap_err().to_string(),
        "--tick-threads 0 is not allowed; it takes a whole number from 1 to 256, without quotes or unit"
    );
    assert_eq!(
        Config::read(None, [], [("listen", "my game")]).unwrap_err().to_string(),
        "--listen \"my game\" is not allowed; it takes an address and a port from 0 to 65535, such as \
         127.0.0.1:7777 (this machine only), 0.0.0.0:7777 (everyone) or [::1]:7777"
    );
    assert_eq!(
        Config::read(None, [], [("lissten", "x")]).unwrap_err().to_string(),
        "there is no --lissten; see --help"
    );
}

#[test]
fn addresses_are_numbers_or_localhost() {
    for (text, expected) in [
        ("127.0.0.1:7777", Some("127.0.0.1:7777")),
        ("[::1]:7777", Some("[::1]:7777")),
        ("localhost:0", Some("127.0.0.1:0")),
        ("localhost", None),
        ("localhost:70000", None),
        (":7777", None),
        ("7777", None),
        ("example.org:80", None),
        ("http://127.0.0.1:7777", None),
        ("", None),
    ] {
        let read = Config::read(None, [], [("listen", text)]).map(|(config, _)| config.listen).ok();
        assert_eq!(read, expected.map(|address| address.parse().unwrap()), "{text}");
    }
}

/// EnvFilter takes each of the refused ones, and then nothing is logged, not even errors.
#[test]
fn filters_that_would_silence_by_a_slip_are_refused() {
    for (text, hint) in [
        ("inof", "inof is no level, did you mean info?"),
        ("bogus", "bogus is no level"),
        ("warn,debgu", "debgu is no level, did you mean debug?"),
        ("3", "3 is no level"),
        ("tickwire_server", "tickwire_server needs a level, such as tickwire_server=debug"),
        ("bogus=", "bogus needs a level, such as bogus=debug"),
        ("tickwire_server::net=", "tickwire_server::net needs a level, such as tickwire_server::net=debug"),
        ("tickwire_server[span]", "tickwire_server[span] needs a level, such as tickwire_server[span]=debug"),
        ("mio=inof", "inof is no level, did you mean info?"),
        ("loud=very", "very is no level"),
        ("warn,tickwire_servr=debug", "nothing here logs as tickwire_servr, did you mean tickwire_server?"),
        ("tickwire-server::net=debug", "nothing here logs as tickwire-server, did you mean tickwire_server?"),
        ("tickwired=debug", "nothing here logs as tickwired, did you mean tickwire?"),
        ("tickwire_elsewhere=debug", "nothing here logs as tickwire_elsewhere, but tickwire and tickwire_server do"),
        ("tickwire_servr[span]=debug", "nothing here logs as tickwire_servr, did you mean tickwire_server?"),
        ("info,", "there is nothing beside one of the commas"),
        (",info", "there is nothing beside one of the commas"),
        (" ", "such as info,tickwire_server::net=debug"),
        ("", "such as info,tickwire_server::net=debug"),
        ("tickwire_server[{=debug", "such as info,tickwire_server::net=debug"),
    ] {
        let error = Config::read(None, [], [("log", text)]).expect_err(text).to_string();
        assert!(
            error.contains("is not allowed; it takes error, warn, info, debug, trace or off, or one for"),
            "{error}"
        );
        assert!(error.ends_with(hint), "{text:?} gave: {error}");
    }
    for text in [
        "off",
        "INFO",
        "info,tickwire_server::net=debug",
        " warn, tickwire=info ",
        "error,mio=trace,my_game::bots=debug",
        "tickwire_server[span{id=5}]=debug",
        "[span]=trace",
    ] {
        let (config, _) = Config::read(None, [], [("log", text)]).expect(text);
        assert_eq!(config.log, text.replace(' ', ""));
    }
}

#[test]
fn variables_that_say_nothing_are_remarked_unless_others_own_them() {
    let environment = variables(&[
        ("TICKWIRE_LISTEM", "127.0.0.1:1"),
        ("TICKWIRE_PORT", "tcp://10.0.0.1:7777"),
        ("TICKWIRE_SERVICE_HOST", "10.0.0.1"),
        ("TICKWIRE_ADMIN_PORT_7778_TCP_ADDR", "10.0.0.1"),
        ("TICKWIRE_BOTS_PASS", "secret"),
        ("TICKWIRE_ROOM_MAX", ""),
    ]);
    let (_, slips) = Config::read(None, environment, []).unwrap();
    assert_eq!(slips, ["TICKWIRE_LISTEM is not a setting of this server; did you mean TICKWIRE_LISTEN?"]);
    for (name, meant) in [
        ("TICKWIRE_NET_HELLO_TIMEOUT_MS", "TICKWIRE_SESSION_HELLO_TIMEOUT_MS"),
        ("TICKWIRE_HELLO_TIMEOUT_MS", "TICKWIRE_SESSION_HELLO_TIMEOUT_MS"),
        ("TICKWIRE_NET_ROOMS_MAX", "TICKWIRE_ROOMS_MAX"),
        ("TICKWIRE_NET_PING_INTERVAL", "TICKWIRE_NET_PING_INTERVAL_MS"),
        ("TICKWIRE_THREADS", "TICKWIRE_TICK_THREADS"),
    ] {
        let (_, slips) = Config::read(None, variables(&[(name, "5")]), []).unwrap();
        assert_eq!(slips, [format!("{name} is not a setting of this server; did you mean {meant}?")]);
    }
    let (_, slips) = Config::read(None, variables(&[("TICKWIRE_COLOUR", "blue")]), []).unwrap();
    assert_eq!(slips, ["TICKWIRE_COLOUR is not a setting of this server; nothing reads it"]);
}

#[test]
fn long_and_hostile_values_are_shortened_and_escaped() {
    let long = "x".repeat(10_000) + "\u{1b}[31m";
    for key in ["listen", "log"] {
        let error = Config::read(None, [], [(key, long.as_str())]).unwrap_err().to_string();
        assert!(error.len() < 400, "{error}");
    }
    for key in ["listen", "log"] {
        let error = Config::read(None, [], [(key, "\u{1b}[31m")]).unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
        let error = Config::read(None, [], [(key, "x\ny")]).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}
