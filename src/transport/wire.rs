//! What bytes go over, and how HTTP is read from it.

use tokio::io::{AsyncRead, AsyncWrite};

/// Anything that bytes go over: TCP, TLS, a tunnel in either.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
pub(super) type Wire = Box<dyn Stream>;

/// As lenient with heads as curl is: a blank before a colon, a folded line, a line that is none.
pub(super) fn lenient() -> hyper::client::conn::http1::Builder {
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    builder
}
