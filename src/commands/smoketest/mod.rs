//! `f5-guard smoketest`: does a scan work here, with the settings that the hooks would use?
//!
//! Takes the steps that a hook call takes, one by one, and says what works. The fail mode has no say in it: content
//! that could not be scanned is a failure, in `open` mode too.

mod checks;
mod diagnosis;
mod report;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(super) use checks::{Checks, SLOW_STORE, Scan, load_tls, outcome_by_scanners};
use report::{Format, Report};

use crate::cli::{SmoketestArgs, VerboseHttp};
use crate::commands::progress::Progress;
use crate::commands::registered::Registered;
use crate::logging;
use crate::secret::Hidden;
use crate::settings::{Settings, Source};
use crate::system::PROCESS_ENV;
use crate::terminal::Paint;
use crate::token;
use crate::transport::watch::Watch;
use crate::transport::{Bodies, ExchangeLog};

/// What is scanned: harmless, and the same text as the Python integration's.
pub const PROMPT: &str = "Hello, this is a test prompt.";
/// The log file gets no more time than this.
const LOG_TIME: Duration = Duration::from_millis(200);

/// Runs the smoke test. Exit code 0 when everything works (or with `--no-fail`), else 1.
pub fn run(args: &SmoketestArgs) -> ExitCode {
    logging::quiet_panics();
    let registered = Registered::find(PROCESS_ENV);
    let enforced = args.enforced.clone().or_registered(registered.as_ref());
    let mut settings = Settings::read(&enforced, PROCESS_ENV);
    let deadline = Instant::now() + settings.budget().limit;
    let token_problem = token::complete(&mut settings, PROCESS_ENV, deadline).err();
    let hidden = Hidden::default();
    settings.api_token.iter().for_each(|token| hidden.learn(token));
    // The report says what is wrong; the log is for those who asked for one.
    let log = (settings.log.level.source != Source::Default)
        .then(|| logging::init(&settings.log, logging::Stderr::Immediate, &hidden));
    let format = if args.json { Format::Json } else { Format::Text(Paint::for_stdout()) };
    let record = args.verbose_http.map(|verbose| {
        let bodies = match verbose {
            VerboseHttp::Heads => Bodies::SizesOnly,
            VerboseHttp::Body => Bodies::Kept,
        };
        ExchangeLog::new(bodies, settings.api_token.value.iter().cloned().collect())
    });

    let mut report = Report::start(format, hidden);
    let mut checks = Checks::new(&settings, PROCESS_ENV);
    settings.problems().for_each(|problem| report.warn(problem));
    report.step(checks.token(token_problem));
    report.step(checks.hook_binary());
    report.step(checks.base_url(registered.as_ref()));
    report.step(checks.trust());
    report.step(checks.proxy());
    if let Some(outage) = checks.outage() {
        report.warn(&format!("{outage} This test tries at once; if it succeeds, they scan again."));
    }
    let watch = Watch::default();
    let progress = Progress::start("smoketest");
    progress.says("waits for the scan of a greeting");
    let scan = checks.scan(PROMPT, record.clone(), watch.clone());
    drop(progress);
    if args.tls_diagnostics {
        let asked = diagnosis::Asked { host: args.tls_host.as_deref(), port: args.tls_port };
        match diagnosis::run(&settings, &asked, &scan, &watch, PROCESS_ENV, &mut |words| {
            report.announce(words)
        }) {
            Ok(found) => report.diagnosis(found),
            Err(why) => report.warn(&why),
        }
    }
    report.exchanges(record.map(|record| record.exchanges()));
    report.scan(scan, settings.origins());

    let passed = report.finish();
    if let Some(log) = log {
        log.flush_within(LOG_TIME);
    }
    // Nothing can be done about a closed terminal.
    let _ = io::stdout().flush();
    if passed || args.no_fail { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
