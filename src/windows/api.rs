//! The calls of the operating system that the standard library does not offer, each behind a safe function.
//!
//! Nothing is decided here. Job objects, which need a handle's care for longer, are in [`crate::codex`].

use std::ffi::{OsString, c_void};
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::io::RawHandle;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, LocalFree, MAX_PATH};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW, SDDL_REVISION_1,
    SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GetTokenInformation, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR,
    SECURITY_ATTRIBUTES, TOKEN_ELEVATION, TOKEN_QUERY, TOKEN_USER, TokenElevation, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, CreateDirectoryW, GetFileInformationByHandle, GetShortPathNameW,
    MOVEFILE_DELAY_UNTIL_REBOOT, MoveFileExW,
};
use windows_sys::Win32::System::Console::{GetConsoleCP, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Pipes::PeekNamedPipe;
use windows_sys::Win32::System::Registry::{
    HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE, REG_DWORD, RRF_RT_REG_DWORD, RRF_RT_REG_SZ, RegGetValueW,
};
use windows_sys::Win32::System::SystemInformation::GetTickCount64;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// How long the machine has been running.
#[must_use]
pub fn uptime() -> std::time::Duration {
    // SAFETY: it takes nothing and can't fail.
    std::time::Duration::from_millis(unsafe { GetTickCount64() })
}

/// The 8.3 form of an existing path; the path as it is where the volume keeps no short names.
///
/// # Errors
/// The path does not exist or can't be read.
pub fn short_path(path: &Path) -> io::Result<PathBuf> {
    let long = wide(path)?;
    let mut short = vec![0_u16; MAX_PATH as usize];
    loop {
        let room = u32::try_from(short.len()).unwrap_or(u32::MAX);
        // SAFETY: `long` ends with a NUL and `short` has `room` elements; both outlive the call.
        let length = unsafe { GetShortPathNameW(long.as_ptr(), short.as_mut_ptr(), room) };
        match usize::try_from(length).unwrap_or(0) {
            0 => return Err(io::Error::last_os_error()),
            // Too small: the length that is needed, with the NUL.
            length if length > short.len() => short.resize(length, 0),
            length => return Ok(path_of(&short, length)),
        }
    }
}

/// Which file is open: the serial number of its volume, and its index there.
///
/// # Errors
/// The system's.
pub fn file_id(file: RawHandle) -> io::Result<(u32, u64)> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: `found` outlives the call, and a handle that is not a file's is an error.
    if unsafe { GetFileInformationByHandle(file, &raw mut found) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((found.dwVolumeSerialNumber, u64::from(found.nFileIndexHigh) << 32 | u64::from(found.nFileIndexLow)))
}

/// `%ProgramData%`, asked of the system: the variable can be set by anybody who starts a process.
///
/// From the registry's list of profiles, where `FOLDERID_ProgramData`, which Codex asks for, has it from; asking for
/// that would load shell32.dll into each hook.
///
/// # Errors
/// The registry can't be read; Codex takes `C:\ProgramData` then.
pub fn program_data() -> io::Result<PathBuf> {
    let key = wide(Path::new(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"))?;
    let name = wide(Path::new("ProgramData"))?;
    let mut folder = vec![0_u16; 1024];
    let mut bytes = u32::try_from(size_of_val(folder.as_slice())).unwrap_or(0);
    // SAFETY: `key` and `name` end with a NUL, `folder` has `bytes` bytes; the kind of value found is not wanted.
    // RRF_RT_REG_SZ has variables in the value expanded.
    let error = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            name.as_ptr(),
            RRF_RT_REG_SZ,
            null_mut(),
            folder.as_mut_ptr().cast(),
            &mut bytes,
        )
    };
    succeeded(error)?;
    let length = folder.iter().position(|&unit| unit == 0).unwrap_or(folder.len());
    Ok(path_of(&folder, length))
}

/// A value of the user's part of the registry as text; a number in digits. `None` where there is none.
pub fn user_setting(key: &str, name: &str) -> Option<String> {
    let (key, name) = (wide(Path::new(key)).ok()?, wide(Path::new(name)).ok()?);
    let mut units = vec![0_u16; 8192];
    let mut bytes = u32::try_from(size_of_val(units.as_slice())).unwrap_or(0);
    let mut kind = 0;
    // SAFETY: `key` and `name` end with a NUL, `units` has `bytes` bytes.
    let error = unsafe {
        RegGetValueW(
            HKEY_CURRENT_USER,
            key.as_ptr(),
            name.as_ptr(),
            RRF_RT_REG_SZ | RRF_RT_REG_DWORD,
            &mut kind,
            units.as_mut_ptr().cast(),
            &mut bytes,
        )
    };
    succeeded(error).ok()?;
    if kind == REG_DWORD {
        let number = u32::from(*units.first()?) | u32::from(*units.get(1)?) << 16;
        return Some(number.to_string());
    }
    let length = units.iter().position(|&unit| unit == 0).unwrap_or(units.len());
    Some(String::from_utf16_lossy(units.get(..length)?))
}

/// Owner and access list of a file or folder, as SDDL.
///
/// # Errors
/// It does not exist, or the process may not read them.
pub fn descriptor(path: &Path) -> io::Result<String> {
    let name = wide(path)?;
    let mut descriptor: PSECURITY_DESCRIPTOR = null_mut();
    let parts = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    // SAFETY: `name` ends with a NUL; the parts that are not wanted may be null; `descriptor` receives memory that
    // `Local` frees.
    let error = unsafe {
        GetNamedSecurityInfoW(
            name.as_ptr(),
            SE_FILE_OBJECT,
            parts,
            null_mut(),
            null_mut(),
            null_mut(),
            null_mut(),
            &mut descriptor,
        )
    };
    succeeded(error)?;
    let descriptor = Local(descriptor);
    let mut text: *mut u16 = null_mut();
    // SAFETY: the descriptor comes from the call above and lives; `text` receives memory that `Local` frees.
    let done = unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor.0,
            SDDL_REVISION_1,
            parts,
            &mut text,
            null_mut(),
        )
    };
    checked(done)?;
    Ok(text_of(&Local(text.cast())))
}

/// Creates a folder that has the owner and access list of `sddl` from its first moment on.
///
/// # Errors
/// It exists, its parent does not, or the process may not give it that owner.
pub fn create_folder(path: &Path, sddl: &str) -> io::Result<()> {
    let name = wide(path)?;
    let sddl: Vec<u16> = sddl.encode_utf16().chain([0]).collect();
    let mut descriptor: PSECURITY_DESCRIPTOR = null_mut();
    // SAFETY: `sddl` ends with a NUL; `descriptor` receives memory that `Local` frees; the size is not wanted.
    let done = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            sddl.as_ptr(),
            SDDL_REVISION_1,
            &mut descriptor,
            null_mut(),
        )
    };
    checked(done)?;
    let descriptor = Local(descriptor);
    let attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(0),
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    // SAFETY: `name` ends with a NUL; `attributes` and the descriptor it points to outlive the call.
    checked(unsafe { CreateDirectoryW(name.as_ptr(), &attributes) })
}

/// Whether the process has administrator's rights in force, not only at hand.
///
/// # Errors
/// The process can't read its own token.
pub fn is_elevated() -> io::Result<bool> {
    let token = Token::of_this_process()?;
    let mut elevation = TOKEN_ELEVATION { TokenIsElevated: 0 };
    let mut length = 0;
    // SAFETY: the buffer is a `TOKEN_ELEVATION` of the size given, as this class of information asks for.
    let done = unsafe {
        GetTokenInformation(
            token.0,
            TokenElevation,
            (&raw mut elevation).cast(),
            u32::try_from(size_of::<TOKEN_ELEVATION>()).unwrap_or(0),
            &mut length,
        )
    };
    checked(done)?;
    Ok(elevation.TokenIsElevated != 0)
}

/// The SID of the user that the process runs as, in its text form `S-1-…`.
///
/// # Errors
/// The process can't read its own token.
pub fn user_sid() -> io::Result<String> {
    let token = Token::of_this_process()?;
    let mut length = 0;
    // SAFETY: without a buffer the call only tells the length that it needs.
    unsafe { GetTokenInformation(token.0, TokenUser, null_mut(), 0, &mut length) };
    // Of u64, so that the structure at its begin is aligned.
    let mut buffer = vec![0_u64; usize::try_from(length).unwrap_or(0).div_ceil(8).max(1)];
    // SAFETY: the buffer has at least `length` bytes.
    checked(unsafe {
        GetTokenInformation(token.0, TokenUser, buffer.as_mut_ptr().cast(), length, &mut length)
    })?;
    let mut text: *mut u16 = null_mut();
    // SAFETY: the call above put a `TOKEN_USER` at the begin of the aligned buffer, whose SID lies in the same
    // buffer; `text` receives memory that `Local` frees.
    checked(unsafe { ConvertSidToStringSidW((*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid, &mut text) })?;
    Ok(text_of(&Local(text.cast())))
}

/// Has a file deleted when the system starts the next time.
///
/// # Errors
/// Only administrators may ask for it.
pub fn delete_at_next_start(path: &Path) -> io::Result<()> {
    let name = wide(path)?;
    // SAFETY: `name` ends with a NUL; no new name means that the file is to be deleted.
    checked(unsafe { MoveFileExW(name.as_ptr(), null(), MOVEFILE_DELAY_UNTIL_REBOOT) })
}

/// Whether from here on Ctrl-C is ignored. Ctrl-Break and closing the window still end the process.
///
/// # Errors
/// The system refuses.
pub fn ignore_ctrl_c(ignore: bool) -> io::Result<()> {
    // SAFETY: without a handler the call sets the process's own "ignore" mark.
    checked(unsafe { SetConsoleCtrlHandler(None, i32::from(ignore)) })
}

/// How many bytes can be read from a pipe without waiting.
///
/// # Errors
/// It is no pipe, or its other end is closed and all is read.
pub fn waiting_in_pipe(pipe: RawHandle) -> io::Result<usize> {
    let mut waiting = 0;
    // SAFETY: nothing is copied; `waiting` outlives the call. A handle that is none makes the call fail.
    checked(unsafe { PeekNamedPipe(pipe, null_mut(), 0, null_mut(), &mut waiting, null_mut()) })?;
    Ok(usize::try_from(waiting).unwrap_or(usize::MAX))
}

/// Whether this process has a console, shown or not.
pub fn has_console() -> bool {
    // SAFETY: no memory is passed. Only a process without a console has no input code page.
    unsafe { GetConsoleCP() != 0 }
}

/// The token of a process, closed when it goes.
struct Token(HANDLE);

impl Token {
    fn of_this_process() -> io::Result<Self> {
        let mut token: HANDLE = null_mut();
        // SAFETY: the pseudo handle of this process needs no closing; `token` receives a handle that `Drop` closes.
        checked(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) })?;
        Ok(Self(token))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by `of_this_process` and is closed once.
        unsafe { CloseHandle(self.0) };
    }
}

/// Memory that the system handed out and wants back.
struct Local(*mut c_void);

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: the pointer comes from a call that documents `LocalFree` for it, and is freed once.
        unsafe { LocalFree(self.0) };
    }
}

/// A text that the system handed out.
fn text_of(text: &Local) -> String {
    let start = text.0.cast::<u16>().cast_const();
    let mut length = 0;
    // SAFETY: the system ends the text with a NUL, and nothing behind that is read.
    let units = unsafe {
        while *start.add(length) != 0 {
            length += 1;
        }
        std::slice::from_raw_parts(start, length)
    };
    String::from_utf16_lossy(units)
}

/// For calls that return their error.
fn succeeded(error: u32) -> io::Result<()> {
    match i32::try_from(error).unwrap_or(i32::MAX) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// For calls that return whether they succeeded.
pub(super) fn checked(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn path_of(units: &[u16], length: usize) -> PathBuf {
    OsString::from_wide(units.get(..length).unwrap_or(units)).into()
}

/// A path for the system, ended by a NUL.
fn wide(path: &Path) -> io::Result<Vec<u16>> {
    let mut units: Vec<u16> = path.as_os_str().encode_wide().collect();
    if units.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    units.push(0);
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::access::Audience;

    #[test]
    fn program_data_is_an_absolute_folder_that_exists() {
        let folder = program_data().unwrap();
        assert!(folder.is_absolute() && folder.is_dir(), "{}", folder.display());
        assert_eq!(std::env::var_os("ProgramData").map(PathBuf::from), Some(folder));
    }

    #[test]
    fn the_users_sid_owns_what_the_user_creates_or_the_administrators_do() {
        let dir = tempfile::tempdir().unwrap();
        let sid = user_sid().unwrap();
        assert!(sid.starts_with("S-1-"), "{sid}");
        let descriptor = descriptor(dir.path()).unwrap();
        let owner = descriptor.strip_prefix("O:").and_then(|rest| rest.split(['G', 'D']).next()).unwrap();
        assert!([sid.as_str(), "BA", "LA"].contains(&owner), "{descriptor} of {sid}");
    }

    #[test]
    fn the_process_knows_whether_it_is_elevated() {
        is_elevated().unwrap();
    }

    #[test]
    fn the_descriptors_of_both_audiences_are_read_by_the_system() {
        let dir = tempfile::tempdir().unwrap();
        let user = Audience::User(user_sid().unwrap());
        create_folder(&dir.path().join("user"), &user.sddl()).unwrap();
        // Only administrators may make administrators the owner.
        if is_elevated().unwrap() {
            create_folder(&dir.path().join("everyone"), &Audience::Everyone.sddl()).unwrap();
            assert!(dir.path().join("everyone").is_dir());
        }
        assert!(dir.path().join("user").is_dir());
        assert!(create_folder(&dir.path().join("nonsense"), "D:(A;;XX;;;BA)").is_err());
    }

    #[test]
    fn what_is_not_there_has_no_short_form_and_no_descriptor() {
        let missing = Path::new(r"C:\there is no such folder\x");
        assert_eq!(short_path(missing).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(descriptor(missing).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_nul_in_a_path_is_refused_and_not_cut_off() {
        assert_eq!(short_path(Path::new("C:\\a\0b")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
