//! `NO_PROXY`: the hosts that are reached directly, in the forms that curl or Python's requests know.

use std::borrow::Cow;
use std::net::IpAddr;

use url::Host;

/// Whether `list` exempts `host` (a name, or an address without brackets) at `port`.
pub fn exempts(list: &str, host: &str, port: u16) -> bool {
    if list == "*" {
        return true;
    }
    let name = host.trim_end_matches('.');
    let address: Option<IpAddr> = host.parse().ok();
    entries(list).any(|entry| match address {
        Some(address) => names_address(entry, address, port),
        None => names_host(entry, name, port),
    })
}

/// How many entries exempt nothing, whatever the host: those with a `*`, with a login or with a scheme.
pub fn without_effect(list: &str) -> usize {
    if list == "*" { 0 } else { entries(list).filter(|entry| !is_plausible(entry)).count() }
}

/// Entries are parted by commas, or by blanks as for curl.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty())
}

fn is_plausible(entry: &str) -> bool {
    !entry.contains("//") && entry.chars().all(|c| c.is_alphanumeric() || "-_.:[]/%".contains(c))
}

/// The list for people. With a sign of a login anywhere only the entries are counted: a comma or a blank in a password
/// parts it, and its pieces look like hosts.
pub fn shown(list: &str) -> String {
    let entries: Vec<&str> = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let login = ["@", "%40", "//"].into_iter().any(|sign| list.contains(sign));
    let (shown, hidden): (Vec<&str>, Vec<&str>) =
        entries.into_iter().partition(|entry| !login && is_host(&entry.replace(['*', ' '], "")));
    match (hidden.len(), shown.is_empty()) {
        (0, _) => shown.join(", "),
        (count, true) => format!("{count} not shown"),
        (count, false) => format!("{} ({count} more not shown)", shown.join(", ")),
    }
}

/// A name or an IPv4 address, with or without a port or a prefix length, or an IPv6 address in one of its forms.
fn is_host(entry: &str) -> bool {
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let (host, bits) = entry.split_once('/').unwrap_or((entry, ""));
    let is_address = |text: &str| text.trim_matches(['[', ']']).parse::<std::net::Ipv6Addr>().is_ok();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let is_name = |text: &str| text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    is_number(bits)
        && (is_address(host) || is_number(port) && (is_name(name) || name.ends_with(']') && is_address(name)))
}

/// The name itself and everything below it, with or without a dot in front.
fn names_host(entry: &str, host: &str, port: u16) -> bool {
    let (entry, wanted) = match entry.rsplit_once(':') {
        Some((entry, digits)) => (entry, digits.parse::<u16>().ok()),
        None => (entry, Some(port)),
    };
    let entry = entry.trim_start_matches('.').trim_end_matches('.');
    // As the host of the address is written.
    let entry: Cow<'_, str> = match Host::parse(entry) {
        Ok(Host::Domain(name)) if !entry.is_ascii() => name.into(),
        _ => entry.into(),
    };
    if wanted != Some(port) || entry.is_empty() {
        return false;
    }
    let above = host.len().checked_sub(entry.len()).and_then(|at| host.split_at_checked(at));
    above.is_some_and(|(above, end)| {
        end.eq_ignore_ascii_case(&entry) && (above.is_empty() || above.ends_with('.'))
    })
}

/// The address itself, with or without brackets and port, or a network of addresses (`10.0.0.0/8`).
fn names_address(entry: &str, address: IpAddr, port: u16) -> bool {
    if let Some((network, bits)) = entry.split_once('/') {
        let network = network.trim_matches(['[', ']']).parse().ok();
        return network.zip(bits.parse().ok()).is_some_and(|(network, bits)| within(address, network, bits));
    }
    let is = |text: &str| text.trim_matches(['[', ']']).parse() == Ok(address);
    is(entry)
        || entry.rsplit_once(':').is_some_and(|(host, digits)| {
            (host.ends_with(']') || !host.contains(':')) && is(host) && digits.parse() == Ok(port)
        })
}

pub fn within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same = |a: u128, b: u128, width: u32| match width.checked_sub(bits) {
        Some(rest) => a.checked_shr(rest).unwrap_or(0) == b.checked_shr(rest).unwrap_or(0),
        None => false,
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_exempts_what_curl_or_requests_exempt() {
        for (list, host, exempt) in [
            ("*", "a.example", true),
            (" * ", "192.0.2.1", false),
            ("Bücher.example", "xn--bcher-kva.example", true),
            (".bücher.example:443", "a.xn--bcher-kva.example", true),
            ("a.example,*", "b.example", false),
            ("*.example", "b.example", false),
            ("example", "b.example", true),
            (".example", "b.example", true),
            (".example", "example", true),
            ("ample", "example", false),
            ("EXAMPLE.", "b.example", true),
            ("b.example.", "b.example", true),
            ("x, b.example", "b.example", true),
            ("x b.example", "b.example", true),
            ("b.example:443", "b.example", true),
            ("b.example:80", "b.example", false),
            ("b.example:x", "b.example", false),
            (",,", "b.example", false),
            (".", "b.example", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1:443", "192.0.2.1", true),
            ("192.0.2.1:80", "192.0.2.1", false),
            ("0.2.1", "192.0.2.1", false),
            ("192.0.2.0/24", "192.0.2.9", true),
            ("192.0.3.0/24", "192.0.2.9", false),
            ("0.0.0.0/0", "192.0.2.9", true),
            ("192.0.2.0/33", "192.0.2.9", false),
            ("::1", "::1", true),
            ("[::1]", "::1", true),
            ("[::1]:443", "::1", true),
            ("[::1]:80", "::1", false),
            ("2001:db8::/32", "2001:db8::7", true),
            ("::/0", "2001:db8::7", true),
            ("2001:db8::/32", "192.0.2.1", false),
        ] {
            assert_eq!(exempts(list, host, 443), exempt, "{list} {host}");
        }
    }

    #[test]
    fn a_list_that_could_hold_a_login_is_only_counted() {
        for (list, expected) in [
            ("a.example,*.b, [::1]:80,10.0.0.0/8", "a.example, *.b, [::1]:80, 10.0.0.0/8"),
            ("a.example,user:password", "a.example (1 more not shown)"),
            ("user::password,::1,fe80::/10", "::1, fe80::/10 (1 more not shown)"),
            ("user:pass:80,user/password", "2 not shown"),
            ("a.example,*.b, http://u:pw@h", "3 not shown"),
            ("USER,:SECRET@127.0.0.1:9", "2 not shown"),
            ("USER SECRET%40h", "1 not shown"),
            ("", ""),
        ] {
            assert_eq!(shown(list), expected, "{list}");
        }
    }

    proptest::proptest! {
        /// Signs of a login around its two parts, as they are misspelt: neither part is shown, unless it is a name alone.
        #[test]
        fn no_part_of_a_login_is_shown(
            before in "[#/?%,; a.*\\[\\]:]{0,3}", between in "[#/?%,; a.*\\[\\]:]{0,3}", after in "[#/?%,; a.*\\[\\]:]{0,3}",
            at in proptest::sample::select(vec!["@", "%40", ""]),
        ) {
            let text = shown(&format!("{before}USER{between}:SECRET{after}{at}h.example:9"));
            proptest::prop_assert!(!text.contains("SECRET"), "{}", text);
        }
    }

    #[test]
    fn entries_without_effect_are_counted() {
        assert_eq!(without_effect("*.example, a.example,http://u:p@h,*"), 3);
        assert_eq!(without_effect("*"), 0);
        assert_eq!(without_effect(" * "), 1);
    }
}
