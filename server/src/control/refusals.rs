//! Requests that an HTTP API refuses: all are counted by kind, and the log hears of some, because strangers cause them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use hyper::{Method, StatusCode};
use tracing::{debug, info};

use super::admin::answers::Answer;
use crate::metrics::Metrics;
use crate::metrics::api_refusals::{ApiKind, ApiRefusals};
use crate::net::complaints::{Sample, shown};

/// Of one API.
#[derive(Debug)]
pub struct Refusals {
    api: ApiKind,
    metrics: Arc<Metrics>,
    /// Of each kind: a stranger's many shall not hide a failure.
    samples: [Sample; ApiRefusals::KINDS],
}

impl Refusals {
    /// None yet.
    #[must_use]
    pub fn new(api: ApiKind, metrics: Arc<Metrics>) -> Self {
        Self { api, metrics, samples: Default::default() }
    }

    /// Counts an answer, if it is a refusal.
    pub(super) fn note(&self, (ip, method, path): (IpAddr, &Method, &str), answer: &Answer) {
        let status = answer.status();
        let is_error = status.is_client_error() || status.is_server_error();
        // health checks that fail are no refusals: they have no words
        if !is_error || answer.said().is_empty() {
            return;
        }
        let (api, status) = (self.api.word(), status.as_u16());
        let kind = ApiRefusals::kind(status);
        self.metrics.api_refusals.of(self.api, kind).one();
        let (path, said) = (shown(path.as_bytes()), answer.said());
        debug!(api, %ip, %method, path, status, said, "a request is refused");
        // who steers is in the audit, whatever came of it, and so are wrong tokens
        if status == StatusCode::UNAUTHORIZED.as_u16() && self.api == ApiKind::Admin {
            return;
        }
        if let Some(refused) = self.samples[kind].due(Instant::now()) {
            info!(api, %ip, %method, path, status, said, refused, "requests are refused with this status; this is the last of them");
        }
    }
}
