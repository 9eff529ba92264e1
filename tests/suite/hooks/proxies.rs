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

#[cfg(unix)]
#[test]
fn the_lower_case_spelling_wins_and_an_empty_one_is_unset() {
    let dead = f5_stand_in::f5::refusing_url().expect("a port");
    for (upper, lower_is_good) in [("", true), (&*dead, true), ("good", false)] {
        let (api, proxy) = (F5::builder().tls().start(), Proxy::start());
        let (upper, lower) =
            if lower_is_good { (upper.to_owned(), proxy.url()) } else { (proxy.url(), String::new()) };
        let hook =
            Hook::pre_tool_use().closed().env("HTTPS_PROXY", upper).env("https_proxy", lower).against(&api);
        hook.run().allowed();
        assert_eq!(proxy.targets().len(), 1);
    }
    let (api, proxy) = (F5::builder().tls().start(), Proxy::start());
    let hook = Hook::pre_tool_use().closed().env("HTTPS_PROXY", proxy.url()).against(&api);
    hook.env("NO_PROXY", "").env("no_proxy", "127.0.0.1").run().allowed();
    assert_eq!(proxy.targets(), Vec::<String>::new());
}

#[test]
fn an_asterisk_in_a_list_exempts_nobody() {
    let (api, proxy) = (F5::builder().tls().start(), Proxy::start());
    let hook = Hook::pre_tool_use().closed().env("HTTPS_PROXY", proxy.url()).against(&api);
    hook.env("NO_PROXY", "a.example,*").run().allowed();
    assert_eq!(proxy.targets().len(), 1);
}

#[test]
fn a_login_may_hold_any_character() {
    for (name, password) in
        [(r"CORP\jd", "pw"), ("jd", "a^b|c"), ("jd", "x\"y"), ("jd", "pö"), ("jd", "p@ss"), ("jd", "100%")]
    {
        let (api, proxy) = (F5::builder().tls().start(), Proxy::builder().login(name, password).start());
        for url in [
            proxy.url_with_login(name, password),
            proxy.url_with_login(name, password).replace("http://", ""),
        ] {
            let hook = Hook::pre_tool_use().closed().env("HTTPS_PROXY", format!(" {url} ")).against(&api);
            hook.run().allowed();
        }
    }
}

#[test]
fn a_proxy_that_can_not_be_used_is_a_scan_error_that_shows_nothing_of_it() {
    for value in [
        "http://jdoe:Winter#2026@127.0.0.1:3128",
        "ftp://jdoe:Winter@127.0.0.1",
        "http://jdoe:Winter@",
        "jdoe:Winter",
    ] {
        let api = F5::builder().tls().never_called().start();
        let hook =
            Hook::pre_tool_use().closed().env("HTTPS_PROXY", value).env("F5_GUARDRAILS_LOG_LEVEL", "debug");
        let answer = hook
            .against(&api)
            .run()
            .blocked()
            .says(&["HTTPS_PROXY is set, but not to a usable proxy address"]);
        let all = format!("{answer:?}{}", answer.log());
        assert!(!all.contains("Winter") && !all.contains("jdoe"), "{all}");
    }
}
