//! Made-up objects that follow the vendor's schemas (F5 AI Guardrails OpenAPI 9.189.0), with a secret in every string
//! that can hold one, and a list of what must disappear and what must stay.

use std::collections::HashMap;

use serde_json::{Value, json};

/// How many of each.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub providers: usize,
    pub projects: usize,
    pub tokens: usize,
    pub machine_tokens: usize,
}

/// The service's objects.
#[derive(Debug, Default)]
pub struct Fixture {
    pub providers: Vec<Value>,
    pub projects: Vec<Value>,
    pub tokens: Vec<Value>,
    /// Indexes of providers by project id.
    pub added: HashMap<String, Vec<usize>>,
    pub accessible: HashMap<String, Vec<usize>>,
    pub enabled: HashMap<String, Vec<usize>>,
    /// Every planted secret; none is part of another text of the fixture.
    pub secrets: Vec<String>,
    /// Every name and id.
    pub readable: Vec<String>,
}

impl Fixture {
    /// The same objects for the same `size` and `seed`.
    #[must_use]
    pub fn generate(size: Size, seed: u64) -> Self {
        let mut maker = Maker { random: Random(seed), secrets: Vec::new(), readable: Vec::new(), serial: 0 };
        let providers: Vec<Value> = (0..size.providers).map(|index| maker.provider(index)).collect();
        let mut fixture = Self { providers, ..Self::default() };
        for index in 0..size.projects {
            let project = maker.project(index, &fixture.providers);
            let id = project["id"].as_str().unwrap_or_default().to_owned();
            let mut some = |most: usize| -> Vec<usize> {
                let count = most.min(size.providers);
                let first = maker.random.below(size.providers.max(1));
                (0..count).map(|step| (first + step) % size.providers.max(1)).collect()
            };
            fixture.accessible.insert(id.clone(), some(8));
            fixture.added.insert(id.clone(), some(3));
            fixture.enabled.insert(id, some(2));
            fixture.projects.push(project);
        }
        for index in 0..size.tokens + size.machine_tokens {
            fixture.tokens.push(maker.token(index, index >= size.tokens));
        }
        fixture.secrets = maker.secrets;
        fixture.readable = maker.readable;
        fixture
    }
}

/// SplitMix64: repeatable, and good enough for made-up data.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    #[allow(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }
}

const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";
const WORDS: &[&str] =
    &["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "juniper"];

struct Maker {
    random: Random,
    secrets: Vec<String>,
    readable: Vec<String>,
    serial: usize,
}

impl Maker {
    fn id(&mut self) -> String {
        let part = |random: &mut Random, length| random.text(HEX, length);
        let random = &mut self.random;
        let id = format!(
            "{}-{}-4{}-a{}-{}",
            part(random, 8),
            part(random, 4),
            part(random, 3),
            part(random, 3),
            part(random, 12)
        );
        self.readable.push(id.clone());
        id
    }

    fn name(&mut self, kind: &str, index: usize) -> String {
        let word = WORDS[self.random.below(WORDS.len())];
        let name = format!("{word}-{kind}-{index}");
        self.readable.push(name.clone());
        name
    }

    /// A secret of plain words: only its key or its place gives it away.
    fn word(&mut self) -> String {
        self.serial += 1;
        let secret =
            format!("quiet {} horse {}", WORDS[self.random.below(WORDS.len())], self.serial + 1_000_000);
        self.secrets.push(secret.clone());
        secret
    }

    /// The same in one word, for URLs and running text.
    fn single_word(&mut self) -> String {
        self.serial += 1;
        let secret = format!("hush{}", self.serial + 1_000_000);
        self.secrets.push(secret.clone());
        secret
    }

    /// A secret that its shape gives away.
    fn shaped(&mut self) -> String {
        self.serial += 1;
        let random = &mut self.random;
        let secret = match self.serial % 11 {
            0 => format!("sk-proj-{}", random.text(BASE62, 40)),
            1 => format!("AKIA{}", random.text(UPPER, 16)),
            2 => format!("ghp_{}", random.text(BASE62, 36)),
            3 => format!("xoxb-{}-{}", random.text(b"0123456789", 11), random.text(BASE62, 24)),
            4 => format!("AIza{}", random.text(BASE62, 35)),
            5 => format!("hf_{}", random.text(BASE62, 34)),
            6 => format!(
                "eyJ{}.eyJ{}.{}",
                random.text(BASE62, 20),
                random.text(BASE62, 40),
                random.text(BASE62, 43)
            ),
            7 => random.text(BASE62, 48),
            8 => random.text(HEX, 40),
            9 => format!(
                "{}.{}@corp{}.example.com",
                WORDS[random.below(10)],
                WORDS[random.below(10)],
                self.serial
            ),
            _ => {
                // What is looked for has no line breaks, so that it is also found in escaped text.
                let key = random.text(BASE62, 64);
                self.secrets.push(key.clone());
                return format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----");
            }
        };
        self.secrets.push(secret.clone());
        secret
    }

    fn provider(&mut self, index: usize) -> Value {
        let kind = ["openai", "azure", "anthropic", "custom", "google", "huggingface"][index % 6];
        let template = self.request_block(index);
        let template = match index % 3 {
            0 => template,
            1 => {
                json!({"type": "retry", "attempts": 3, "backoff": "2 ** attempt", "when": format!("status == 429 or {}", self.shaped()), "block": template})
            }
            _ => {
                json!({"type": "workflow", "outputs": {"answer": self.shaped()}, "stages": [template, self.request_block(index + 1)]})
            }
        };
        let auth_template = if index % 2 == 0 { self.request_block(index + 2) } else { Value::Null };
        json!({
            "id": self.id(), "name": self.name(kind, index), "type": kind, "tag": self.shaped(),
            "authTemplate": auth_template,
            "availability": {"global": index % 2 == 0, "projectIds": [self.id()]},
            "capabilities": ["chat", "openai_chat", self.shaped()],
            "hasLogo": false,
            "inputs": {"model": self.word(), "apiKey": self.word(), "nested": {"list": [self.word(), 7]}, "temperature": 0.5, "empty": ""},
            "maxRequestsPerSecond": null, "projectId": self.id(), "redTeam": false,
            "requestConcurrencyLimit": {"requests": 5, "decayPerSecond": 1},
            "secrets": {"apiKey": self.id(), "x-api-key": self.id(), "notAnId": self.word()},
            "siem": false, "systemProviderId": self.id(), "template": template,
        })
    }

    fn request_block(&mut self, index: usize) -> Value {
        let headers = match index % 3 {
            0 => {
                json!({"Content-Type": "application/json", "Authorization": format!("Bearer {}", self.single_word()),
                        "x-api-key": self.word(), "X-Goog-Api-Key": self.word(), "Ocp-Apim-Subscription-Key": self.word(),
                        "X-Anything": self.word(), "X-List": [self.word(), self.word()]})
            }
            1 => {
                json!([{"name": "x-api-key", "value": self.word()}, {"name": "Accept", "value": "application/json"},
                        {"name": "X-Custom", "value": self.word()}])
            }
            _ => json!([["api-key", self.word()], ["Accept", "application/json"]]),
        };
        let body = match index % 3 {
            0 => json!({"model": "gpt-4o", "auth": {"password": self.word()}, "metadata": [{"key": "client_secret", "value": self.word()}],
                        "note": self.shaped()})
            .to_string(),
            1 => format!(r#"{{"messages": {{{{messages}}}}, "api_key": "{}", "note": "{}"}}"#, self.word(), self.single_line_shape()),
            _ => format!("grant_type=client_credentials&client_secret={}&scope=all", self.single_word()),
        };
        let json_body = json!({"wrapped": json!({"accessKey": self.word(), "deep": json!({"refresh_token": self.word()}).to_string()}).to_string()});
        json!({
            "type": "request", "method": "POST", "timeout": 30, "outputs": {"text": "$.choices[0].message.content"},
            "url": format!("https://{}:{}@api.example.test/v1/chat?api-version=2024-06-01&key={}&tenant={}",
                           self.single_word(), self.single_word(), self.single_word(), self.single_word()),
            "headers": headers, "body": body, "json": json_body.to_string(),
            "queryParams": {"api-version": "2024-06-01", "subscription-key": self.word(), "tenant": self.word()},
            "awsAuth": {"accessKey": self.word(), "secretKey": self.word(), "token": self.word(), "region": "us-east-1", "service": "bedrock"},
            "ociAuth": {"keyId": self.word(), "privateKeyPem": self.word(), "passphrase": self.word()},
        })
    }

    fn single_line_shape(&mut self) -> String {
        self.serial += 1;
        let secret = format!("gsk_{}", self.random.text(BASE62, 40));
        self.secrets.push(secret.clone());
        secret
    }

    fn project(&mut self, index: usize, providers: &[Value]) -> Value {
        let name = self.name("project", index);
        let friendly = self.name("friendly", index);
        let configured: Vec<Value> = providers
            .iter()
            .skip(index % providers.len().max(1))
            .take(2)
            .map(|provider| json!({"id": provider["id"], "name": provider["name"], "type": provider["type"], "enabled": true,
                                   "default": null, "capabilities": ["chat", self.shaped()]}))
            .collect();
        let scanners = json!([{"id": self.id(), "enabled": true, "mode": "block", "version": self.id(), "force": null, "blocking": null,
                               "flagMessage": format!("Do not send {} again", self.shaped())}]);
        json!({
            "id": self.id(), "name": name, "friendlyId": friendly, "type": "app", "deploymentStatus": "live",
            "adminCount": 1, "memberCount": 3, "tokenCount": 4, "providerCount": 2, "scannerCount": 1, "agentSessionCount": null,
            "adminRoleId": self.id(), "memberRoleId": self.id(), "botType": null, "chatbotId": self.id(),
            "createdAt": "2025-01-31T09:14:05.123456Z", "updatedAt": "2025-02-28T10:00:00Z", "createdBy": self.word(),
            "config": {
                "packages": [{"id": self.id(), "enabled": true, "version": "2025-01-31T09:14:05Z", "flagMessage": null}],
                "providers": configured, "scanners": scanners,
                "providerRouting": [[self.id(), {"rule": "contains", "text": self.shaped()}]],
            },
        })
    }

    fn token(&mut self, index: usize, machine: bool) -> Value {
        let user = format!("auth0|{}", self.random.text(HEX, 24));
        self.readable.push(user.clone());
        json!({
            "id": self.id(), "name": self.name("token", index), "machine": machine, "userId": user,
            "projectId": if machine { json!(self.id()) } else { Value::Null },
            "expiresAt": "2030-01-01T00:00:00Z", "value": self.word(),
        })
    }
}
