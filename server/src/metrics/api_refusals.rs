//! Requests that the HTTP APIs refused, by kind of refusal: as few series as there are statuses, whoever asks for what.

use super::Counter;
use super::exposition::{Exposed, Page, Series};

/// Which API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ApiKind {
    /// On the players' port.
    Public,
    /// Of the operator.
    Admin,
}

impl ApiKind {
    const ALL: [Self; 2] = [Self::Public, Self::Admin];

    /// As a label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Admin => "admin",
        }
    }
}

/// Statuses with their labels; all others count as the last.
const REASONS: [(u16, &str); 14] = [
    (400, "unclear"),
    (401, "not_known"),
    (403, "forbidden"),
    (404, "not_found"),
    (405, "method"),
    (408, "body_late"),
    (409, "not_now"),
    (413, "body_too_long"),
    (421, "host"),
    (429, "too_many"),
    (500, "failed"),
    (503, "busy"),
    (504, "no_answer"),
    (0, "other"),
];

/// See the module.
#[derive(Debug, Default)]
pub struct ApiRefusals([[Counter; REASONS.len()]; ApiKind::ALL.len()]);

impl ApiRefusals {
    /// Kinds that are told apart.
    pub const KINDS: usize = REASONS.len();

    /// Those of an API of this kind.
    #[must_use]
    pub fn of(&self, api: ApiKind, kind: usize) -> &Counter {
        &self.0[api as usize][kind]
    }

    /// The kind of what is answered with this HTTP status, below [`KINDS`](Self::KINDS).
    #[must_use]
    pub fn kind(status: u16) -> usize {
        REASONS.iter().position(|(known, _)| *known == status).unwrap_or(Self::KINDS - 1)
    }
}

impl Exposed for ApiRefusals {
    fn expose(&self, series: &Series<'_>, page: &mut Page) {
        for (api, counters) in ApiKind::ALL.iter().zip(&self.0) {
            for ((_, reason), counter) in REASONS.iter().zip(counters) {
                let labels = [("api", api.word()), ("reason", *reason)];
                page.counter(series.name, series.help, &labels, counter.value());
            }
        }
    }
}
