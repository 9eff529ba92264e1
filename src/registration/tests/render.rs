//! `install --print`: exact bytes. To renew the golden files after a wanted change, run with `F5_GUARD_BLESS=1`.

use std::path::Path;

use crate::registration::{Launcher, ManagedDirs, PrintFormat, Registration, RegistrationOptions, render};
use crate::settings::Enforced;
use base64::Engine as _;

fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/render").join(name);
    if std::env::var_os("F5_GUARD_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), actual, "{name}");
}

fn managed() -> (Registration, ManagedDirs) {
    let options = RegistrationOptions {
        matcher: None,
        enforced: Enforced { fail_mode: Some("closed".into()), ..Enforced::default() },
    };
    let unix = Launcher::Unix { binary: "/usr/local/lib/f5-guard/f5-guard".into() };
    let windows = Launcher::Windows { binary: r"C:\ProgramData\F5\f5-guard\f5-guard.exe".into() };
    let dirs = ManagedDirs {
        managed_dir: Some("/usr/local/lib/f5-guard".into()),
        windows_managed_dir: Some(r"C:\ProgramData\F5\f5-guard".into()),
    };
    (Registration::new(&options, &unix, Some(&windows)).unwrap(), dirs)
}

fn portable() -> Registration {
    let windows = Launcher::PortableWindows;
    Registration::new(&RegistrationOptions::default(), &Launcher::PortableUnix, Some(&windows)).unwrap()
}

#[test]
fn the_users_config_toml_is_printed_as_install_writes_it() {
    let text = render(PrintFormat::ConfigToml, &portable(), &ManagedDirs::default()).unwrap();
    golden("config.toml", &text);
}

#[test]
fn hooks_json_is_printed_as_install_writes_it() {
    let text = render(PrintFormat::HooksJson, &portable(), &ManagedDirs::default()).unwrap();
    golden("hooks.json", &text);
}

#[test]
fn requirements_toml_names_the_managed_folders_and_both_systems_commands() {
    let (registration, dirs) = managed();
    let text = render(PrintFormat::RequirementsToml, &registration, &dirs).unwrap();
    golden("requirements.toml", &text);
}

#[test]
fn the_mdm_value_is_requirements_toml_in_base64() {
    let (registration, dirs) = managed();
    let text = render(PrintFormat::MdmBase64, &registration, &dirs).unwrap();
    let decoded = base64::engine::general_purpose::STANDARD.decode(text.trim_end()).unwrap();
    let plain = render(PrintFormat::RequirementsToml, &registration, &dirs).unwrap();
    assert_eq!(String::from_utf8(decoded).unwrap(), plain);
    assert_eq!(text.lines().count(), 1);
}
