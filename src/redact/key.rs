//! What a key's name says about its value, in all spellings: camelCase, snake_case, kebab-case, header case and
//! run together. It looks at the name alone; [`super::place`] knows the vendor's schema.

/// What the name of a key promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyClass {
    /// The value is a credential.
    Secret,
    /// The value tells who a person is.
    Person,
    /// The value is an e-mail address.
    Email,
    /// The value is a name or an id, and should stay readable.
    Identity,
    /// Nothing.
    Plain,
}

/// Found anywhere in the name, run together.
const SECRET_PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "subscriptionkey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "sharedkey",
    "masterkey",
    "accountkey",
    "credential",
    "authorization",
    "bearer",
    "cookie",
    "connectionstring",
    "connstring",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "sastoken",
    "signature",
    "webhook",
    "authheader",
];

/// Found as a word of its own.
const SECRET_WORDS: &[&str] = &[
    "token",
    "tokens",
    "pass",
    "pwd",
    "pw",
    "pin",
    "otp",
    "sig",
    "sas",
    "jwt",
    "dsn",
    "cred",
    "creds",
    "kubeconfig",
];

/// A key that ends so holds a reference, a measure or a setting of a secret, not the secret: `tokenCount`.
const HARMLESS_ENDS: &[&str] = &[
    "count",
    "counts",
    "limit",
    "limits",
    "max",
    "min",
    "total",
    "usage",
    "budget",
    "window",
    "length",
    "size",
    "type",
    "types",
    "kind",
    "name",
    "names",
    "id",
    "ids",
    "url",
    "uri",
    "endpoint",
    "enabled",
    "expiry",
    "expires",
    "expiration",
    "at",
    "ttl",
    "days",
    "version",
    "status",
    "mode",
    "level",
    "sensitivity",
    "algorithm",
    "alg",
    "format",
    "location",
    "env",
    "required",
    "scope",
    "scopes",
    "template",
];

/// Ends of compounds with `key` that are no credentials.
const HARMLESS_KEYS: &[&str] = &[
    "publickey",
    "primarykey",
    "foreignkey",
    "sortkey",
    "partitionkey",
    "cachekey",
    "routingkey",
    "idempotencykey",
    "hotkey",
    "monkey",
];

const PERSON: &[&str] = &[
    "user",
    "username",
    "userfullname",
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "givenname",
    "familyname",
    "nickname",
    "owner",
    "author",
    "phone",
    "phonenumber",
    "mobile",
    "createdby",
    "updatedby",
    "modifiedby",
];

/// Classifies a key by its name.
pub fn classify(key: &str) -> KeyClass {
    let words = words(key);
    let compact = words.concat();
    let last = words.last().map_or("", String::as_str);
    if words.iter().any(|word| matches!(word.as_str(), "email" | "emails" | "mail" | "upn")) {
        return if HARMLESS_ENDS.contains(&last) { identity_or_plain(last) } else { KeyClass::Email };
    }
    // `accessKeyId` and OCI's `keyId` (tenancy/user/fingerprint) are halves of a credential, unlike other ids.
    if compact.ends_with("keyid") {
        return KeyClass::Secret;
    }
    if PERSON.contains(&compact.as_str()) || (last == "by" && words.iter().any(|word| word.ends_with("ed"))) {
        return KeyClass::Person;
    }
    if HARMLESS_ENDS.contains(&last) {
        return identity_or_plain(last);
    }
    let compound_key = compact.ends_with("key") || compact.ends_with("keys");
    let harmless_key = HARMLESS_KEYS
        .iter()
        .any(|end| compact.ends_with(end) || compact.trim_end_matches('s').ends_with(end));
    if SECRET_PARTS.iter().any(|part| compact.contains(part))
        || words.iter().any(|word| SECRET_WORDS.contains(&word.as_str()))
        || compact.ends_with("token")
        || (compound_key && !harmless_key)
        || last == "auth"
    {
        return KeyClass::Secret;
    }
    KeyClass::Plain
}

fn identity_or_plain(last: &str) -> KeyClass {
    match last {
        "id" | "ids" | "name" | "names" => KeyClass::Identity,
        _ => KeyClass::Plain,
    }
}

/// Whether the name counts tokens of a language model rather than holding one: `maxTokens`, `prompt_tokens`.
pub fn counts_tokens(key: &str) -> bool {
    words(key).last().is_some_and(|word| word == "tokens")
}

/// The key's letters and digits in lower case: `X-Api-Key`, `xApiKey` and `x_api_key` are all `xapikey`.
pub fn compact(key: &str) -> String {
    words(key).concat()
}

/// The lower-case words of a name; numbers are no words.
fn words(key: &str) -> Vec<String> {
    let chars: Vec<char> = key.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (index, &char) in chars.iter().enumerate() {
        let previous = index.checked_sub(1).and_then(|before| chars.get(before)).copied().unwrap_or(' ');
        let next_is_lower = chars.get(index + 1).is_some_and(|next| next.is_lowercase());
        let starts_word =
            char.is_uppercase() && (previous.is_lowercase() || (previous.is_uppercase() && next_is_lower));
        if (starts_word || !char.is_alphabetic()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if char.is_alphabetic() {
            word.extend(char.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_all(keys: &[&str], class: KeyClass) {
        for key in keys {
            assert_eq!(classify(key), class, "{key}");
        }
    }

    #[test]
    fn credentials_are_known_in_every_spelling() {
        assert_all(
            &[
                "apiKey",
                "api_key",
                "api-key",
                "APIKey",
                "apikey",
                "x-api-key",
                "X-Goog-Api-Key",
                "Authorization",
                "Ocp-Apim-Subscription-Key",
                "Proxy-Authorization",
                "clientSecret",
                "client_secret",
                "CLIENT-SECRET",
                "accessKey",
                "accessKeyId",
                "keyId",
                "privateKeyPem",
                "passphrase",
                "AWS_SECRET_ACCESS_KEY",
                "token",
                "bearerToken",
                "sessiontoken",
                "Set-Cookie",
                "sig",
                "x-functions-key",
                "key",
                "db.password",
                "oauth2Token",
                "basicAuth",
                "DB_PASS",
                "connectionString",
                "OPENAI_API_KEY",
                "signingKeys",
            ],
            KeyClass::Secret,
        );
    }

    #[test]
    fn names_ids_and_measures_are_not_taken_for_credentials() {
        assert_all(
            &["id", "projectId", "friendlyId", "tokenId", "name", "secretName", "provider_ids"],
            KeyClass::Identity,
        );
        assert_all(
            &[
                "tokenCount",
                "token_count",
                "tokenEnv",
                "secretType",
                "passed",
                "bypass",
                "compass",
                "authTemplate",
                "publicKey",
                "tokenizer",
                "deploymentStatus",
                "sortBy",
                "keyword",
                "template",
            ],
            KeyClass::Plain,
        );
    }

    #[test]
    fn people_and_their_addresses_are_known() {
        assert_all(
            &["createdBy", "created_by", "createdby", "lastModifiedBy", "userName", "username", "owner"],
            KeyClass::Person,
        );
        assert_all(&["email", "userEmail", "EMAIL", "contact-email"], KeyClass::Email);
        assert_all(&["emailId", "userId"], KeyClass::Identity);
    }
}
