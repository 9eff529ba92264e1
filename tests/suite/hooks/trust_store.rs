//! Hooks over TLS with the roots of Windows' certificate store.

use f5_stand_in::f5::{F5, Verdict};
use schannel::cert_context::CertContext;
use schannel::cert_store::{CertAdd, CertStore};

use crate::support::Hook;

/// A root in the machine's store, until it goes. Of the machine, because for the user's own Windows asks on the screen.
struct Trusted(CertContext);

impl Trusted {
    fn new(pem: &str) -> Self {
        let certificate = CertContext::from_pem(pem).expect("a certificate");
        roots().add_cert(&certificate, CertAdd::Always).expect("an administrator may add a root");
        Self(certificate)
    }
}

impl Drop for Trusted {
    fn drop(&mut self) {
        let store = roots();
        let ours = store.certs().find(|root| root.to_der() == self.0.to_der());
        ours.expect("the root is there").delete().expect("the root is removed");
    }
}

/// Opened anew for each change, which is written as the store closes.
fn roots() -> CertStore {
    CertStore::open_local_machine("Root").expect("the machine's roots")
}

fn hook(api: &F5) -> Hook {
    Hook::pre_tool_use().closed().against(api).without("F5_GUARDRAILS_CA_BUNDLE")
}

#[test]
#[ignore = "adds a root to the machine's certificate store for a moment; asked for by name where that does no harm"]
fn a_root_in_the_windows_store_is_trusted() {
    let api = F5::builder().tls().always(Verdict::cleared()).start();
    hook(&api).run().blocked().says(&["certificate"]);
    let _trusted = Trusted::new(api.ca_pem());
    hook(&api).run().allowed();
}
