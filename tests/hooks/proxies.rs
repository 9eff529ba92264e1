//! Proxies: which variables are heeded, loopback included.

use f5_stand_in::f5::F5;
use f5_stand_in::proxy::Proxy;

use crate::support::Hook;

#[test]
fn https_goes_through_the_proxy_in_both_spellings() {
    for name in ["HTTPS_PROXY", "https_proxy"] {
        let (api, proxy) = (F5::builder().tls().start(), Proxy::start());
        Hook::pre_tool_use().closed().env(name, proxy.url()).against(&api).run().allowed();
        assert_eq!(proxy.targets(), [format!("CONNECT {}", api.address())], "{name}");
    }
}

#[test]
fn http_goes_through_the_proxy_in_both_spellings() {
    for name in ["HTTP_PROXY", "http_proxy"] {
        let (api, proxy) = (F5::start(), Proxy::start());
        Hook::pre_tool_use().closed().env(name, proxy.url()).against(&api).run().allowed();
        assert_eq!(proxy.targets().len(), 1, "{name}");
    }
}

#[test]
fn the_proxy_resolves_the_hosts_name() {
    let api = F5::builder().tls_for(&["guardrails.invalid"]).start();
    let proxy = Proxy::builder().everything_to(api.address()).start();
    let hook = Hook::pre_tool_use().closed().env("HTTPS_PROXY", proxy.url()).against(&api);
    hook.env("F5_GUARDRAILS_BASE_URL", "https://guardrails.invalid").run().allowed();
    assert_eq!(proxy.targets(), ["CONNECT guardrails.invalid:443"]);
}

#[test]
fn no_proxy_names_who_is_reached_directly_in_both_spellings() {
    for name in ["NO_PROXY", "no_proxy"] {
        for value in ["127.0.0.1", "example.com, 127.0.0.1", "127.0.0.0/8"] {
            let (api, proxy) = (F5::builder().tls().start(), Proxy::start());
            let hook = Hook::pre_tool_use().closed().env("HTTPS_PROXY", proxy.url()).env(name, value);
            hook.against(&api).run().allowed();
            assert!(proxy.targets().is_empty(), "{name}={value}: {:?}", proxy.targets());
        }
    }
}

#[test]
fn no_proxy_with_an_asterisk_reaches_everybody_directly() {
    let (api, proxy) = (F5::builder().tls().start(), Proxy::start());
    let url = api.base_url();
    for url in [url.replace("127.0.0.1", "localhost"), url] {
        let hook =
            Hook::pre_tool_use().closed().env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", "*").against(&api);
        hook.env("F5_GUARDRAILS_BASE_URL", &url).run().allowed();
        assert!(proxy.targets().is_empty(), "{url}: {:?}", proxy.targets());
    }
}

#[test]
fn a_proxy_may_ask_for_a_login() {
    let (api, proxy) = (F5::builder().tls().start(), Proxy::builder().login("dev", "hunter2").start());
    let url = proxy.url_with_login("dev", "hunter2");
    let hook = Hook::pre_tool_use().closed().env("F5_GUARDRAILS_LOG_LEVEL", "debug");
    let answer = hook.env("HTTPS_PROXY", url).against(&api).run().allowed();
    assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
}

#[test]
fn a_proxy_that_refuses_the_login_is_a_scan_error() {
    let (api, proxy) =
        (F5::builder().tls().never_called().start(), Proxy::builder().login("dev", "hunter2").start());
    let url = proxy.url_with_login("dev", "swordfish");
    let answer =
        Hook::pre_tool_use().closed().env("HTTPS_PROXY", url).against(&api).run().blocked().says(&["proxy"]);
    assert!(!format!("{answer:?}").contains("swordfish"), "{answer:?}");
}

#[test]
fn a_proxy_that_is_not_there_is_a_scan_error_and_never_gone_around() {
    let api = F5::builder().tls().never_called().start();
    let hook =
        Hook::pre_tool_use().closed().env("HTTPS_PROXY", f5_stand_in::f5::refusing_url().expect("a port"));
    hook.against(&api).run().blocked().says(&["proxy"]);
}

#[test]
fn a_proxy_that_speaks_tls_is_verified_like_the_service_before_it_learns_anything() {
    // The proxy's authority is not the service's, and not trusted.
    let (api, stranger) = (F5::builder().tls().never_called().start(), F5::builder().tls().start());
    let proxy = stranger.base_url().replace("https://", "https://name:pass-7f3a@");
    let hook = Hook::pre_tool_use().closed().env("HTTPS_PROXY", proxy).against(&api);
    let answer = hook.run().blocked().says(&["certificate"]);
    assert!(!format!("{answer:?}{}", answer.log()).contains("pass-7f3a"), "{answer:?}");
    assert_eq!(stranger.connections(), 1);
    assert!(stranger.requests().is_empty(), "neither CONNECT nor the login may be sent");
}
