//! `login --status`: where the token comes from and whether it works. Never what it is.

use std::time::Instant;

use super::address::Service;
use super::verify::{self, Verified};
use super::{PATIENCE, may_ask, say_row};
use crate::commands::dump_config::{global_elsewhere, global_token};
use crate::printable::counted;
use crate::scan::ScanError;
use crate::secret::{Hidden, Secret};
use crate::settings::Source;
use crate::system::Env;
use crate::token::store::{self, Manner};
use crate::token::{self, Kind, STORE_TIME};

/// Whether the token works.
pub fn report(service: &Service, env: Env<'_>) -> Result<bool, String> {
    let hidden = Hidden::default();
    service.settings.api_token.iter().for_each(|token| hidden.learn(token));
    let say = |label: &str, words: &str| say_row(label, &hidden.without(words));
    say("Service", &format!("{} ({})", service.shown(), service.from));
    // On a terminal macOS may ask for the permission that hooks can't ask for.
    let (manner, patience) =
        if may_ask() { (Manner::MayAsk, PATIENCE) } else { (Manner::Silent, STORE_TIME) };
    let found = match service.entry.kind {
        Kind::Scan => scan_token(service, env, manner, Instant::now() + patience),
        Kind::Global => global(service, env, Instant::now() + patience),
    };
    let (token, from) = match found {
        Ok(found) => found,
        Err((cause, fix)) => {
            say("[FAIL]", &cause);
            say("", &format!("Fix: {fix}"));
            return Ok(false);
        }
    };
    hidden.learn(&token);
    say("Token", &format!("{from} ({})", counted(token.length(), "character")));
    let (mark, words, works) = match verify::verify(service, &token) {
        Verified::Works(words) => ("[ok]", words, true),
        Verified::Objected(words) => ("[warn]", words, true),
        Verified::Refused(words) | Verified::Unknown(words) => ("[FAIL]", words, false),
    };
    say(mark, &words);
    Ok(works)
}

type Found = Result<(Secret, String), (String, String)>;

fn scan_token(service: &Service, env: Env<'_>, manner: Manner, deadline: Instant) -> Found {
    let mut settings = service.settings.clone();
    let store = store::system(env);
    let done = token::complete_from(&mut settings, env, deadline, manner, &store);
    done.map_err(|error| (error.to_string(), error.fix()))?;
    let from = match settings.api_token.source {
        Source::Stored(place) => format!("stored by `f5-guard login` in {place}"),
        source => format!("from {source}, which comes before a stored one"),
    };
    match settings.api_token.value {
        Some(token) => Ok((token, from)),
        None => {
            let error = ScanError::no_token(&settings);
            Err((error.to_string(), error.fix(service.settings.origins())))
        }
    }
}

fn global(service: &Service, env: Env<'_>, deadline: Instant) -> Found {
    match global_token(&service.address, env, deadline) {
        Ok(Some(found)) => Ok((found.token, format!("from {}", found.name))),
        Ok(None) => Err(match global_elsewhere(&service.address, env, deadline) {
            Some(elsewhere) => (elsewhere.to_string(), elsewhere.fix(service.settings.base_url.source)),
            None => (
                "No API token is set.".to_owned(),
                "Run `f5-guard login --global`, or set F5_GLOBAL_API_TOKEN.".to_owned(),
            ),
        }),
        Err(error) => Err((error.to_string(), error.fix())),
    }
}
