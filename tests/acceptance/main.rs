//! Acceptance tests: every test in a folder of its own, with an emulator of its own, for every CLI that is there.
//!
//! Arguments are those of `cargo test`. `FABRICMIRROR_TEST_CLI` names the CLIs to use, separated by commas. A test that
//! fails leaves its folder – what the CLI said, the request journal, both states – and prints its path.

mod ablation;
mod access;
mod choices;
mod connections;
mod database_states;
mod drift;
mod drift_rows;
mod endurance;
mod entra;
mod entra_tutorial;
mod estate;
mod fabric_calls;
mod faults;
mod functions;
mod gateways;
mod grants_in_company;
mod guides;
mod handshake;
mod hcl;
mod health;
mod imports;
mod interruption;
mod items;
mod jobs;
mod least_privilege;
mod look_ups;
mod mirror;
mod mirror_in_company;
mod moments;
mod monitor;
mod names_and_sids;
mod operator;
mod principals;
mod proof;
mod role_members;
mod roles;
mod second_owner;
mod server_identity;
mod servers;
mod spelling;
mod starts;
mod third_party;
mod tutorial;
mod vectors;
mod world;

use std::collections::BTreeSet;
use std::future::Future;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use fabricmirror_tests::cli::{self, Absent, Cli};
use fabricmirror_tests::emulator::{JOURNAL, Options};
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail, openapi};
use libtest_mimic::{Arguments, Failed, Trial};

/// What is told of a folder with a CLI and an emulator.
type Test = for<'a> fn(&'a mut Run) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// How many answers of the REST API were checked against Microsoft's description of it.
static ANSWERS_CHECKED: AtomicUsize = AtomicUsize::new(0);

/// A test for each CLI.
pub struct Case {
    pub name: &'static str,
    pub options: Options,
    pub test: Test,
    /// No CLI makes a difference to it: one of them is enough.
    pub once: bool,
}

impl Case {
    pub fn once(self) -> Self {
        Self { once: true, ..self }
    }
}

/// `case!(function)`, with the options of its emulator behind it.
#[macro_export]
macro_rules! case {
    ($function:path) => {
        $crate::case!($function, fabricmirror_tests::emulator::Options::default())
    };
    ($function:path, $options:expr) => {
        $crate::Case {
            name: stringify!($function),
            options: $options,
            test: |run| Box::pin($function(run)),
            once: false,
        }
    };
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // CLIs wait more than they work; two cores carry three of them.
    arguments.test_threads = arguments.test_threads.or(Some(3));
    let wanted: Option<BTreeSet<String>> =
        std::env::var("FABRICMIRROR_TEST_CLI").ok().map(|names| names.split(',').map(str::to_owned).collect());
    let listing = arguments.list;
    let (there, absent): (Vec<Cli>, Vec<Absent>) = if listing {
        Default::default()
    } else {
        let found = cli::all().into_iter();
        let (there, absent): (Vec<_>, Vec<_>) = found.partition(std::result::Result::is_ok);
        (
            there.into_iter().filter_map(Result::ok).collect(),
            absent.into_iter().filter_map(std::result::Result::err).collect(),
        )
    };
    let there: Vec<Cli> =
        there.into_iter().filter(|cli| wanted.as_ref().is_none_or(|wanted| wanted.contains(&cli.name))).collect();

    let base = std::env::temp_dir().join(format!("fabricmirror-acceptance-{}", std::process::id()));
    let cases: Vec<Case> = [
        tutorial::cases(),
        drift::cases(),
        drift_rows::cases(),
        interruption::cases(),
        ablation::cases(),
        imports::cases(),
        principals::cases(),
        mirror::cases(),
        access::cases(),
        faults::cases(),
        choices::cases(),
        connections::cases(),
        items::cases(),
        look_ups::cases(),
        gateways::cases(),
        database_states::cases(),
        second_owner::cases(),
        entra::cases(),
        entra_tutorial::cases(),
        estate::cases(),
        fabric_calls::cases(),
        names_and_sids::cases(),
        operator::cases(),
        vectors::cases(),
        roles::cases(),
        role_members::cases(),
        grants_in_company::cases(),
        spelling::cases(),
        mirror_in_company::cases(),
        health::cases(),
        starts::cases(),
        servers::cases(),
        proof::cases(),
        moments::cases(),
        functions::cases(),
        server_identity::cases(),
        least_privilege::cases(),
        jobs::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut trials = Vec::new();
    for case in &cases {
        for cli in there.iter().take(if case.once { 1 } else { usize::MAX }) {
            trials.push(trial(case, cli.clone(), base.clone()));
        }
    }
    let (clients, browsers) = (third_party::Ran::default(), third_party::Ran::default());
    let (others, others_absent) = [
        handshake::trials(&base),
        endurance::trials(&base),
        third_party::trials(&base, &clients),
        monitor::trials(&base, &browsers),
    ]
    .into_iter()
    .unzip::<_, _, Vec<_>, Vec<_>>();
    trials.extend(others.into_iter().flatten());
    trials.extend(guides::trials(&cases));
    let conclusion = libtest_mimic::run(&arguments, trials);

    let ran: Vec<String> = there.iter().map(ToString::to_string).collect();
    let absent: Vec<String> = absent
        .into_iter()
        .map(|absent| format!("{} ({})", absent.name, absent.why))
        .chain(others_absent.into_iter().flatten())
        .collect();
    let list = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let names = |ran: &third_party::Ran| list(&ran.lock().map(|ran| ran.clone()).unwrap_or_default());
    let (ran, clients, browsers, absent) = (list(&ran), names(&clients), names(&browsers), list(&absent));
    let checked = match openapi::spec() {
        Some(_) => ANSWERS_CHECKED.load(Ordering::Relaxed).to_string(),
        None => "not run".to_owned(),
    };
    let _ = writeln!(
        std::io::stdout(),
        "CLIs that ran: {ran}; clients that ran: {clients}; browsers that ran: {browsers}; absent: {absent}\n\
         REST answers that fit the published description: {checked}"
    );
    let _ = std::fs::remove_dir(&base);
    if there.is_empty() && !listing {
        let _ = writeln!(std::io::stdout(), "no CLI ran: nothing was tested");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

fn trial(case: &Case, cli: Cli, base: PathBuf) -> Trial {
    let (name, options, test) = (case.name, case.options.clone(), case.test);
    Trial::test(format!("{name} [{}]", cli.name), move || {
        let folder = base.join(format!("{}-{}", name.replace("::", "-").replace(['<', '>'], ""), cli.name));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(story(cli, &folder, &options, test))
    })
}

/// A test that has passed leaves no folder – unless an answer that the emulator gave in it deviates from what
/// Microsoft publishes of the API.
fn conclude(folder: &Path) -> Result<()> {
    let within = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let journals = within.iter().map(PathBuf::as_path).chain([folder]).map(|place| place.join(JOURNAL));
    let journals: Vec<PathBuf> = journals.filter(|journal| journal.is_file()).collect();
    if journals.is_empty() {
        fail!("{}: no emulator has left its journal", folder.display());
    }
    if let Some(spec) = openapi::spec() {
        for journal in journals {
            ANSWERS_CHECKED.fetch_add(spec.check_journal(&journal)?, Ordering::Relaxed);
        }
    }
    // An emulator that was killed a moment ago may still hold a file.
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

async fn story(cli: Cli, folder: &Path, options: &Options, test: Test) -> std::result::Result<(), Failed> {
    let mut run = Run::start(cli, folder, "run", options).await.map_err(|error| error.to_string())?;
    let told = {
        use futures_util::FutureExt;
        AssertUnwindSafe(test(&mut run)).catch_unwind().await
    };
    let error = match told {
        Ok(Ok(())) => {
            drop(run);
            return conclude(folder).map_err(|error| error.to_string().into());
        }
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "it panicked".to_owned()),
    };
    let evidence = match run.write_evidence().await {
        Ok(()) => String::new(),
        Err(error) => format!(" (the emulator does not answer any more: {error})"),
    };
    Err(format!("{error}\n\nevidence: {}{evidence}", run.folder.display()).into())
}
