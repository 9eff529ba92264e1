//! D-Bus messages as bytes: little end first when written, either when read. Reading never panics, whatever comes.

use super::Method;

/// Bytes that are no D-Bus message, or not the one that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// The arguments of a call: their types and their bytes.
#[derive(Debug, Clone, Default)]
pub struct Body {
    signature: String,
    bytes: Vec<u8>,
}

impl Body {
    /// No arguments yet, of these types.
    pub fn new(signature: &str) -> Self {
        Self { signature: signature.to_owned(), bytes: Vec::new() }
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.pad(4).number(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self
    }

    pub fn flag(&mut self, flag: bool) -> &mut Self {
        self.pad(4).number(usize::from(flag))
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.pad(4).number(bytes.len());
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A variant that holds a text.
    pub fn variant_text(&mut self, text: &str) -> &mut Self {
        self.signature_of("s").text(text)
    }

    /// The type of a variant; its value follows.
    pub fn signature_of(&mut self, signature: &str) -> &mut Self {
        self.bytes.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
        self.bytes.extend_from_slice(signature.as_bytes());
        self.bytes.push(0);
        self
    }

    /// An array whose elements start at multiples of `alignment`.
    pub fn array(&mut self, alignment: usize, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.pad(4);
        let at = self.bytes.len();
        self.number(0).pad(alignment);
        let start = self.bytes.len();
        fill(self);
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self
    }

    /// A dictionary of texts.
    pub fn text_pairs(&mut self, pairs: &[(&str, &str)]) -> &mut Self {
        self.array(8, |body| {
            for (key, value) in pairs {
                body.pad(8).text(key).text(value);
            }
        })
    }

    /// The start of a structure or of a dictionary's entry.
    pub fn pad(&mut self, alignment: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
        self
    }

    fn number(&mut self, number: usize) -> &mut Self {
        // What is written here is our own and small.
        self.bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        self
    }
}

/// The bytes of a method call.
pub fn call(serial: u32, method: Method<'_>, body: &Body) -> Vec<u8> {
    let mut head = Body::default();
    head.bytes.extend([b'l', 1, 0, 1]);
    head.number(body.bytes.len());
    head.bytes.extend_from_slice(&serial.to_le_bytes());
    let fields = [(1, "o", method.path), (2, "s", method.interface), (3, "s", method.name)];
    head.array(8, |head| {
        for (code, kind, value) in fields.into_iter().chain([(6, "s", method.destination)]) {
            head.pad(8).bytes.push(code);
            head.signature_of(kind).text(value);
        }
        if !body.signature.is_empty() {
            head.pad(8).bytes.push(8);
            head.signature_of("g").signature_of(&body.signature);
        }
    });
    head.pad(8);
    head.bytes.extend_from_slice(&body.bytes);
    head.bytes
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Return,
    Error,
    Signal,
    Other,
}

/// A message that came.
#[derive(Debug, Clone)]
pub struct Message {
    pub kind: Kind,
    pub reply_to: Option<u32>,
    /// The name of the error.
    pub error: String,
    pub path: String,
    pub member: String,
    pub body: Vec<u8>,
}

/// The whole length of the message that begins here; `None` while too little of it has come.
pub fn length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(head) = bytes.get(..16) else { return Ok(None) };
    let mut cursor = Cursor::in_message(head)?;
    cursor.at = 4;
    let body = cursor.number()?;
    cursor.at = 12;
    let fields = cursor.number()?;
    let start = fields.checked_add(16).ok_or(Malformed)?.checked_next_multiple_of(8).ok_or(Malformed)?;
    start.checked_add(body).map(Some).ok_or(Malformed)
}

/// Reads one whole message.
pub fn message(bytes: &[u8]) -> Result<Message, Malformed> {
    let mut cursor = Cursor::in_message(bytes)?;
    let kind = match bytes.get(1) {
        Some(2) => Kind::Return,
        Some(3) => Kind::Error,
        Some(4) => Kind::Signal,
        _ => Kind::Other,
    };
    let mut message = Message {
        kind,
        reply_to: None,
        error: String::new(),
        path: String::new(),
        member: String::new(),
        body: Vec::new(),
    };
    cursor.at = 12;
    let end = cursor.number()?.checked_add(16).ok_or(Malformed)?;
    while cursor.at < end {
        cursor.pad(8)?;
        let code = cursor.byte()?;
        let signature = cursor.signature()?;
        match (code, signature) {
            (1, "o") => message.path = cursor.text()?.to_owned(),
            (3, "s") => message.member = cursor.text()?.to_owned(),
            (4, "s") => message.error = cursor.text()?.to_owned(),
            (5, "u") => message.reply_to = Some(u32::try_from(cursor.number()?).map_err(|_| Malformed)?),
            (_, "s" | "o") => drop(cursor.text()?),
            (_, "g") => drop(cursor.signature()?),
            (_, "u") => drop(cursor.number()?),
            _ => return Err(Malformed),
        }
    }
    cursor.pad(8)?;
    // The arguments' own order of bytes is that of the message; they are handed on with its mark before them.
    message.body = vec![if cursor.big { b'B' } else { b'l' }, 0, 0, 0, 0, 0, 0, 0];
    message.body.extend_from_slice(bytes.get(cursor.at..).ok_or(Malformed)?);
    Ok(message)
}

/// Reads values one after the other.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    big: bool,
}

impl<'a> Cursor<'a> {
    /// At the first argument of an answer's body.
    pub fn new(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Self::in_message(body)?;
        // Eight bytes, so that everything stands where it would in the message.
        cursor.at = 8;
        Ok(cursor)
    }

    fn in_message(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match bytes.first() {
            Some(b'l') => Ok(Self { bytes, at: 0, big: false }),
            Some(b'B') => Ok(Self { bytes, at: 0, big: true }),
            _ => Err(Malformed),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(Malformed)?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed)?;
        self.at = end;
        Ok(taken)
    }

    /// The start of a structure or of a dictionary's entry.
    pub fn pad(&mut self, alignment: usize) -> Result<(), Malformed> {
        let to = self.at.checked_next_multiple_of(alignment).ok_or(Malformed)?;
        self.take(to - self.at).map(drop)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(Malformed)
    }

    fn number(&mut self) -> Result<usize, Malformed> {
        self.pad(4)?;
        let bytes: [u8; 4] = self.take(4)?.try_into().map_err(|_| Malformed)?;
        let number = if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        usize::try_from(number).map_err(|_| Malformed)
    }

    pub fn flag(&mut self) -> Result<bool, Malformed> {
        Ok(self.number()? != 0)
    }

    /// A text or an object's path.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.number()?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Malformed)?;
        self.take(1)?;
        Ok(text)
    }

    /// The type of a variant; its value follows.
    pub fn signature(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::from(self.byte()?);
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Malformed)?;
        self.take(1)?;
        Ok(text)
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number()?;
        self.take(length)
    }

    /// The elements of an array of texts.
    pub fn texts(&mut self) -> Result<Vec<&'a str>, Malformed> {
        let length = self.number()?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(Malformed)?;
        let mut texts = Vec::new();
        while self.at < end {
            texts.push(self.text()?);
        }
        Ok(texts)
    }

    /// The entries of a dictionary of texts.
    pub fn text_pairs(&mut self) -> Result<Vec<(&'a str, &'a str)>, Malformed> {
        let length = self.number()?;
        self.pad(8)?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(Malformed)?;
        let mut pairs = Vec::new();
        while self.at < end {
            self.pad(8)?;
            pairs.push((self.text()?, self.text()?));
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arguments(body: &Body) -> Vec<u8> {
        [b"l\0\0\0\0\0\0\0".as_slice(), &body.bytes].concat()
    }

    #[test]
    fn a_call_has_the_bytes_of_the_specification() {
        let method = Method { destination: "d", path: "/p", interface: "i", name: "n" };
        let mut body = Body::new("s");
        body.text("ab");
        let bytes = call(7, method, &body);
        let head: &[u8] = &[
            b'l', 1, 0, 1, 7, 0, 0, 0, 7, 0, 0, 0, 71, 0, 0, 0, //
            1, 1, b'o', 0, 2, 0, 0, 0, b'/', b'p', 0, 0, 0, 0, 0, 0, //
            2, 1, b's', 0, 1, 0, 0, 0, b'i', 0, 0, 0, 0, 0, 0, 0, //
            3, 1, b's', 0, 1, 0, 0, 0, b'n', 0, 0, 0, 0, 0, 0, 0, //
            6, 1, b's', 0, 1, 0, 0, 0, b'd', 0, 0, 0, 0, 0, 0, 0, //
            8, 1, b'g', 0, 1, b's', 0, 0, //
            2, 0, 0, 0, b'a', b'b', 0,
        ];
        assert_eq!(bytes, head);
        assert_eq!(length(&bytes), Ok(Some(bytes.len())));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut body = Body::new("a{ss}aosbay");
        body.text_pairs(&[("a", "bc"), ("def", "")]);
        body.array(4, |body| {
            body.text("/x").text("/yz");
        });
        body.text("end").flag(true).bytes(b"\0\xff");
        let bytes = arguments(&body);
        let mut cursor = Cursor::new(&bytes).unwrap();
        assert_eq!(cursor.text_pairs().unwrap(), [("a", "bc"), ("def", "")]);
        assert_eq!(cursor.texts().unwrap(), ["/x", "/yz"]);
        assert_eq!((cursor.text(), cursor.flag(), cursor.bytes()), (Ok("end"), Ok(true), Ok(&b"\0\xff"[..])));
        assert_eq!(cursor.text(), Err(Malformed));
    }

    #[test]
    fn numbers_with_the_big_end_first_are_read_too() {
        let bytes = [&b"B\0\0\0\0\0\0\0"[..], &[0, 0, 0, 2, b'h', b'i', 0]].concat();
        assert_eq!(Cursor::new(&bytes).unwrap().text(), Ok("hi"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
            begin in any::<bool>(),
        ) {
            if begin {
                let start = [b'l', 2, 0, 1, 4, 0, 0, 0, 1, 0, 0, 0];
                bytes.splice(0..0, start);
            }
            let _ = length(&bytes);
            if let Ok(message) = message(&bytes) {
                let mut cursor = Cursor::new(&message.body).unwrap();
                let _ = (cursor.text_pairs(), cursor.texts(), cursor.signature(), cursor.bytes(), cursor.flag());
            }
        }
    }
}
