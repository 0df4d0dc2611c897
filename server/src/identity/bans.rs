//! Who may not play here: accounts and addresses, for a time or for good, kept in a file if one is named.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tickwire_shared::protocol::limits::ACCOUNT_MAX_BYTES;

use crate::handover::ban::{Ban, REASON_MAX_BYTES, Whom};

/// Most bans at a time; each player who joins is looked for among those of addresses.
pub const BANS_MAX: usize = 10_000;
/// A file of that many has about 2 MiB.
const FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Why bans could not be read, or not be kept: which file, what, what to do.
#[derive(Debug, Error)]
pub enum BansError {
    /// The system does not let us read it, or it is too long.
    #[error("cannot read admin.bans_file {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It is something else, or was edited.
    #[error(
        "admin.bans_file {} is not what this server has written: {trouble}; mend it, or move it away to begin anew",
        file.display()
    )]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        trouble: String,
    },
    /// The system does not let us write it.
    #[error("cannot write admin.bans_file {}: {source}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// Why somebody is not banned.
#[derive(Debug, Error)]
pub enum BanRefusal {
    /// What is asked for is not possible.
    #[error("{0}")]
    Senseless(String),
    /// There are too many.
    #[error("there are {BANS_MAX} bans already, and no more are taken: lift some, or ban a network (203.0.113.0/24)")]
    Full,
}

/// All bans. What is over is forgotten.
#[derive(Debug, Default)]
pub struct Bans {
    file: Option<PathBuf>,
    kept: Kept,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The highest number that was given.
    last: u64,
    bans: Vec<Ban>,
}

impl Bans {
    /// Those of the file, which need not be there yet.
    ///
    /// # Errors
    /// It cannot be read, or has something else in it.
    pub fn open(file: Option<&Path>) -> Result<Self, BansError> {
        let Some(file) = file else { return Ok(Self::default()) };
        let unreadable = |source| BansError::Unreadable { file: file.to_owned(), source };
        let kept = match fs::metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(unreadable(error)),
            Ok(found) if !found.is_file() => return Err(unreadable(io::Error::other("it is no regular file"))),
            Ok(found) if found.len() > FILE_MAX_BYTES => {
                return Err(unreadable(io::Error::other("it has more than 16 MiB")));
            }
            Ok(_) => {
                let bytes = fs::read(file).map_err(unreadable)?;
                let malformed = |trouble: String| BansError::Malformed { file: file.to_owned(), trouble };
                serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?
            }
        };
        Ok(Self { file: Some(file.to_owned()), kept })
    }

    /// The ban that keeps this player away, if there is one.
    #[must_use]
    pub fn of(&self, account: Option<&str>, ip: IpAddr, now_unix_s: u64) -> Option<&Ban> {
        let ip = ip.to_canonical();
        self.kept.bans.iter().find(|ban| !is_over(ban, now_unix_s) && is_of(&ban.whom, account, ip))
    }

    /// All that are not over, the oldest first.
    pub fn all(&self, now_unix_s: u64) -> impl Iterator<Item = &Ban> {
        self.kept.bans.iter().filter(move |ban| !is_over(ban, now_unix_s))
    }

    /// Bans somebody, for so many seconds or for good; takes the place of a ban of the same. The second value says why
    /// it could not be kept in the file: it holds until the process ends.
    ///
    /// # Errors
    /// Nobody, everybody, or too much is meant.
    pub fn add(
        &mut self,
        whom: Whom,
        reason: &str,
        for_s: Option<u64>,
        now_unix_s: u64,
    ) -> Result<(Ban, Option<BansError>), BanRefusal> {
        check(&whom, reason)?;
        if for_s == Some(0) {
            return Err(BanRefusal::Senseless("a ban for 0 seconds is none; leave for_s out for one for good".into()));
        }
        self.kept.bans.retain(|ban| !is_over(ban, now_unix_s) && ban.whom != whom);
        if self.kept.bans.len() >= BANS_MAX {
            return Err(BanRefusal::Full);
        }
        self.kept.last += 1;
        let until_unix_s = for_s.map(|seconds| now_unix_s.saturating_add(seconds));
        let reason = reason.to_owned();
        let ban = Ban { ban: self.kept.last, whom, reason, since_unix_s: now_unix_s, until_unix_s };
        self.kept.bans.push(ban.clone());
        Ok((ban, self.keep().err()))
    }

    /// Lifts a ban by its number; `None` when there is no such ban (any more). The second value as for [`Bans::add`].
    pub fn lift(&mut self, number: u64, now_unix_s: u64) -> Option<(Ban, Option<BansError>)> {
        self.kept.bans.retain(|ban| !is_over(ban, now_unix_s));
        let at = self.kept.bans.iter().position(|ban| ban.ban == number)?;
        let ban = self.kept.bans.remove(at);
        Some((ban, self.keep().err()))
    }

    /// Writes another file and puts it in the place of the old one: a crash leaves one of the two whole.
    fn keep(&self) -> Result<(), BansError> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut beside = file.clone().into_os_string();
        beside.push(".new");
        let written = File::create(&beside).and_then(|mut opened| {
            serde_json::to_writer_pretty(&mut opened, &self.kept)?;
            opened.write_all(b"\n")?;
            opened.sync_all()?;
            fs::rename(&beside, file)
        });
        written.map_err(|source| BansError::Unwritable { file: file.clone(), source })
    }
}

fn check(whom: &Whom, reason: &str) -> Result<(), BanRefusal> {
    let senseless = |words: String| Err(BanRefusal::Senseless(words));
    if reason.len() > REASON_MAX_BYTES || reason.chars().any(char::is_control) {
        return senseless(format!("a reason has {REASON_MAX_BYTES} bytes at most, and no control characters"));
    }
    match whom {
        Whom::Account(account) if account.is_empty() || account.len() > ACCOUNT_MAX_BYTES => {
            senseless(format!("an account has 1 to {ACCOUNT_MAX_BYTES} bytes"))
        }
        Whom::Address(network) if network.is_everybody() => {
            senseless(format!("{network} is everybody; to let nobody in, drain the server"))
        }
        _ => Ok(()),
    }
}

fn is_over(ban: &Ban, now_unix_s: u64) -> bool {
    ban.until_unix_s.is_some_and(|until| until <= now_unix_s)
}

/// Whether this one is banned by it.
#[must_use]
pub fn is_of(whom: &Whom, account: Option<&str>, ip: IpAddr) -> bool {
    match whom {
        Whom::Account(banned) => account == Some(banned),
        Whom::Address(network) => network.contains(ip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn bans_hold_for_their_time_and_survive_a_restart() {
        let folder = std::env::temp_dir().join(format!("tickwire-bans-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("bans.json");
        let mut bans = Bans::open(Some(&file)).unwrap();
        let account = Whom::Account("ann".into());
        assert!(bans.add(account.clone(), "rude", Some(60), NOW).unwrap().1.is_none());
        let (second, unkept) = bans.add(Whom::Address("203.0.113.0/24".parse().unwrap()), "", None, NOW).unwrap();
        assert!(unkept.is_none());
        let again = Bans::open(Some(&file)).unwrap();
        let keeps = |account, from, now| again.of(account, ip(from), now).map(|ban| ban.ban);
        assert_eq!(keeps(Some("ann"), "198.51.100.1", NOW + 59), Some(1));
        assert_eq!(keeps(Some("ann"), "198.51.100.1", NOW + 60), None, "its time is over");
        assert_eq!(keeps(None, "::ffff:203.0.113.9", NOW + 999), Some(2));
        assert_eq!(keeps(Some("ben"), "203.0.114.9", NOW), None);

        let mut bans = again;
        assert_eq!(bans.add(account, "ruder", None, NOW).unwrap().0.ban, 3, "numbers are not used again");
        assert_eq!(bans.all(NOW).map(|ban| ban.ban).collect::<Vec<_>>(), [2, 3], "one for each");
        assert_eq!(bans.lift(2, NOW).map(|(ban, _)| ban), Some(second));
        assert!(bans.lift(2, NOW).is_none());
        assert_eq!(Bans::open(Some(&file)).unwrap().all(NOW).count(), 1);
        fs::write(&file, "[]").unwrap();
        let trouble = Bans::open(Some(&file)).unwrap_err().to_string();
        assert!(trouble.contains("bans.json") && trouble.contains("move it away"), "{trouble}");
        fs::remove_dir_all(folder).unwrap();
        let (_, unkept) = bans.add(Whom::Account("cid".into()), "", None, NOW).unwrap();
        assert!(unkept.is_some_and(|error| error.to_string().contains("cannot write")), "it holds, and is not kept");
        assert!(bans.of(Some("cid"), ip("::1"), NOW).is_some());
    }

    #[test]
    fn nobody_and_everybody_cannot_be_banned() {
        let mut bans = Bans::default();
        for whom in [Whom::Account(String::new()), Whom::Address("0.0.0.0/0".parse().unwrap())] {
            assert!(bans.add(whom, "", None, NOW).is_err());
        }
        let reason = "a".repeat(REASON_MAX_BYTES + 1);
        assert!(bans.add(Whom::Account("ann".into()), &reason, None, NOW).is_err());
        let most = bans.add(Whom::Account("ann".into()), &reason[1..], Some(3_000_000), NOW).unwrap().0.words();
        assert!(most.len() <= 123 && most.contains("GMT: a"), "{most}");
        let ever = bans.add(Whom::Account("ann".into()), "", Some(u64::MAX), NOW).unwrap().0.words();
        assert_eq!(ever, "banned");
    }
}
