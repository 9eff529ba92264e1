use f5_guard::registration::*;
fn main() {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap();
    let places = OurPlaces { binaries: vec!["/opt/f5/f5-guard".into()] };
    let launcher = if mode == "portable" {
        Launcher::PortableUnix
    } else {
        Launcher::Unix { binary: "/opt/f5/f5-guard".into() }
    };
    let win = Launcher::PortableWindows;
    let reg = |o: &RegistrationOptions| {
        Registration::new(o, &launcher, (mode == "portable").then_some(&win)).unwrap()
    };
    let (mut ok, mut refused, mut bad) = (0, 0, 0);
    for path in args {
        let bytes = std::fs::read(&path).unwrap();
        let file = if path.ends_with(".json") {
            ConfigFile::HooksJson
        } else if path.contains("requirements") {
            ConfigFile::RequirementsToml
        } else {
            ConfigFile::ConfigToml
        };
        let w = |o: &RegistrationOptions| Wanted {
            registration: Some(reg(o)),
            hooks_feature: file != ConfigFile::HooksJson,
            managed_dirs: ManagedDirs::default(),
        };
        let d = RegistrationOptions::default();
        match install(file, Some(&bytes), &w(&d), &places) {
            Err(e) => {
                refused += 1;
                println!("REFUSED {path}: {e}");
            }
            Ok(i) => {
                let t = i.text.unwrap();
                if mode == "write" || mode == "portable" {
                    std::fs::write(&path, &t).unwrap();
                    continue;
                }
                let again = install(file, Some(t.as_bytes()), &w(&d), &places).unwrap();
                let c = RegistrationOptions { fail_mode: Some("closed".into()), ..d.clone() };
                let r = renew_record(file, Some(&bytes), &t, &RemovalScope::default(), &places).unwrap();
                let up = install(file, Some(t.as_bytes()), &w(&c), &places).unwrap().text.unwrap();
                let r2 = renew_record(
                    file,
                    Some(t.as_bytes()),
                    &up,
                    &RemovalScope { record: Some(&r), ..Default::default() },
                    &places,
                )
                .unwrap();
                let back = remove(
                    file,
                    up.as_bytes(),
                    &RemovalScope { record: Some(&r2), ..Default::default() },
                    &places,
                )
                .unwrap();
                let bare = remove(file, t.as_bytes(), &RemovalScope::default(), &places).unwrap();
                let same = back.text.unwrap_or_default().as_bytes() == bytes;
                let bare_same = bare.text.unwrap_or_default().as_bytes() == bytes;
                if again.changed || !same || !i.moved.is_empty() {
                    bad += 1;
                    println!("BAD {path} again={} same={same} moved={:?}", again.changed, i.moved);
                } else {
                    ok += 1;
                }
                if !bare_same {
                    println!("  (without record differs: {path})");
                }
            }
        }
    }
    println!("ok {ok} refused {refused} bad {bad}");
}
