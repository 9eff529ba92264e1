//! The Secret Service of the desktops (GNOME Keyring, KWallet, KeePassXC) over the session's bus.
//!
//! With a plain session: what goes over the socket is seen by nobody but this user, the bus and the service, and those
//! can read the token anyway.

use std::time::{Duration, Instant};

use super::dbus::{Address, Body, Bus, BusError, Cursor, Malformed, Method, addresses};
use super::{Entry, Manner, Store, StoreError, token_in};
use crate::secret::Secret;
use crate::system::Env;
use crate::token::Kind;

const NAME: &str = "the Secret Service";
const SERVICE: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
/// No object: how D-Bus says "none".
const NONE: &str = "/";
const APPLICATION: &str = "f5-guard";

/// The service on one bus.
#[derive(Debug, Clone)]
pub struct SecretService {
    addresses: Vec<Address>,
    uid: u32,
}

impl SecretService {
    pub fn of_session(env: Env<'_>) -> Self {
        let uid = nix::unistd::geteuid().as_raw();
        Self { addresses: addresses(env), uid }
    }

    fn conversation(&self, deadline: Instant) -> Result<Conversation, StoreError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let bus = Bus::connect(&self.addresses, self.uid, deadline).map_err(|error| failure(error, limit))?;
        Ok(Conversation { bus, limit })
    }
}

impl Store for SecretService {
    fn name(&self) -> &'static str {
        NAME
    }

    fn get(&self, entry: &Entry, manner: Manner, deadline: Instant) -> Result<Option<Secret>, StoreError> {
        let mut talk = self.conversation(deadline)?;
        let session = talk.send_open_session()?;
        let mut found = talk.search(entry)?;
        let session = talk.session(session)?;
        if found.unlocked.is_empty() && !found.locked.is_empty() {
            if manner == Manner::Silent {
                return Err(locked());
            }
            talk.unlock(&found.locked)?;
            found.unlocked = std::mem::take(&mut found.locked);
        }
        let Some(item) = found.unlocked.first() else { return Ok(None) };
        talk.secret(item, &session)
    }

    fn set(&self, entry: &Entry, token: &Secret, deadline: Instant) -> Result<(), StoreError> {
        let mut talk = self.conversation(deadline)?;
        let session = talk.send_open_session()?;
        let session = talk.session(session)?;
        let collection = talk.default_collection()?;
        talk.unlock(std::slice::from_ref(&collection))?;
        talk.create(&collection, &session, entry, token)?;
        // One entry for each address: one in another collection would be found first.
        let found = talk.search(entry)?;
        let prefix = format!("{collection}/");
        for item in found.unlocked.iter().filter(|item| !item.starts_with(&prefix)) {
            talk.delete(item)?;
        }
        Ok(())
    }

    fn remove(&self, entry: &Entry, deadline: Instant) -> Result<bool, StoreError> {
        let mut talk = self.conversation(deadline)?;
        let found = talk.search(entry)?;
        if !found.locked.is_empty() {
            talk.unlock(&found.locked)?;
        }
        let items: Vec<&String> = found.unlocked.iter().chain(&found.locked).collect();
        for item in &items {
            talk.delete(item)?;
        }
        Ok(!items.is_empty())
    }

    fn entries(&self, deadline: Instant) -> Result<Vec<Entry>, StoreError> {
        let mut talk = self.conversation(deadline)?;
        let found = talk.search_for(&[("application", APPLICATION)])?;
        let mut entries = Vec::new();
        for item in found.unlocked.iter().chain(&found.locked) {
            entries.extend(talk.entry(item)?);
        }
        Ok(entries)
    }
}

/// What a search found, as paths of objects.
#[derive(Debug, Default)]
struct Found {
    unlocked: Vec<String>,
    locked: Vec<String>,
}

struct Conversation {
    bus: Bus,
    limit: Duration,
}

impl Conversation {
    fn call(&mut self, path: &str, interface: &str, name: &str, body: Body) -> Result<Vec<u8>, StoreError> {
        let method = Method { destination: SERVICE, path, interface, name };
        self.bus.call(method, body).map_err(|error| failure(error, self.limit))
    }

    fn service(&mut self, name: &str, body: Body) -> Result<Vec<u8>, StoreError> {
        self.call(ROOT, "org.freedesktop.Secret.Service", name, body)
    }

    /// Asks for a session, and does not wait for it.
    fn send_open_session(&mut self) -> Result<u32, StoreError> {
        let mut body = Body::new("sv");
        body.text("plain").variant_text("");
        let interface = "org.freedesktop.Secret.Service";
        let method = Method { destination: SERVICE, path: ROOT, interface, name: "OpenSession" };
        self.bus.send(method, body).map_err(|error| failure(error, self.limit))
    }

    fn session(&mut self, serial: u32) -> Result<String, StoreError> {
        let answer = self.bus.answer(serial).map_err(|error| failure(error, self.limit))?;
        let read = || {
            let mut cursor = Cursor::new(&answer)?;
            match cursor.signature()? {
                "s" => cursor.text().map(drop)?,
                "ay" => cursor.bytes().map(drop)?,
                _ => return Err(Malformed),
            }
            cursor.text().map(str::to_owned)
        };
        read().map_err(unreadable)
    }

    fn search(&mut self, entry: &Entry) -> Result<Found, StoreError> {
        self.search_for(&attributes(entry))
    }

    fn search_for(&mut self, attributes: &[(&str, &str)]) -> Result<Found, StoreError> {
        let mut body = Body::new("a{ss}");
        body.text_pairs(attributes);
        let answer = self.service("SearchItems", body)?;
        let read = || {
            let mut cursor = Cursor::new(&answer)?;
            let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
            Ok(Found { unlocked: owned(cursor.texts()?), locked: owned(cursor.texts()?) })
        };
        read().map_err(unreadable)
    }

    fn secret(&mut self, item: &str, session: &str) -> Result<Option<Secret>, StoreError> {
        let mut body = Body::new("o");
        body.text(session);
        let answer = self.call(item, "org.freedesktop.Secret.Item", "GetSecret", body)?;
        let read = || {
            let mut cursor = Cursor::new(&answer)?;
            cursor.pad(8)?;
            let _session = cursor.text()?;
            let _parameters = cursor.bytes()?;
            cursor.bytes()
        };
        token_in(read().map_err(unreadable)?)
    }

    fn default_collection(&mut self) -> Result<String, StoreError> {
        let mut body = Body::new("s");
        body.text("default");
        let answer = self.service("ReadAlias", body)?;
        let path = Cursor::new(&answer).and_then(|mut cursor| cursor.text()).map_err(unreadable)?;
        if path != NONE {
            return Ok(path.to_owned());
        }
        // The first secret of this user: the service asks for a password for the new collection.
        let mut body = Body::new("a{sv}s");
        body.array(8, |body| {
            body.pad(8).text("org.freedesktop.Secret.Collection.Label").variant_text("Default keyring");
        });
        body.text("default");
        let answer = self.service("CreateCollection", body)?;
        let read = || {
            let mut cursor = Cursor::new(&answer)?;
            Ok((cursor.text()?.to_owned(), cursor.text()?.to_owned()))
        };
        let (collection, prompt) = read().map_err(unreadable)?;
        if collection != NONE {
            return Ok(collection);
        }
        let result = self.prompt(&prompt)?;
        let mut cursor = Cursor::new(&result).map_err(unreadable)?;
        let read = cursor.flag().and_then(|_| cursor.signature()).and_then(|_| cursor.text());
        read.map(str::to_owned).map_err(unreadable)
    }

    /// Unlocks; the service asks the user for the password where it needs one.
    fn unlock(&mut self, objects: &[String]) -> Result<(), StoreError> {
        let mut body = Body::new("ao");
        body.array(4, |body| {
            for object in objects {
                body.text(object);
            }
        });
        let answer = self.service("Unlock", body)?;
        let read = || {
            let mut cursor = Cursor::new(&answer)?;
            cursor.texts()?;
            cursor.text()
        };
        let prompt = read().map_err(unreadable)?;
        if prompt != NONE {
            self.prompt(prompt)?;
        }
        Ok(())
    }

    fn create(
        &mut self,
        collection: &str,
        session: &str,
        entry: &Entry,
        token: &Secret,
    ) -> Result<(), StoreError> {
        let label = format!("f5-guard: {} token for {}", entry.kind.as_str(), entry.origin);
        let mut body = Body::new("a{sv}(oayays)b");
        body.array(8, |body| {
            body.pad(8).text("org.freedesktop.Secret.Item.Label").variant_text(&label);
            body.pad(8).text("org.freedesktop.Secret.Item.Attributes").signature_of("a{ss}");
            body.text_pairs(&attributes(entry));
        });
        body.pad(8).text(session).bytes(b"").bytes(token.expose().as_bytes()).text("text/plain");
        body.flag(true);
        let answer = self.call(collection, "org.freedesktop.Secret.Collection", "CreateItem", body)?;
        let read = || {
            let mut cursor = Cursor::new(&answer)?;
            cursor.text()?;
            cursor.text()
        };
        self.finish(read().map_err(unreadable)?)
    }

    fn delete(&mut self, item: &str) -> Result<(), StoreError> {
        let answer = self.call(item, "org.freedesktop.Secret.Item", "Delete", Body::default())?;
        let prompt = Cursor::new(&answer).and_then(|mut cursor| cursor.text()).map_err(unreadable)?;
        self.finish(prompt)
    }

    fn entry(&mut self, item: &str) -> Result<Option<Entry>, StoreError> {
        let mut body = Body::new("ss");
        body.text("org.freedesktop.Secret.Item").text("Attributes");
        let answer = self.call(item, "org.freedesktop.DBus.Properties", "Get", body)?;
        let read = || {
            let mut cursor = Cursor::new(&answer)?;
            if cursor.signature()? != "a{ss}" {
                return Err(Malformed);
            }
            cursor.text_pairs()
        };
        let pairs = read().map_err(unreadable)?;
        let value = |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let kind = [Kind::Scan, Kind::Global].into_iter().find(|kind| value("kind") == Some(kind.as_str()));
        Ok(kind.zip(value("address")).map(|(kind, origin)| Entry { kind, origin: origin.to_owned() }))
    }

    fn finish(&mut self, prompt: &str) -> Result<(), StoreError> {
        if prompt == NONE { Ok(()) } else { self.prompt(prompt).map(drop) }
    }

    /// Lets the service ask its question, and waits for the answer.
    fn prompt(&mut self, prompt: &str) -> Result<Vec<u8>, StoreError> {
        let rule = format!("type='signal',interface='org.freedesktop.Secret.Prompt',path='{prompt}'");
        let mut body = Body::new("s");
        body.text(&rule);
        let bus = "org.freedesktop.DBus";
        let method =
            Method { destination: bus, path: "/org/freedesktop/DBus", interface: bus, name: "AddMatch" };
        self.bus.call(method, body).map_err(|error| failure(error, self.limit))?;
        let mut body = Body::new("s");
        body.text("");
        self.call(prompt, "org.freedesktop.Secret.Prompt", "Prompt", body)?;
        let result = self.bus.signal(prompt, "Completed").map_err(|error| failure(error, self.limit))?;
        let dismissed = Cursor::new(&result).and_then(|mut cursor| cursor.flag()).map_err(unreadable)?;
        if dismissed { Err(StoreError::Dismissed) } else { Ok(result) }
    }
}

fn attributes(entry: &Entry) -> [(&str, &str); 3] {
    [("application", APPLICATION), ("kind", entry.kind.as_str()), ("address", &entry.origin)]
}

fn locked() -> StoreError {
    StoreError::Locked {
        fix: "Unlock your keyring: log in to the desktop, or run `f5-guard login --status` there. Where nobody can, \
              run `f5-guard login --file`.",
    }
}

fn unreadable(_: Malformed) -> StoreError {
    StoreError::Failed("its answer could not be read".to_owned())
}

/// Errors whose names help.
const KNOWN: [&str; 9] = [
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.Disconnected",
    "org.freedesktop.DBus.Error.Failed",
    "org.freedesktop.DBus.Error.NotSupported",
    "org.freedesktop.DBus.Error.Spawn.ChildExited",
    "org.freedesktop.DBus.Error.Spawn.ExecFailed",
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.Secret.Error.NoSession",
    "org.freedesktop.Secret.Error.NoSuchObject",
];

fn failure(error: BusError, limit: Duration) -> StoreError {
    match error {
        BusError::NoBus(why) => StoreError::Absent { why },
        BusError::TimedOut => StoreError::Silent { limit },
        BusError::Broken(why) => StoreError::Failed(why),
        BusError::Refused(name) => match name.as_str() {
            "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner"
            | "org.freedesktop.DBus.Error.Spawn.ServiceNotFound" => {
                StoreError::Absent { why: "no Secret Service is running".to_owned() }
            }
            "org.freedesktop.Secret.Error.IsLocked" => locked(),
            "org.freedesktop.DBus.Error.NoReply" | "org.freedesktop.DBus.Error.TimedOut" => {
                StoreError::Silent { limit }
            }
            // Names that are not known could hold anything.
            name => StoreError::Failed(match KNOWN.iter().find(|known| **known == name) {
                Some(known) => format!("it refused with {known}"),
                None => "it refused".to_owned(),
            }),
        },
    }
}
