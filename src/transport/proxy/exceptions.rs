//! `NO_PROXY`: the hosts that are reached directly, in the forms that curl or Python's requests know.

use std::net::IpAddr;

/// Whether `list` exempts `host` (a name, or an address without brackets) at `port`.
pub fn exempts(list: &str, host: &str, port: u16) -> bool {
    if list.trim() == "*" {
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
    if list.trim() == "*" { 0 } else { entries(list).filter(|entry| !is_plausible(entry)).count() }
}

/// Entries are parted by commas, or by blanks as for curl.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty())
}

pub fn is_plausible(entry: &str) -> bool {
    !entry.contains("//") && entry.chars().all(|c| c.is_alphanumeric() || "-_.:[]/%".contains(c))
}

/// The name itself and everything below it, with or without a dot in front.
fn names_host(entry: &str, host: &str, port: u16) -> bool {
    let (entry, wanted) = match entry.rsplit_once(':') {
        Some((entry, digits)) => (entry, digits.parse::<u16>().ok()),
        None => (entry, Some(port)),
    };
    let entry = entry.trim_start_matches('.').trim_end_matches('.');
    if wanted != Some(port) || entry.is_empty() {
        return false;
    }
    let above = host.len().checked_sub(entry.len()).and_then(|at| host.split_at_checked(at));
    above.is_some_and(|(above, end)| {
        end.eq_ignore_ascii_case(entry) && (above.is_empty() || above.ends_with('.'))
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
            (" * ", "192.0.2.1", true),
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
    fn entries_without_effect_are_counted() {
        assert_eq!(without_effect("*.example, a.example,http://u:p@h,*"), 3);
        assert_eq!(without_effect("*"), 0);
    }
}
