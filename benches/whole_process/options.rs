//! The benchmark's own command line.

use std::path::PathBuf;

use crate::budget::Purpose;

/// What `--help` prints.
pub const HELP: &str = "\
cargo bench -- [OPTION ...]

  --rounds N        how often every quick case runs; slow ones run less often [40]
  --only TEXT       only the cases whose name holds TEXT (targets that lack a case are not judged)
  --json FILE       write the figures to FILE
  --compare FILE    compare with the figures of an earlier run
  --strict          exit 1 where a target is missed
  --binary FILE     measure this binary instead of the one just built
  --versus FILE     measure that binary as well, in turns with the first, and compare the two

  --budget [set]    count the instructions of single runs and hold them against benches/budget.toml, or write
                    them there
  --black-hole [N]  time a session of N tool calls (two hooks each) against a service that never answers [20]
  --serve           start the stand-in, print the environment to call it with, wait for end of input
";

/// What the benchmark was asked for.
#[derive(Debug, Default)]
pub struct Options {
    pub task: Task,
    pub rounds: usize,
    pub only: Option<String>,
    pub json: Option<PathBuf>,
    pub compare: Option<PathBuf>,
    pub binary: Option<PathBuf>,
    /// A second binary, to be compared with.
    pub versus: Option<PathBuf>,
    /// A missed target is a failure.
    pub strict: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub enum Task {
    #[default]
    Measure,
    Budget(Purpose),
    BlackHole {
        calls: usize,
    },
    Serve,
    /// The process that plays the service, started by the benchmark itself.
    Stage,
    Help,
}

/// Reads the arguments behind the program's name.
pub fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options { rounds: 40, ..Options::default() };
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        let mut value = |what: &str| args.next().cloned().ok_or(format!("{arg} needs {what}"));
        match arg.as_str() {
            // cargo bench says so to every benchmark.
            "--bench" => {}
            "--rounds" => options.rounds = number(&value("a number")?)?,
            "--only" => options.only = Some(value("a text")?),
            "--json" => options.json = Some(value("a file")?.into()),
            "--compare" => options.compare = Some(value("a file")?.into()),
            "--binary" => options.binary = Some(value("a file")?.into()),
            "--versus" => options.versus = Some(value("a file")?.into()),
            "--strict" => options.strict = true,
            "--budget" => {
                let set = args.next_if(|next| *next == "set").is_some();
                options.task = Task::Budget(if set { Purpose::Set } else { Purpose::Check });
            }
            "--serve" => options.task = Task::Serve,
            "--stage" => options.task = Task::Stage,
            "--help" => options.task = Task::Help,
            "--black-hole" => {
                let given = args.next_if(|next| !next.starts_with('-'));
                options.task = Task::BlackHole { calls: given.map_or(Ok(20), |text| number(text))? };
            }
            other => return Err(format!("unknown option {other}; --help lists them")),
        }
    }
    Ok(options)
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or(format!("{text} is not a positive number"))
}
