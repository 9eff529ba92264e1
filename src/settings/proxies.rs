//! Which variables choose a proxy. What they say is judged where a request is made, see `transport::proxy`.

use std::ffi::OsString;
use std::fmt;

use crate::system::{Env, non_empty};

/// A variable that is set, with its text. `Debug` shows the name only: the text may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyVariable {
    pub name: &'static str,
    pub text: OsString,
}

/// The variables in force, read as curl and Python's requests read them: the lower-case spelling first, an empty
/// one is unset, and one of blanks alone is not.
#[derive(Debug, Clone, Default)]
pub struct ProxySettings {
    /// For `https://`, else for both.
    pub https: Option<ProxyVariable>,
    /// For `http://`, else for both.
    pub http: Option<ProxyVariable>,
    /// Hosts that are reached directly.
    pub exceptions: Option<ProxyVariable>,
    /// Variables that are set to something else than the one that wins over them, or that a CGI script must not
    /// heed: each with the reason.
    pub passed_over: Vec<(&'static str, String)>,
}

impl fmt::Debug for ProxyVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyVariable").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ProxySettings {
    pub fn read(env: Env<'_>) -> Self {
        let set = |name| Some(ProxyVariable { name, text: non_empty(env, name)? });
        let mut passed_over = Vec::new();
        let mut first = |names: &[&'static str]| {
            let mut found = names.iter().filter_map(|name| set(name));
            let mut winner = found.next()?;
            for other in found {
                if other.text == winner.text {
                    // On Windows both spellings are one variable: it is called by the usual one.
                    winner.name = other.name;
                } else {
                    passed_over.push((other.name, format!("{} wins over it", winner.name)));
                }
            }
            Some(winner)
        };
        let https = first(&["https_proxy", "HTTPS_PROXY"]);
        // In a CGI script a client's `Proxy:` header arrives as HTTP_PROXY.
        let cgi = env("REQUEST_METHOD").is_some();
        let http = first(if cgi { &["http_proxy"] } else { &["http_proxy", "HTTP_PROXY"] });
        let both = first(&["all_proxy", "ALL_PROXY"]);
        let exceptions = first(&["no_proxy", "NO_PROXY"]);
        if let Some(ignored) = set("HTTP_PROXY").filter(|_| cgi && http.is_none()) {
            passed_over.push((ignored.name, "REQUEST_METHOD is set, as in a CGI script".to_owned()));
        }
        Self { https: https.or_else(|| both.clone()), http: http.or(both), exceptions, passed_over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> ProxySettings {
        ProxySettings::read(&|name| {
            set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    fn name(variable: Option<ProxyVariable>) -> &'static str {
        variable.map_or("", |variable| variable.name)
    }

    #[cfg(unix)]
    #[test]
    fn lower_case_wins_and_empty_is_unset() {
        let both = read(&[("HTTPS_PROXY", "a"), ("https_proxy", "b")]);
        assert_eq!(name(both.https), "https_proxy");
        assert_eq!(both.passed_over, [("HTTPS_PROXY", "https_proxy wins over it".to_owned())]);
        assert_eq!(name(read(&[("HTTPS_PROXY", "a"), ("https_proxy", "")]).https), "HTTPS_PROXY");
        assert_eq!(name(read(&[("HTTPS_PROXY", ""), ("https_proxy", "b")]).https), "https_proxy");
        assert_eq!(name(read(&[("NO_PROXY", ""), ("no_proxy", "b")]).exceptions), "no_proxy");
        let blank = read(&[("HTTPS_PROXY", "a"), ("https_proxy", " "), ("NO_PROXY", "*"), ("no_proxy", " ")]);
        assert_eq!((name(blank.https), name(blank.exceptions)), ("https_proxy", "no_proxy"));
    }

    #[test]
    fn the_one_for_everything_comes_last() {
        let set = read(&[("ALL_PROXY", "a"), ("HTTPS_PROXY", "b")]);
        assert_eq!((name(set.https), name(set.http)), ("HTTPS_PROXY", "ALL_PROXY"));
    }

    #[test]
    fn a_cgi_script_heeds_no_http_proxy_in_capitals() {
        let set = read(&[("HTTP_PROXY", "a"), ("HTTPS_PROXY", "b"), ("REQUEST_METHOD", "GET")]);
        assert_eq!((name(set.http), name(set.https)), ("", "HTTPS_PROXY"));
        assert_eq!(set.passed_over.len(), 1);
    }

    #[test]
    fn debug_output_shows_no_login() {
        assert!(!format!("{:?}", read(&[("HTTPS_PROXY", "http://u:pw-7@h")])).contains("pw-7"));
    }
}
