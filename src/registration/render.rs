//! The registration as a whole document, for `--print`: for the cloud Policies page, MDM and set-ups by hand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::definition::Registration;
use super::document::install;
use super::error::DocumentError;
use super::owner::KnownBinaries;
use super::plan::{ManagedDirs, Wanted};
use crate::codex::layers::ConfigFormat;

/// What `--print` can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PrintFormat {
    ConfigToml,
    HooksJson,
    /// Also what the cloud's Policies page takes
    RequirementsToml,
    /// The value of the macOS key com.openai.codex:requirements_toml_base64
    MdmBase64,
}

/// Renders a registration. `managed_dirs` only matters to the two forms of `requirements.toml`.
///
/// # Errors
/// [`DocumentError::NotEquivalent`] where the rendering could not be read back.
pub fn render(
    format: PrintFormat,
    registration: &Registration,
    managed_dirs: &ManagedDirs,
) -> Result<String, DocumentError> {
    let file = match format {
        PrintFormat::ConfigToml => ConfigFormat::ConfigToml,
        PrintFormat::HooksJson => ConfigFormat::HooksJson,
        PrintFormat::RequirementsToml | PrintFormat::MdmBase64 => ConfigFormat::RequirementsToml,
    };
    let managed = file == ConfigFormat::RequirementsToml;
    let wanted = Wanted {
        registration: Some(registration.clone()),
        hooks_feature: file != ConfigFormat::HooksJson,
        managed_dirs: if managed { managed_dirs.clone() } else { ManagedDirs::default() },
        ..Wanted::default()
    };
    let text = install(file, None, &wanted, &KnownBinaries::default())?.text.unwrap_or_default();
    Ok(match format {
        PrintFormat::MdmBase64 => format!("{}\n", STANDARD.encode(text)),
        _ => text,
    })
}
