//! What a server's own certificate says to people: whom it names, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

/// The log shows so many names, so long.
const SHOWN_MAX_NAMES: usize = 5;
const SHOWN_MAX_CHARS: usize = 80;

const DAY_S: u64 = 24 * 60 * 60;
/// Whoever renews by a program does it earlier.
const SOON_S: u64 = 7 * DAY_S;

/// The end of the year 9999, which stands for no end at all (RFC 5280 4.1.2.5).
const NEVER_S: u64 = 253_402_300_799;

/// The first certificate of a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    names: Vec<String>,
    /// Seconds since 1970.
    not_before_s: u64,
    not_after_s: u64,
}

impl Leaf {
    /// rustls tells these things only where it refuses a certificate: so it is asked about times and a name that no
    /// certificate has.
    pub(super) fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let certificate = ParsedCertificate::try_from(der).ok()?;
        let not_after_s = match refusal_at(&certificate, NEVER_S + 1) {
            Some(CertificateError::ExpiredContext { not_after, .. }) => not_after.as_secs(),
            _ => return None,
        };
        let not_before_s = match refusal_at(&certificate, 0) {
            Some(CertificateError::NotValidYetContext { not_before, .. }) => not_before.as_secs(),
            _ => 0,
        };
        let nobody = ServerName::try_from("nobody.invalid").ok()?;
        let names = match verify_server_name(&certificate, &nobody) {
            Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) => presented,
            _ => Vec::new(),
        };
        Some(Self { names: names.iter().map(|name| bare(name)).collect(), not_before_s, not_after_s })
    }

    /// Whom it is for, between commas; some of them, if they are many.
    pub fn names(&self) -> String {
        let shown = |name: &String| name.chars().take(SHOWN_MAX_CHARS).flat_map(char::escape_debug).collect::<String>();
        let mut names: Vec<String> = self.names.iter().take(SHOWN_MAX_NAMES).map(shown).collect();
        if let more @ 1.. = self.names.len().saturating_sub(SHOWN_MAX_NAMES) {
            names.push(format!("{more} more"));
        }
        names.join(",")
    }

    /// The last moment at which it is taken, as HTTP writes it.
    pub fn expires(&self) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.not_after_s.min(NEVER_S)))
    }

    /// What is wrong with its time or names, or soon will be, as the rest of a sentence about it.
    pub(super) fn trouble(&self, now: SystemTime) -> Option<String> {
        let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if now_s < self.not_before_s {
            return Some("is not valid yet, and clients refuse it; is this machine's clock right?".to_owned());
        }
        match self.not_after_s.checked_sub(now_s) {
            None => Some("has expired, and clients refuse it; renew it".to_owned()),
            Some(left_s) if left_s < SOON_S => Some(format!("expires in {} hours; renew it", left_s / 3600)),
            // RFC 9525: the common name, which older tools fill alone, does not count
            Some(_) if self.names.is_empty() => {
                Some("names no host (subjectAltName), and browsers refuse it".to_owned())
            }
            Some(_) => None,
        }
    }
}

/// Of the checks that are made the time comes first.
fn refusal_at(certificate: &ParsedCertificate<'_>, now_s: u64) -> Option<CertificateError> {
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now_s));
    let nobody = RootCertStore::empty();
    match verify_server_cert_signed_by_trust_anchor(certificate, &nobody, &[], now, algorithms) {
        Err(Error::InvalidCertificate(refusal)) => Some(refusal),
        _ => None,
    }
}

/// Of `DnsName("a.example")` and `IpAddress(192.0.2.1)` what is in the brackets; anything else as it is.
fn bare(presented: &str) -> String {
    let dns = presented.strip_prefix("DnsName(\"").and_then(|rest| rest.strip_suffix("\")"));
    let ip = || presented.strip_prefix("IpAddress(").and_then(|rest| rest.strip_suffix(')'));
    dns.or_else(ip).unwrap_or(presented).to_owned()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn leaf(names: &[&str], from: (i32, u8, u8), to: (i32, u8, u8)) -> Leaf {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(to.0, to.1, to.2);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Leaf::of(certificate.der()).unwrap()
    }

    #[test]
    fn names_and_the_last_moment_are_read() {
        let leaf = leaf(&["game.example", "192.0.2.1", "2001:db8::1"], (1970, 1, 1), (2026, 12, 1));
        assert_eq!(leaf.names(), "game.example,192.0.2.1,2001:db8::1");
        assert_eq!(leaf.expires(), "Tue, 01 Dec 2026 00:00:00 GMT");
        let many: Vec<String> = (0..9).map(|number| format!("a{number}.example")).collect();
        let many = self::leaf(&many.iter().map(String::as_str).collect::<Vec<_>>(), (2020, 1, 1), (9999, 12, 31));
        assert_eq!(many.names(), "a0.example,a1.example,a2.example,a3.example,a4.example,4 more");
        assert_eq!(many.expires(), "Fri, 31 Dec 9999 00:00:00 GMT");
    }

    #[test]
    fn a_week_before_its_end_there_is_something_to_say() {
        let leaf = leaf(&["a.example"], (2026, 11, 1), (2026, 12, 1));
        let day = |days: u64| UNIX_EPOCH + Duration::from_secs(leaf.not_before_s + days * DAY_S);
        assert!(leaf.trouble(UNIX_EPOCH).unwrap().starts_with("is not valid yet"));
        assert_eq!(leaf.trouble(day(0)), None);
        assert_eq!(leaf.trouble(day(23)), None);
        assert_eq!(leaf.trouble(day(24)).unwrap(), "expires in 144 hours; renew it");
        assert_eq!(leaf.trouble(day(30)).unwrap(), "expires in 0 hours; renew it");
        assert!(leaf.trouble(day(31)).unwrap().starts_with("has expired"));
        let nameless = self::leaf(&[], (2026, 11, 1), (2026, 12, 1));
        assert_eq!(nameless.names(), "");
        assert!(nameless.trouble(day(0)).unwrap().starts_with("names no host"));
    }
}
