//! Secrets that give themselves away by their shape, wherever they stand: PEM blocks, JWTs, tokens with a known prefix,
//! `Bearer …`, e-mail addresses. What looks merely random is [`super::entropy`]'s, what follows a key in a text
//! [`super::pairs`]', URLs [`super::url`]'s.

use std::ops::Range;
use std::sync::LazyLock;

use regex_lite::Regex;

use super::kind::Kind;

/// A part of a string that must not be shown: its byte range and why.
pub type Span = (Range<usize>, Kind);

struct Shape {
    kind: Kind,
    pattern: Regex,
}

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let shape = |kind, pattern: &str| Regex::new(pattern).ok().map(|pattern| Shape { kind, pattern });
    [
        // To the end of the text where the END line is missing: half a key is a key too.
        shape(Kind::PemBlock, r"(?s)-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\z)"),
        shape(Kind::Jwt, r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*"),
        shape(Kind::KnownToken, known_tokens()),
        shape(Kind::Credential, r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{6,})"),
        shape(Kind::Email, r#"[^\s@<>"'(),:;/\\=&?\[\]{}]+@[^\s@<>"'(),:;/\\=&?\[\]{}.]+(?:\.[^\s@<>"'(),:;/\\=&?\[\]{}.]+)+"#),
        shape(Kind::Email, r"[A-Za-z0-9._+-]+%40[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    ]
    .into_iter()
    .flatten()
    .collect()
});

/// Prefixes as their issuers document them (OpenAI, Anthropic, AWS, GitHub, GitLab, Slack, Google, Hugging Face, npm,
/// PyPI, SendGrid, Groq, Replicate, Perplexity, NVIDIA, xAI, Stripe, Shopify, DigitalOcean, Docker, Vault, Databricks,
/// age, Linear, Twilio, Tailscale), and the paths of Slack's, Discord's and Teams' webhooks.
const fn known_tokens() -> &'static str {
    concat!(
        r"\b(?:sk-(?:proj|ant|or|svcacct|admin|lf)-[A-Za-z0-9_-]{8,}",
        r"|sk-[A-Za-z0-9_-]*[A-Za-z0-9]{12,}[A-Za-z0-9_-]*",
        r"|(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ABIA|ACCA)[A-Z0-9]{12,}",
        r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|gl(?:pat|cbt|dt|ptt|rt|soat)-[A-Za-z0-9_-]{16,}",
        r"|xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}|xai-[A-Za-z0-9]{20,}",
        r"|AIza[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{16,}|GOCSPX-[A-Za-z0-9_-]{16,}",
        r"|hf_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{20,}|pypi-[A-Za-z0-9_-]{32,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        r"|gsk_[A-Za-z0-9]{16,}|r8_[A-Za-z0-9]{16,}|pplx-[A-Za-z0-9]{16,}|nvapi-[A-Za-z0-9_-]{16,}",
        r"|[spr]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9]{16,}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{16,}",
        r"|do[opr]_v1_[a-f0-9]{16,}|dckr_pat_[A-Za-z0-9_-]{16,}|hv[sbr]\.[A-Za-z0-9_-]{16,}|dapi[a-f0-9]{32}",
        r"|AGE-SECRET-KEY-[A-Z0-9]{16,}|lin_api_[A-Za-z0-9]{16,}|(?:AC|SK)[a-f0-9]{32}|tskey-[A-Za-z0-9-]{16,}",
        r"|hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/-]+",
        r"|discord(?:app)?\.com/api/webhooks/[A-Za-z0-9_/-]+|webhook\.office\.com/[A-Za-z0-9@_/-]+)",
    )
}

/// Every part of `text` whose shape gives a secret or a person away.
pub fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for shape in SHAPES.iter() {
        for found in shape.pattern.captures_iter(text) {
            // The scheme word before a token stays readable.
            let Some(part) = found.get(1).or_else(|| found.get(0)) else { continue };
            if shape.kind != Kind::Credential || is_more_than_a_word(part.as_str()) {
                spans.push((part.range(), shape.kind));
            }
        }
    }
    spans
}

/// "Basic authentication" and "bearer tokens" are prose; a credential has a digit or a symbol, or is long.
fn is_more_than_a_word(text: &str) -> bool {
    let word = text.trim_end_matches(['.', '-']);
    word.len() >= 20
        || word.bytes().any(|byte| !byte.is_ascii_alphabetic())
        || word.bytes().skip(1).any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        spans(text).into_iter().map(|(_, kind)| kind).collect()
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(SHAPES.len(), 6);
    }

    #[test]
    fn tokens_with_a_known_prefix_are_found() {
        for token in [
            "sk-proj-abcdefghijkl",
            "sk-ant-api03-abcdefgh",
            "sk-abcdefghijklmnop",
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_abcdefghijklmnopqrst",
            "github_pat_11ABCDEFG0abcdefghij",
            "xoxb-1234567890-abc",
            "AIzaSyA-abcdefghijklmnopqrstuvwxyz012",
            "hf_abcdefghijklmnopqrst",
            "gsk_abcdefghijklmnopqrst",
            "glpat-abcdefghijklmnopqrst",
            "sk_live_abcdefgh12",
            "ya29.abcdefghijklmnopq",
        ] {
            assert_eq!(kinds(&format!("use {token} here")), [Kind::KnownToken], "{token}");
        }
    }

    #[test]
    fn names_that_only_resemble_tokens_stay() {
        for name in
            ["sk-learn classifier", "task-force-2000", "risk-assessment-department", "hf_models", "AKIA"]
        {
            assert_eq!(kinds(name), [], "{name}");
        }
    }

    #[test]
    fn a_pem_block_is_found_even_without_its_end() {
        assert_eq!(
            kinds("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"),
            [Kind::PemBlock]
        );
        assert_eq!(spans("x -----BEGIN PRIVATE KEY-----\\nMIIE"), [(2..35, Kind::PemBlock)]);
    }

    #[test]
    fn prose_about_authentication_stays_and_a_bearer_token_goes() {
        assert_eq!(kinds("Basic authentication needs a bearer token."), []);
        assert_eq!(spans("Bearer hunter2"), [(7..14, Kind::Credential)]);
    }

    #[test]
    fn addresses_are_found_plain_and_percent_encoded() {
        assert_eq!(kinds("mail to alice.b+x@corp.example.com, please"), [Kind::Email]);
        assert_eq!(kinds("jürgen@größe.de"), [Kind::Email]);
        assert_eq!(kinds("owner=alice%40corp.com"), [Kind::Email]);
    }
}
