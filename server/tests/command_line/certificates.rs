//! What is said of a certificate and its key: of wrong files, of the right ones, and of their end.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::certificate::Certificate;
use super::*;

/// A certificate for localhost with its key, as PEM, taken until the first of January of this year.
fn until(year: i32) -> (String, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "game.example".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// PEM of this kind, with something inside.
fn pem(label: &str, inside: &str) -> String {
    format!("-----BEGIN {label}-----\n{inside}\n-----END {label}-----\n")
}

/// As one copies it out of a YAML file.
fn indented(pem: &str) -> String {
    pem.lines().map(|line| format!("  {line}\n")).collect()
}

fn with_pair(certificate: &str, key: &str) -> Command {
    tickwire(&["--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key])
}

/// The sentence, and that it says all of this.
fn expect(sentence: &str, words: &[&str]) {
    assert!(words.iter().all(|word| sentence.contains(word)), "{words:?} are not in: {sentence}");
}

#[test]
fn what_has_no_end_is_not_read() {
    let scratch = Scratch::new("endless");
    let (certificate, key) = until(2100);
    let (certificate, key) = (scratch.file("cert.pem", &certificate), scratch.file("key.pem", &key));
    let pipe = scratch.0.join("pipe").to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let huge = scratch.file("huge.pem", &"a line of nothing\n".repeat(70_000));
    let folder = scratch.0.to_str().unwrap();
    for (file, why) in [
        ("/dev/zero", "it is no regular file"),
        (&pipe, "it is no regular file"),
        (folder, "it is no regular file"),
        (&huge, "it has more than 1 MiB"),
    ] {
        assert_eq!(refusal(with_pair(&certificate, file)), format!("cannot read a private key from {file}: {why}"));
        assert_eq!(refusal(with_pair(file, &key)), format!("cannot read certificates from {file}: {why}"));
    }
}

#[test]
fn a_configuration_without_end_is_not_read() {
    let sentence = refusal(tickwire(&["--config", "/dev/zero"]));
    expect(&sentence, &["/dev/zero", "more than 1048576 bytes"]);
}

#[test]
fn a_file_of_another_kind_is_told_by_what_it_is() {
    let scratch = Scratch::new("kinds");
    let (good, good_key) = until(2100);
    let certificate = scratch.file("cert.pem", &good);
    let key = scratch.file("key.pem", &good_key);
    let encrypted = pem("ENCRYPTED PRIVATE KEY", "AAAA");
    let older = pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA");
    let cut_off = good_key.replace("-----END PRIVATE KEY-----", "");
    let edited = good_key.replacen("\nM", "\n!", 1);
    for (contents, words) in [
        (encrypted.as_str(), &["encrypted", "passphrase", "openssl pkey"][..]),
        (&older, &["encrypted", "passphrase", "openssl pkey"]),
        (&good, &["certificates", "without -----BEGIN PRIVATE KEY-----"]),
        (&pem("OPENSSH PRIVATE KEY", "AAAA"), &["OpenSSH", "PRIVATE KEY"]),
        (&pem("DH PARAMETERS", "AAAA"), &["DH PARAMETERS", "without -----BEGIN PRIVATE KEY-----"]),
        ("", &["it is empty"]),
        ("hello\n", &["no PEM", "-----BEGIN PRIVATE KEY-----"]),
        (&cut_off, &["damaged", "END line"]),
        (&edited, &["damaged", "base64"]),
        (&indented(&good_key), &["damaged", "not at the start of"]),
        (&pem("PRIVATE KEY", "AAAA"), &["cannot use", "key.pem"]),
    ] {
        let file = scratch.file("other-key.pem", contents);
        let sentence = refusal(with_pair(&certificate, &file));
        expect(&sentence, words);
        assert!(sentence.contains(&file), "{sentence}");
    }
    let request = pem("CERTIFICATE REQUEST", "AAAA");
    for (contents, words) in [
        (request.as_str(), &["a request for a certificate", "-----BEGIN CERTIFICATE-----"][..]),
        (&good_key, &["a private key", "without -----BEGIN CERTIFICATE-----"]),
        ("", &["it is empty"]),
        (&indented(&good), &["damaged", "not at the start of"]),
        (&pem("CERTIFICATE", "AAAA"), &["cannot use"]),
    ] {
        let file = scratch.file("other.pem", contents);
        expect(&refusal(with_pair(&file, &key)), &[&[file.as_str()], words].concat());
    }
}

#[test]
fn der_is_told_with_the_command_that_converts_it() {
    let scratch = Scratch::new("der");
    let (certificate, key) = until(2100);
    let (certificate, key) = (scratch.file("cert.pem", &certificate), scratch.file("key.pem", &key));
    let der = |name: &str, bytes: &[u8]| {
        let path = scratch.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let der_certificate = der("cert.der", made.cert.der());
    let der_key = der("key.der", &made.signing_key.serialize_der());
    let archive = der("both.p12", &[0x30, 0x82, 8, 0, 2, 1, 3, 0x30]);
    expect(&refusal(with_pair(&der_certificate, &key)), &["cert.der", "DER", "openssl x509 -inform der"]);
    expect(&refusal(with_pair(&certificate, &der_key)), &["key.der", "DER", "openssl pkey -inform der"]);
    expect(&refusal(with_pair(&archive, &key)), &["both.p12", "PKCS#12", "openssl pkcs12"]);
}

#[test]
fn files_that_are_changed_over_or_do_not_fit_are_told() {
    let scratch = Scratch::new("pairs");
    let (certificate, key) = until(2100);
    let (certificate, key) = (scratch.file("cert.pem", &certificate), scratch.file("key.pem", &key));
    let other = scratch.file("other-key.pem", &until(2100).1);
    expect(&refusal(with_pair(&key, &certificate)), &["cert.pem", "key.pem", "change tls_cert and tls_key over"]);
    expect(&refusal(with_pair(&certificate, &other)), &["other-key.pem is not that of", "cert.pem"]);
    // one file with both is fine
    let both = [&certificate, &key].map(|file| fs::read_to_string(file).unwrap()).concat();
    let both = scratch.file("both.pem", &both);
    let server = Running::start(&["--tls-cert", &both, "--tls-key", &both]);
    server.expect_said("speaks TLS");
}

#[test]
fn a_byte_order_mark_in_front_hides_nothing() {
    let scratch = Scratch::new("marked");
    let (certificate, key) = until(2100);
    let [certificate, key] =
        [("cert.pem", certificate), ("key.pem", key)].map(|(name, pem)| scratch.file(name, &format!("\u{feff}{pem}")));
    let server = Running::start(&["--tls-cert", &certificate, "--tls-key", &key]);
    server.expect_said("speaks TLS");
}

#[test]
fn the_log_names_the_certificate_and_its_end_at_the_start_and_when_it_is_renewed() {
    let (certificate, scratch) = (Certificate::new(), Scratch::new("told"));
    let file = certificate.file().to_str().unwrap().to_owned();
    let server = Running::start(&["--tls-cert", &file, "--tls-key", certificate.key_file().to_str().unwrap()]);
    let line = server.expect_said("speaks TLS");
    expect(&line, &[" INFO ", &file, "localhost", "4096"]);

    let (expired, key) = until(2001);
    fs::write(certificate.key_file(), key).unwrap();
    fs::write(certificate.file(), expired).unwrap();
    let line = server.expect_said("was read anew");
    expect(&line, &[" INFO ", &file, "localhost,game.example", "Mon, 01 Jan 2001 00:00:00 GMT"]);
    expect(&server.expect_said("has expired"), &[" WARN ", &file, "01 Jan 2001"]);

    let (expired, key) = until(2001);
    let (file, key) = (scratch.file("cert.pem", &expired), scratch.file("key.pem", &key));
    let server = Running::start(&["--tls-cert", &file, "--tls-key", &key]);
    expect(&server.expect_said("has expired"), &[" WARN ", &file, "01 Jan 2001"]);
}
