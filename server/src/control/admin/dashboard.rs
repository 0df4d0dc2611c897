//! The dashboard's page: files inside the binary, for everybody who reaches the listener. They hold nothing secret; what
//! they show they ask for with the token that a person gives them.

use std::sync::LazyLock;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response};
use include_dir::{Dir, include_dir};

use crate::control::site::Site;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../assets/dashboard");
static SITE: LazyLock<Site> = LazyLock::new(|| Site::embedded(&FILES));

/// Only its own files, only its own server, in nobody's frame. It can kick and dispose: a foreign script must not run
/// here, whatever a player is called.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file of this path, if it is one of the dashboard's and it is asked for by GET or HEAD.
pub(super) fn page(method: &Method, path: &str) -> Option<Response<Full<Bytes>>> {
    let file = SITE.file(path).filter(|_| matches!(*method, Method::GET | Method::HEAD))?;
    let mut answer = Response::new(Full::new(file.bytes.clone()));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(answer)
}
