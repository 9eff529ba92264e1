//! Access lists.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use super::{Changeable, Writers};
use crate::windows::access::{Audience, How, Writer, writers as writers_of};
use crate::windows::api;

/// What does not exist yet counts as we would create it: nobody can tell otherwise what others could do before that, and
/// [`crate::windows::protected_folder`] judges what came of it.
pub(super) fn writers(path: &Path) -> Writers {
    let descriptor = |place: &Path| match place.exists() {
        true => api::descriptor(place),
        false => Ok(Audience::Everyone.sddl()),
    };
    verdict(writers_of(path, &Audience::Everyone, &descriptor))
}

/// No bit makes a folder that everybody can write to safe here.
pub(super) fn writers_of_the_way(path: &Path) -> Writers {
    writers(path)
}

pub(super) fn writers_beside_us(path: &Path) -> Writers {
    verdict(api::user_sid().and_then(|own| writers_of(path, &Audience::User(own), &api::descriptor)))
}

/// By its owner: what administrators create is theirs as a group.
pub(super) fn is_ours(place: &Path) -> Result<(), Changeable> {
    let place = existing(place);
    let refused = |why: String| Changeable { path: place.to_owned(), why };
    let own = api::user_sid().map_err(|error| refused(error.to_string()))?;
    let found = writers_of(place, &Audience::User(own), &api::descriptor)
        .map_err(|error| refused(error.to_string()))?;
    match found.into_iter().find(|writer| writer.how == How::Owner && writer.path == place) {
        Some(owner) => Err(refused(words(&owner))),
        None => Ok(()),
    }
}

/// Programs here are no scripts.
pub(super) fn interpreter(_program: &Path) -> Result<(), Changeable> {
    Ok(())
}

pub(super) fn is_ours_alone(_file: &Metadata) -> io::Result<()> {
    Ok(())
}

fn existing(path: &Path) -> &Path {
    path.ancestors().find(|place| place.exists()).unwrap_or(path)
}

fn verdict(found: io::Result<Vec<Writer>>) -> Writers {
    match found {
        Err(error) => Writers::CannotTell(error.to_string()),
        Ok(found) if found.is_empty() => Writers::Administrators,
        Ok(found) => {
            let mut why: Vec<String> = found.iter().map(words).collect();
            why.dedup();
            Writers::Others(why)
        }
    }
}

fn words(writer: &Writer) -> String {
    let place = writer.path.display();
    match writer.how {
        How::Granted => format!("{} may change {place}", writer.trustee),
        How::Owner => format!("{} owns {place}", writer.trustee),
        How::NoList => format!("{place} has no access list"),
    }
}
