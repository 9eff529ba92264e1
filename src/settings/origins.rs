//! What was set with what, as far as advice speaks of it: a message must not name a variable that has no say.

use super::{Settings, Source};

/// Where the values in force come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origins {
    pub base_url: Source,
    pub project_id: Source,
    /// What names the first CA bundle.
    pub ca_bundle: Source,
    pub flagged_output: Source,
    pub client_certificate: bool,
    /// The variable that sets the proxy for the service's address.
    pub proxy: Option<&'static str>,
    /// The variable that sets which hosts need no proxy.
    pub exceptions: &'static str,
}

impl Settings {
    #[must_use]
    pub fn origins(&self) -> Origins {
        let is_plain = self.base_url.as_ref().is_ok_and(|url| url.url().scheme() == "http");
        let proxy = if is_plain { &self.proxies.http } else { &self.proxies.https };
        let bundle = self.tls.ca_bundles.first().and_then(|places| places.first());
        Origins {
            base_url: self.base_url.source,
            project_id: self.project_id.source,
            ca_bundle: bundle.map_or(Source::Default, |place| place.source),
            flagged_output: self.flagged_output.source,
            client_certificate: self.tls.client_cert.is_some(),
            proxy: proxy.as_ref().map(|variable| variable.name),
            exceptions: self.proxies.exceptions.as_ref().map_or("NO_PROXY", |variable| variable.name),
        }
    }
}

/// Nothing is set.
impl Default for Origins {
    fn default() -> Self {
        Self {
            base_url: Source::Default,
            project_id: Source::Default,
            ca_bundle: Source::Default,
            flagged_output: Source::Default,
            client_certificate: false,
            proxy: None,
            exceptions: "NO_PROXY",
        }
    }
}

impl Origins {
    /// What the service's address is set with.
    pub fn base_url(self) -> String {
        self.base_url.or_variable("F5_GUARDRAILS_BASE_URL")
    }

    pub fn project_id(self) -> String {
        self.project_id.or_variable("F5_GUARDRAILS_PROJECT_ID")
    }

    /// How to trust one more root.
    pub fn add_root(self) -> String {
        match self.ca_bundle {
            Source::Flag(_) | Source::Option(_) | Source::Environment("F5_GUARDRAILS_CA_BUNDLE") => {
                let by = self.ca_bundle.or_variable("F5_GUARDRAILS_CA_BUNDLE");
                format!("add its root certificate to the file that {by} names")
            }
            _ => "set F5_GUARDRAILS_CA_BUNDLE to its root certificate (PEM)".to_owned(),
        }
    }

    /// What to do where reading the roots takes too long.
    pub fn faster_roots(self) -> String {
        match self.ca_bundle {
            Source::Default => {
                "Set F5_GUARDRAILS_CA_BUNDLE to a PEM file, which spares the system's store.".to_owned()
            }
            by => format!("Check that the file that {} names can be read quickly.", by.or_variable("")),
        }
    }

    /// What may help where the service can't be reached directly.
    pub fn other_way(self) -> String {
        match self.proxy {
            Some(_) => {
                format!("where only a proxy reaches the service, take its host out of {}", self.exceptions)
            }
            None => "where only a proxy reaches the service, set HTTPS_PROXY".to_owned(),
        }
    }
}
