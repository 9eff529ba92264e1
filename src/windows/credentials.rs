//! The calls of the Credential Manager, each behind a safe function. Nothing is decided here.

use std::io;
use std::ptr::{null_mut, slice_from_raw_parts};

use windows_sys::Win32::Security::Credentials::{
    CRED_MAX_CREDENTIAL_BLOB_SIZE, CRED_PERSIST_LOCAL_MACHINE, CRED_TYPE_GENERIC, CREDENTIALW, CredDeleteW,
    CredEnumerateW, CredFree, CredReadW, CredWriteW,
};

use super::api::checked;

/// The secret under a name.
///
/// # Errors
/// `ERROR_NOT_FOUND` (1168) where there is none.
pub fn read(name: &str) -> io::Result<Vec<u8>> {
    let name = wide(name);
    let mut found: *mut CREDENTIALW = null_mut();
    // SAFETY: `name` ends with a NUL; `found` receives memory that `Freed` gives back.
    checked(unsafe { CredReadW(name.as_ptr(), CRED_TYPE_GENERIC, 0, &mut found) })?;
    let found = Freed(found);
    // SAFETY: the call above succeeded, so `found` points to a credential whose blob has the size that it names.
    unsafe {
        let (blob, size) = ((*found.0).CredentialBlob, (*found.0).CredentialBlobSize);
        if blob.is_null() {
            return Ok(Vec::new());
        }
        Ok((*slice_from_raw_parts(blob, usize::try_from(size).unwrap_or(0))).to_vec())
    }
}

/// Adds a secret, or replaces it: for this user, on this machine.
///
/// # Errors
/// It is too long for the Credential Manager, or the system refuses.
pub fn write(name: &str, user: &str, secret: &[u8]) -> io::Result<()> {
    let size = u32::try_from(secret.len()).unwrap_or(u32::MAX);
    if size > CRED_MAX_CREDENTIAL_BLOB_SIZE {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (mut name, mut user, mut secret) = (wide(name), wide(user), secret.to_vec());
    let credential = CREDENTIALW {
        Type: CRED_TYPE_GENERIC,
        TargetName: name.as_mut_ptr(),
        CredentialBlobSize: size,
        CredentialBlob: secret.as_mut_ptr(),
        Persist: CRED_PERSIST_LOCAL_MACHINE,
        UserName: user.as_mut_ptr(),
        ..CREDENTIALW::default()
    };
    // SAFETY: the texts end with a NUL, the blob has the size named, and all of them outlive the call.
    checked(unsafe { CredWriteW(&credential, 0) })
}

/// Deletes the secret under a name.
pub fn delete(name: &str) -> io::Result<()> {
    let name = wide(name);
    // SAFETY: `name` ends with a NUL.
    checked(unsafe { CredDeleteW(name.as_ptr(), CRED_TYPE_GENERIC, 0) })
}

/// The names that fit a filter such as `begin*`.
pub fn names(filter: &str) -> io::Result<Vec<String>> {
    let filter = wide(filter);
    let mut count = 0;
    let mut found: *mut *mut CREDENTIALW = null_mut();
    // SAFETY: `filter` ends with a NUL; `found` receives memory that `Freed` gives back.
    checked(unsafe { CredEnumerateW(filter.as_ptr(), 0, &mut count, &mut found) })?;
    let found = Freed(found);
    let mut names = Vec::new();
    for index in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the call above succeeded, so `found` points to `count` credentials, each with a name that ends with
        // a NUL.
        let name = unsafe {
            let name = (**found.0.add(index)).TargetName;
            let mut length = 0;
            while *name.add(length) != 0 {
                length += 1;
            }
            String::from_utf16_lossy(&*slice_from_raw_parts(name, length))
        };
        names.push(name);
    }
    Ok(names)
}

/// Memory of the Credential Manager.
struct Freed<T>(*mut T);

impl<T> Drop for Freed<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer comes from a call that documents `CredFree` for it, and is freed once.
        unsafe { CredFree(self.0.cast()) };
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().filter(|unit| *unit != 0).chain([0]).collect()
}
