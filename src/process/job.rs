//! A Windows job object: the one thing that ends a program together with everything it started.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::process::Child;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, TerminateJobObject,
};

/// A job that holds a child and whatever that child starts from now on.
#[derive(Debug)]
pub struct Job(OwnedHandle);

impl Job {
    /// Puts `child` into a new job. What it started before this call, in its first moments, stays outside.
    pub fn of(child: &Child) -> io::Result<Self> {
        // SAFETY: both arguments may be null: default security, and no name.
        let handle = unsafe { CreateJobObjectW(std::ptr::null(), std::ptr::null()) };
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle was just made, is valid, and nobody else owns it.
        let job = Self(unsafe { OwnedHandle::from_raw_handle(handle) });
        // SAFETY: both handles are open for as long as `job` and `child` are borrowed here.
        if unsafe { AssignProcessToJobObject(job.0.as_raw_handle(), child.as_raw_handle()) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(job)
    }

    /// Ends every process of the job.
    pub fn kill(&self, child: &mut Child) {
        // SAFETY: the job's handle is open. It fails only when nothing is left to end.
        unsafe { TerminateJobObject(self.0.as_raw_handle(), 1) };
        let _ = child.kill();
    }
}
