//! The proxy in the system's own settings: the registry on Windows, the network preferences on macOS. Where there are
//! several kinds, the one for the request's scheme; exceptions in the system's own forms.

use std::net::{IpAddr, Ipv4Addr};

use super::exceptions::{exempts, within};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SystemProxies {
    pub https: Option<String>,
    pub http: Option<String>,
    pub socks: Option<String>,
    /// Patterns with `*`, addresses, networks.
    pub exceptions: Vec<String>,
    /// Names without a dot are reached directly.
    pub simple_names_direct: bool,
    /// A script (PAC) is to choose.
    pub script: bool,
}

impl SystemProxies {
    pub fn proxy_for(&self, scheme: &str) -> Option<String> {
        let own = if scheme == "http" { &self.http } else { &self.https };
        own.clone().or_else(|| self.socks.clone())
    }

    pub fn exempts(&self, host: &str) -> bool {
        let is_address = host.parse::<IpAddr>().is_ok();
        (self.simple_names_direct && !host.contains('.') && !is_address)
            || self.exceptions.iter().any(|pattern| matches(pattern, host))
    }
}

/// A pattern of either system: with `*` for any characters, or a network that may be cut short (`169.254/16`).
fn matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.rsplit_once("://").map_or(pattern, |(_, pattern)| pattern);
    if let (Some((network, bits)), Ok(address)) = (pattern.split_once('/'), host.parse()) {
        let mut parts = [0u8; 4];
        for (part, digits) in parts.iter_mut().zip(network.split('.')) {
            *part = digits.parse().unwrap_or(0);
        }
        let network = network.parse().unwrap_or(IpAddr::V4(Ipv4Addr::from(parts)));
        return bits.parse().is_ok_and(|bits| within(address, network, bits));
    }
    if !pattern.contains('*') {
        // On neither system does a name exempt what is below it.
        let name = match pattern.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.contains(':') => {
                name
            }
            _ => pattern,
        };
        return exempts(pattern, host, 443) && host.len() <= name.trim_matches(['[', ']', '.']).len();
    }
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = host.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut last = "";
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        (rest, last) = (if piece.is_empty() { rest } else { after }, piece);
    }
    last.is_empty() || host.ends_with(last)
}

/// What Windows keeps as text: `host:port` for everything, or `http=host:port;https=host:port`; exceptions parted by
/// semicolons.
#[cfg(any(windows, test))]
fn of_windows(server: &str, exceptions: &str) -> SystemProxies {
    let mut found = SystemProxies::default();
    for entry in server.split([';', ' ']).filter(|entry| !entry.is_empty()) {
        match entry.split_once('=') {
            None => (found.http, found.https) = (Some(entry.to_owned()), Some(entry.to_owned())),
            Some(("http", address)) => found.http = Some(address.to_owned()),
            Some(("https", address)) => found.https = Some(address.to_owned()),
            Some(("socks", address)) => found.socks = Some(format!("socks4://{address}")),
            Some(_) => {}
        }
    }
    let entries = exceptions.split([';', ' ', ',']).map(str::trim).filter(|entry| !entry.is_empty());
    let (local, patterns): (Vec<&str>, Vec<&str>) = entries.partition(|entry| entry.starts_with('<'));
    found.simple_names_direct = local.iter().any(|entry| entry.eq_ignore_ascii_case("<local>"));
    found.exceptions = patterns.into_iter().map(str::to_owned).collect();
    found
}

#[cfg(windows)]
pub fn settings() -> SystemProxies {
    use crate::windows::api::user_setting;
    const KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings";
    let text = |name| user_setting(KEY, name).unwrap_or_default();
    let script = !text("AutoConfigURL").is_empty();
    let enabled = text("ProxyEnable") == "1";
    let (server, exceptions) =
        if enabled { (text("ProxyServer"), text("ProxyOverride")) } else { Default::default() };
    SystemProxies { script, ..of_windows(&server, &exceptions) }
}

#[cfg(target_os = "macos")]
pub fn settings() -> SystemProxies {
    use system_configuration::core_foundation::array::CFArray;
    use system_configuration::core_foundation::base::{CFType, TCFType};
    use system_configuration::core_foundation::dictionary::CFDictionary;
    use system_configuration::core_foundation::number::CFNumber;
    use system_configuration::core_foundation::string::CFString;
    use system_configuration::dynamic_store::SCDynamicStoreBuilder;

    let store = SCDynamicStoreBuilder::new("f5-guard").build();
    let Some(all) = store.and_then(|store| store.get_proxies()) else { return SystemProxies::default() };
    let all: CFDictionary<CFString, CFType> = all;
    let number = |name: &str| {
        let found = all.find(CFString::new(name))?.downcast::<CFNumber>()?;
        found.to_i32()
    };
    let text = |name: &str| Some(all.find(CFString::new(name))?.downcast::<CFString>()?.to_string());
    let proxy = |kind: &str, scheme: &str| {
        if number(&format!("{kind}Enable")) != Some(1) {
            return None;
        }
        let host = text(&format!("{kind}Proxy"))?;
        let port = number(&format!("{kind}Port")).map_or_else(String::new, |port| format!(":{port}"));
        Some(format!("{scheme}://{host}{port}"))
    };
    let list = all.find(CFString::new("ExceptionsList")).and_then(|list| list.downcast::<CFArray>());
    let exceptions = list.map_or_else(Vec::new, |list| {
        // SAFETY: the elements of a list of the system's are Core Foundation objects, which live as long as the list.
        let element = |value: *const std::ffi::c_void| unsafe { CFType::wrap_under_get_rule(value) };
        let texts = list.get_all_values().into_iter().map(element);
        texts.filter_map(|value| value.downcast::<CFString>().map(|text| text.to_string())).collect()
    });
    SystemProxies {
        http: proxy("HTTP", "http"),
        https: proxy("HTTPS", "http"),
        socks: proxy("SOCKS", "socks5"),
        exceptions,
        simple_names_direct: number("ExcludeSimpleHostnames") == Some(1),
        script: number("ProxyAutoConfigEnable") == Some(1) || number("ProxyAutoDiscoveryEnable") == Some(1),
    }
}

/// Other systems have no setting of their own that every program heeds.
#[cfg(not(any(windows, target_os = "macos")))]
pub fn settings() -> SystemProxies {
    SystemProxies::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_keeps_one_proxy_for_all_or_one_for_each_protocol() {
        let one = of_windows("proxy:8080", "");
        assert_eq!(one.proxy_for("https").as_deref(), Some("proxy:8080"));
        let each = of_windows("http=a:1;https=b:2;ftp=c:3", "");
        assert_eq!(each.proxy_for("https").as_deref(), Some("b:2"));
        assert_eq!(each.proxy_for("http").as_deref(), Some("a:1"));
        assert_eq!(of_windows("http=a:1", "").proxy_for("https"), None);
        assert_eq!(of_windows("socks=s:1", "").proxy_for("https").as_deref(), Some("socks4://s:1"));
    }

    #[test]
    fn exceptions_of_the_systems_are_patterns() {
        let set = of_windows("p:1", "*.corp.example;10.*;<local>;exact.example;https://s.example;169.254/16");
        for host in ["a.corp.example", "10.1.2.3", "printer", "exact.example", "s.example", "169.254.7.7"] {
            assert!(set.exempts(host), "{host}");
        }
        for host in ["corp.example", "a.corp.example.org", "a.exact.example", "f5.example", "11.1.2.3", "::1"]
        {
            assert!(!set.exempts(host), "{host}");
        }
    }
}
