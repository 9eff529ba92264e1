//! Pages from the F5 service itself, with the trust, proxy and retry rules of scans.

use std::time::{Duration, Instant};

use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde_json::Value;

use super::source::{FetchError, PageSource, Query};
use crate::scan::{ScanError, StatusError};
use crate::secret::Secret;
use crate::settings::{BaseUrl, Origins, Source};
use crate::transport::{Transport, with_retries};

/// The time for one page, retries and the waits that `Retry-After` asks for included.
const PAGE_TIME: Duration = Duration::from_secs(60);
/// [`BaseUrl::endpoint`] adds it.
const API_PREFIX: &str = "/backend/v1/";

/// The service behind a base URL, with a token.
#[derive(Debug)]
pub struct Service {
    transport: Transport,
    base_url: BaseUrl,
    authorization: HeaderValue,
    origins: Origins,
}

impl Service {
    /// Prepares the requests; nothing is sent yet.
    ///
    /// # Errors
    /// [`ScanError::UnusableToken`]; the caller knows where the token came from.
    pub fn new(
        transport: Transport,
        base_url: BaseUrl,
        token: &Secret,
        origins: Origins,
    ) -> Result<Self, ScanError> {
        let unusable = || ScanError::UnusableToken { from: Source::Default };
        if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable());
        }
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| unusable())?;
        authorization.set_sensitive(true);
        Ok(Self { transport, base_url, authorization, origins })
    }
}

impl PageSource for Service {
    async fn get(&self, path: &str, query: &Query) -> Result<Value, FetchError> {
        let mut url = self.base_url.endpoint(path.strip_prefix(API_PREFIX).unwrap_or(path));
        url.query_pairs_mut().extend_pairs(query);
        let exchange = with_retries(Instant::now() + PAGE_TIME, || {
            let request = self.transport.request(Method::GET, url.clone());
            let request = request.header(AUTHORIZATION, self.authorization.clone());
            self.transport.send(request.header(ACCEPT, HeaderValue::from_static("application/json")))
        });
        let no_answer = |cause: String| FetchError { status: None, cause };
        let response = match tokio::time::timeout(PAGE_TIME, exchange).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(no_answer(format!("{error} {}", error.fix(self.origins)))),
            Err(_) => {
                let host = self.base_url.host();
                let cause = format!("{host} did not answer within {} s.", PAGE_TIME.as_secs());
                return Err(no_answer(cause));
            }
        };
        let failed = |cause: String| FetchError { status: Some(response.status), cause };
        match response.status {
            200 => serde_json::from_slice(&response.body).map_err(|_| failed(NOT_JSON.to_owned())),
            code => {
                let status = StatusError::new(code, response.header("location"), &response.body);
                Err(failed(ScanError::Status(status).to_string()))
            }
        }
    }
}

const NOT_JSON: &str =
    "The answer is not JSON: the base URL or a proxy may lead to another page than the F5 service.";
