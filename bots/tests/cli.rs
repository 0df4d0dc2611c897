//! The program from outside: what it says and how it exits when there is nobody to play with.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

fn swarm(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tickwire-bots"))
        .arg("swarm")
        .args(["--bots", "3", "--seconds", "1"])
        .args(flags)
        .output()
        .expect("the program starts")
}

/// Could not run: exit code 2, nothing on stdout, and `wanted` in the one line on stderr.
#[track_caller]
fn refuses_in_one_sentence(output: &Output, wanted: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("tickwire-bots: "), "{stderr}");
    for part in wanted {
        assert!(stderr.contains(part), "{part:?} is not in: {stderr}");
    }
}

/// Answers each connection's first bytes with `answer` and closes. Gives the session address.
fn server_that_says(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    // lives as long as the test
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| say(stream, answer)));
    format!("ws://{address}/ws")
}

fn say(mut stream: TcpStream, answer: &str) {
    let mut head = [0; 4096];
    let mut read = 0;
    while !head[..read].ends_with(b"\r\n\r\n") {
        match stream.read(&mut head[read..]) {
            Ok(more) if more > 0 => read += more,
            _ => return,
        }
    }
    // the other end may be gone
    let _ = stream.write_all(answer.as_bytes());
}

#[test]
fn an_address_that_is_no_websocket_is_refused() {
    for url in ["http://127.0.0.1:7777/ws", "127.0.0.1:7777", "ws://", "not a url", ""] {
        refuses_in_one_sentence(&swarm(&["--url", url]), &["ws://127.0.0.1:7777/ws"]);
    }
}

#[test]
fn a_server_without_tls_that_is_asked_for_it_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("wss://{}/ws", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // as a server answers that takes a TLS hello for a bad request
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let told = "(no TLS is spoken there, which wss:// asks for; ws:// does not)\n";
    refuses_in_one_sentence(&swarm(&["--url", &url]), &["no Tickwire server", told]);
}

#[test]
fn the_address_that_is_named_has_the_port_that_was_asked_for() {
    let url = server_that_says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let wrong = url.replace("/ws", "/game");
    refuses_in_one_sentence(&swarm(&["--url", &wrong]), &["no Tickwire server", &format!("use one like {url}\n")]);
}

#[test]
fn nobody_there_is_said_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("ws://{}/ws", listener.local_addr().expect("it is bound"));
    drop(listener);
    refuses_in_one_sentence(&swarm(&["--url", &url]), &[url.as_str(), "is the server running there?"]);
}

#[test]
fn a_web_server_is_no_tickwire_server() {
    let ok = server_that_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    refuses_in_one_sentence(&swarm(&["--url", &ok]), &["no Tickwire server", "200"]);
    let not_found = server_that_says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    refuses_in_one_sentence(&swarm(&["--url", &not_found]), &["no Tickwire server", "404"]);
}

#[test]
fn a_server_that_refuses_is_told_with_its_reason() {
    let full = server_that_says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 20\r\n\r\nThe server is full.\n");
    let output = swarm(&["--url", &full]);
    refuses_in_one_sentence(
        &output,
        &[&full, "refuses the connection", "503 Service Unavailable: The server is full."],
    );
    assert!(!String::from_utf8_lossy(&output.stderr).contains("no Tickwire"), "it may well be one");
    let rude = server_that_says("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\na\x1b[2Jb\nc\n");
    let output = swarm(&["--url", &rude]);
    refuses_in_one_sentence(&output, &["403 Forbidden: a[2Jb\n"]);
    let long = format!("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 3000\r\n\r\n{}", "a".repeat(3_000));
    let output = swarm(&["--url", &server_that_says(Box::leak(long.into_boxed_str()))]);
    refuses_in_one_sentence(&output, &["429 Too Many Requests: aaa"]);
    assert!(output.stderr.len() < 400, "{}", output.stderr.len());
    let page = server_that_says("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\n\r\n<html></html>");
    refuses_in_one_sentence(&swarm(&["--url", &page]), &["HTTP 502 Bad Gateway\n"]);
}

#[test]
fn something_that_is_not_even_http_is_no_tickwire_server() {
    let ssh = server_that_says("SSH-2.0-OpenSSH_9.6\r\n");
    refuses_in_one_sentence(&swarm(&["--url", &ssh]), &["no Tickwire server"]);
    let silent = server_that_says("");
    refuses_in_one_sentence(&swarm(&["--url", &silent]), &["no Tickwire server"]);
}

#[test]
fn wrong_arguments_are_one_sentence_that_says_what_to_do() {
    for (flags, expected) in [
        (&["--xyzzy"][..], "there is no --xyzzy; tickwire-bots swarm --help lists the flags"),
        (&["--nam-prefix", "x"], "there is no --nam-prefix; did you mean --name-prefix?"),
        (&["fast"], "\"fast\" stands alone, and only flags are taken; tickwire-bots swarm --help lists them"),
        (&["--json"], "--json needs a value; tickwire-bots swarm --help shows which"),
        (&["--seed", "1", "--seed", "2"], "--seed is given twice; keep one"),
        (&["--seed", "x\ny"], "--seed \"x\\ny\" is not allowed; give a whole number from 0 to 18446744073709551615"),
        (&["--threads", "0"], "--threads 0 is not allowed; give a whole number from 1 to 256"),
        (&["--ramp", "soon"], "--ramp soon is not allowed; give seconds from 0 to a week"),
    ] {
        let output = swarm(flags);
        refuses_in_one_sentence(&output, &[]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("tickwire-bots: {expected}\n"), "{flags:?}");
    }
}

#[test]
fn a_wrong_command_is_refused_with_the_right_one() {
    for (word, expected) in [
        ("swram", "there is no command \"swram\"; did you mean swarm?"),
        ("play", "there is no command \"play\"; tickwire-bots --help lists what there is"),
        ("--bots", "there is no --bots; tickwire-bots --help lists the flags"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tickwire-bots")).arg(word).output().expect("the program starts");
        refuses_in_one_sentence(&output, &[]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("tickwire-bots: {expected}\n"));
    }
}

/// Nobody is there, and it is not even asked.
#[test]
fn a_threshold_that_could_never_be_judged_is_found_before_the_run() {
    let told = "\"p99_resume < 1s\" could never be judged: nobody comes back in a run without a storm\n";
    let output = swarm(&["--threshold", "failed == 0", "--threshold", "p99_resume < 1s"]);
    refuses_in_one_sentence(&output, &[&format!("tickwire-bots: --threshold {told}")]);
    let raw = ["raw", "--url", "ws://127.0.0.1:1/", "--mode", "push", "--threshold", "p99_input_to_ack < 9ms"];
    let output = Command::new(env!("CARGO_BIN_EXE_tickwire-bots")).args(raw).output().expect("the program starts");
    refuses_in_one_sentence(&output, &["without --mode echo nothing is sent that could come back"]);
}

#[test]
fn a_results_file_that_cannot_be_written_is_found_before_the_run() {
    let output = swarm(&["--json", "/no/such/folder/swarm.json"]);
    refuses_in_one_sentence(&output, &["/no/such/folder/swarm.json", "--json"]);
}

#[test]
fn more_bots_than_files_are_refused_with_the_remedy() {
    let program = env!("CARGO_BIN_EXE_tickwire-bots");
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" swarm --bots 100", program])
        .output()
        .expect("there is a shell");
    if cfg!(target_os = "linux") {
        refuses_in_one_sentence(&output, &["ulimit -n", "fewer bots"]);
    }
}

#[test]
fn help_teaches_with_an_example() {
    let output = Command::new(env!("CARGO_BIN_EXE_tickwire-bots"))
        .args(["swarm", "--help"])
        .output()
        .expect("the program starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout.contains("tickwire-bots swarm --url ws://127.0.0.1:7777/ws --bots 200 --seconds 30"), "{stdout}");
    assert!(stdout.contains("Exit codes"), "{stdout}");
}

#[test]
fn a_file_that_is_missing_is_named() {
    let compare = Command::new(env!("CARGO_BIN_EXE_tickwire-bots")).args(["compare", "one.json", "--agree"]).output();
    refuses_in_one_sentence(&compare.expect("the program starts"), &["<AFTER> is missing; ", "compare --help"]);
}
