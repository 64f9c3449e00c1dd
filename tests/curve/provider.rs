//! The process of the provider: plans, applies and refreshes, and says when each is done.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use fabricmirror::{FabricMirror, provider};
use serde::{Deserialize, Serialize};
use tfplugin::Dynamic;
use tfplugin::testing::{Block, Cli, Configuration, Expression, Said, State};

use crate::Result;

/// The first argument of the process.
pub const PROCESS: &str = "--provider-of-the-curve";
/// `-parallelism`
pub const AT_ONCE: usize = 50;

/// What it is told, on a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub server: String,
    pub username: String,
    pub password: String,
    pub ca_certificate_file: PathBuf,
    pub count: usize,
    pub databases: Vec<String>,
}

/// What it says after each phase; it goes on with the next one when it gets a line.
#[derive(Debug, Serialize, Deserialize)]
pub struct Done {
    pub seconds: f64,
    /// The most memory that the process has had, in KiB: with the configurations and states that a CLI would hold.
    pub memory: u64,
}

pub fn serve() -> Result<()> {
    let mut lines = std::io::stdin().lock().lines();
    let order: Order = serde_json::from_str(&lines.next().ok_or("no order")??)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let cli: Cli<FabricMirror> = Cli::new(provider, block(&order));
    let members: Vec<_> = order
        .databases
        .iter()
        .cycle()
        .zip(0..order.count)
        .map(|(database, number)| (triple(number, database), State::default()))
        .collect();
    let mut phase = |done: &mut dyn FnMut() -> Result<()>| -> Result<()> {
        let began = Instant::now();
        done()?;
        let said = Done { seconds: began.elapsed().as_secs_f64(), memory: memory() };
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &said)?;
        out.write_all(b"\n")?;
        out.flush()?;
        lines.next().transpose()?;
        Ok(())
    };
    let (mut plans, mut states) = (Vec::new(), Vec::new());
    phase(&mut || {
        plans = runtime.block_on(cli.plan_all(&members, AT_ONCE)).map_err(|it| told(&it))?;
        plans.iter().try_for_each(|plan| is_well(plan.has_errors(), &plan.diagnostics, &plan.violations))
    })?;
    phase(&mut || {
        let applied = runtime.block_on(cli.apply_all(&plans, AT_ONCE)).map_err(|it| told(&it))?;
        for it in &applied {
            is_well(it.has_errors(), &it.diagnostics, &it.violations)?;
        }
        states = applied.into_iter().map(|it| it.state).collect();
        Ok(())
    })?;
    let members: Vec<_> =
        members.into_iter().map(|(configuration, _)| configuration).zip(std::mem::take(&mut states)).collect();
    phase(&mut || {
        for plan in runtime.block_on(cli.plan_all(&members, AT_ONCE)).map_err(|it| told(&it))? {
            is_well(plan.has_errors() || !plan.is_empty(), &plan.diagnostics, &plan.violations)?;
        }
        Ok(())
    })
}

fn is_well(failed: bool, said: &[Said], violations: &[String]) -> Result<()> {
    if failed { Err(format!("{}{}", told(said), violations.join("\n")).into()) } else { Ok(()) }
}

fn told(said: &[Said]) -> String {
    said.iter().map(|it| format!("{it}\n")).collect()
}

/// `VmHWM`, where the system tells it.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    most.unwrap_or_default()
}

fn block(order: &Order) -> Dynamic {
    let text = |text: &str| Dynamic::from(text);
    let map = |entries: Vec<(&str, Dynamic)>| {
        Dynamic::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let sql = [("server", &order.server), ("username", &order.username), ("password", &order.password)];
    map(vec![
        ("sql", map(sql.map(|(name, value)| (name, text(value))).into())),
        ("ca_certificate_file", text(&order.ca_certificate_file.display().to_string())),
    ])
}

/// A login, its user in the database, and the user's grants.
fn triple(number: usize, database: &str) -> Configuration {
    let name = format!("app{number:04}");
    let text = |text: &str| Expression::Value(text.into());
    let list = |items: &[&str]| Expression::List(items.iter().map(|item| text(item)).collect());
    let of = |kind: &str| format!("fabricmirror_{kind}.{name}");
    let principal = |kind: &str| Expression::Reference { address: of(kind), path: vec!["principal".to_owned()] };
    let block = |kind: &str, attributes: Vec<(&str, Expression)>| Block {
        address: of(kind),
        type_name: format!("fabricmirror_{kind}"),
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        depends_on: Vec::new(),
    };
    let login = vec![
        ("name", text(&name)),
        ("password_wo", text("Correct-Horse-7")),
        ("password_wo_version", Expression::Value(Dynamic::Int(1))),
        ("server_roles", list(&["##MS_ServerStateReader##"])),
        ("default_database", text(database)),
    ];
    let user = vec![
        ("database", text(database)),
        ("name", text(&name)),
        ("login_name", principal("login")),
        ("roles", list(&["db_datareader"])),
    ];
    let grants = vec![
        ("database", text(database)),
        ("principal", principal("database_user")),
        ("permissions", list(&["SELECT", "INSERT"])),
    ];
    let blocks = vec![block("login", login), block("database_user", user), block("database_grants", grants)];
    Configuration { blocks }
}
