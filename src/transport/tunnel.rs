//! What a proxy is asked before it connects: CONNECT, or SOCKS.

use std::net::SocketAddr;

use http::{HeaderValue, Method, Request, header};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio_socks::tcp::{Socks4Stream, Socks5Stream};

use super::fault::{Context, Fault};
use super::peer::Peer;
use super::proxy::{Proxy, Scheme};
use super::request::user_agent;
use super::wire::{Wire, lenient};

/// CONNECT (RFC 9110). hyper reads the answer, as it reads the server's.
pub(super) async fn connect(proxy: &Proxy, target: &Peer, wire: Wire) -> Result<Wire, Fault> {
    let authority = target.to_string();
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(&authority)
        .header(header::HOST, &authority)
        .header(header::USER_AGENT, user_agent());
    let login = proxy.address.login.as_ref().and_then(|login| login.basic());
    if let Some(login) = &login {
        request = request.header(header::PROXY_AUTHORIZATION, login);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| Fault::NoSuchName)?;
    let failed = |error: hyper::Error| Fault::of(&error, Context::default());
    let (mut sender, connection) = lenient().handshake(TokioIo::new(wire)).await.map_err(failed)?;
    tokio::spawn(connection.with_upgrades());
    let answer = sender.send_request(request).await.map_err(failed)?;
    match answer.status().as_u16() {
        200..=299 => {
            let tunnel = hyper::upgrade::on(answer).await.map_err(failed)?;
            Ok(Box::new(TokioIo::new(tunnel)))
        }
        407 => Err(Fault::ProxyLogin { sent: login.is_some(), offers: offers(answer.headers()) }),
        302 | 303 | 307 | 511 => Err(Fault::SignIn),
        status => {
            let retry_after = answer.headers().get(header::RETRY_AFTER);
            let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
            Err(Fault::ProxyStatus { status, retry_after })
        }
    }
}

/// The schemes of all challenges (RFC 9110, section 11.6.1): of a proxy's words only those of a known list.
fn offers(headers: &http::HeaderMap<HeaderValue>) -> Vec<&'static str> {
    const KNOWN: [&str; 6] = ["Basic", "Digest", "NTLM", "Negotiate", "Kerberos", "Bearer"];
    let mut found = Vec::new();
    for value in headers.get_all(header::PROXY_AUTHENTICATE) {
        let text = String::from_utf8_lossy(value.as_bytes());
        // A scheme is a word that no `=` follows, at the start or after a comma that is not within quotes.
        let outside: String = text.split('"').step_by(2).collect();
        for challenge in outside.split(',') {
            let word = challenge.split_whitespace().next().unwrap_or_default();
            match KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(word)) {
                Some(known) if !found.contains(&known) => found.push(known),
                _ => {}
            }
        }
    }
    found
}

pub(super) async fn socks(
    proxy: &Proxy,
    target: &Peer,
    resolved: Option<SocketAddr>,
    wire: Wire,
) -> Result<Wire, Fault> {
    let login = proxy.address.login.as_ref().and_then(|login| login.for_socks());
    // Version 4 has no passwords. In version 5 neither part may be empty (RFC 1929): like requests, ask without then.
    let knows_passwords = matches!(proxy.address.scheme, Scheme::Socks5 | Scheme::Socks5h);
    let login = login.filter(|(user, password)| !(user.is_empty() || knows_passwords && password.is_empty()));
    let failed = |error: tokio_socks::Error| Fault::of_socks(&error, login.is_some());
    let to = match resolved {
        Some(address) => tokio_socks::TargetAddr::Ip(address),
        None => tokio_socks::TargetAddr::Domain(target.host.as_str().into(), target.port),
    };
    match proxy.address.scheme {
        Scheme::Socks4 | Scheme::Socks4a => {
            if resolved.is_some_and(|address| address.is_ipv6()) {
                return Err(Fault::Socks4Ipv6);
            }
            let stream = match login {
                Some((user, _)) => Socks4Stream::connect_with_userid_and_socket(wire, to, user).await,
                None => Socks4Stream::connect_with_socket(wire, to).await,
            };
            Ok(stream.map_err(failed)?.into_inner())
        }
        _ => {
            let stream = match login {
                Some((user, password)) => {
                    Socks5Stream::connect_with_password_and_socket(wire, to, user, password).await
                }
                None => Socks5Stream::connect_with_socket(wire, to).await,
            };
            Ok(stream.map_err(failed)?.into_inner())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_offers_of_a_proxy_are_read_and_nothing_else_of_it() {
        let mut headers = http::HeaderMap::new();
        for value in [
            "Negotiate",
            "NTLM",
            "Basic realm=\"a, Digest b\", charset=\"UTF-8\"",
            "Evil words, Digest qop=auth",
        ] {
            headers.append(header::PROXY_AUTHENTICATE, HeaderValue::from_static(value));
        }
        assert_eq!(offers(&headers), ["Negotiate", "NTLM", "Basic", "Digest"]);
    }
}
