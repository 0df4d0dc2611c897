//! The body of a request: JSON, of bounded length and in bounded time.

use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::{Request, StatusCode};
use serde::de::DeserializeOwned;

/// Longest one.
const MAX_BYTES: usize = 16 * 1024;
/// It must be whole by then.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Reads it; `empty` when there is none.
///
/// # Errors
/// It is too long, too late, or something else: a status and a sentence.
pub(super) async fn read<T, B>(request: Request<B>, empty: T) -> Result<T, (StatusCode, String)>
where
    T: DeserializeOwned,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let read = Limited::new(request.into_body(), MAX_BYTES);
    let bytes = match tokio::time::timeout(TIMEOUT, Box::pin(read).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let text = format!("the body is longer than {MAX_BYTES} bytes, and nothing here needs so many");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Ok(Err(error)) => return Err((StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}"))),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the body did not come in time".to_owned())),
    };
    if bytes.is_empty() {
        return Ok(empty);
    }
    let wrong = |error| (StatusCode::BAD_REQUEST, format!("the body is not the JSON that belongs here: {error}"));
    serde_json::from_slice(&bytes).map_err(wrong)
}
