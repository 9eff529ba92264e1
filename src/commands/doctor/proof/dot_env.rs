//! `$CODEX_HOME/.env`, whose variables Codex puts above those that it was started with.

use std::path::Path;

use crate::commands::doctor::codex_file;

/// A file of variables is no larger.
const LARGEST: u64 = 1024 * 1024;

/// The names that it sets. Whatever looks like an assignment counts as one: that nothing is overlooked matters more here
/// than that a line in quotes is not taken for a variable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DotEnv(Vec<(String, String)>);

impl DotEnv {
    pub fn read(codex_home: &Path) -> Self {
        let path = codex_home.join(".env");
        let text = codex_file::read(&path, LARGEST).ok().flatten().unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// The variables of a process.
    pub fn of(variables: Vec<(String, String)>) -> Self {
        Self(variables)
    }

    fn parse(text: &str) -> Self {
        let assignment = |line: &str| {
            let (name, value) = line.split_once('=')?;
            let name = name.trim().trim_start_matches('\u{feff}');
            let name = name.strip_prefix("export").map_or(name, str::trim_start);
            Some((name.to_owned(), value.trim().trim_matches(['"', '\'']).to_owned()))
        };
        Self(text.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(assignment).collect())
    }

    pub fn sets(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The variable by which Codex would send what is for this machine to a proxy, if there is one.
    pub fn proxy(&self) -> Option<&str> {
        let is = |name: &str, of: &[&str]| of.iter().any(|known| name.eq_ignore_ascii_case(known));
        let proxies = ["http_proxy", "all_proxy", "https_proxy"];
        let exceptions: Vec<_> = self.0.iter().filter(|(name, _)| is(name, &["no_proxy"])).collect();
        let exempts = |list: &str| list.split(',').any(|host| matches!(host.trim(), "127.0.0.1" | "*"));
        if !exceptions.is_empty() && exceptions.iter().all(|(_, list)| exempts(list)) {
            return None;
        }
        let named = self.0.iter().find(|(name, value)| is(name, &proxies) && !value.is_empty());
        // A list of exceptions alone replaces ours, and the environment may set a proxy.
        named.or(exceptions.into_iter().next()).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_however_a_line_is_written() {
        let file = DotEnv::parse("# A=1\nexport B = 'x'\n  C=\"y\"\r\nD\n");
        assert!(!file.sets("A") && file.sets("B") && file.sets("C") && !file.sets("D"));
    }

    #[test]
    fn a_proxy_is_in_the_way_unless_this_machine_is_exempt() {
        for (text, expected) in [
            ("F5_GUARDRAILS_BASE_URL=x", None),
            ("HTTP_PROXY=http://p:1", Some("HTTP_PROXY")),
            ("export all_proxy = 'socks5://p'", Some("all_proxy")),
            ("HTTPS_PROXY=", None),
            ("NO_PROXY=example.com", Some("NO_PROXY")),
            ("HTTP_PROXY=p\nNO_PROXY=example.com, 127.0.0.1", None),
            ("HTTP_PROXY=p\nno_proxy=*", None),
            ("HTTP_PROXY=p\nno_proxy=127.0.0.1\nNO_PROXY=x", Some("HTTP_PROXY")),
        ] {
            assert_eq!(DotEnv::parse(text).proxy(), expected, "{text}");
        }
    }
}
