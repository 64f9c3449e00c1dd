//! Import, and data sources.

use super::process::{Failed, Log, Process, conform};
use super::schema::Source;
use super::{Cli, Imported, Object, Said, State, plan, rules};
use crate::dynamic::Dynamic;
use crate::provider::ProviderType;

pub(super) async fn import<P: ProviderType>(
    cli: &Cli<P>,
    state: &State,
    address: &str,
    type_name: &str,
    id: &str,
) -> Imported {
    let (mut log, mut state) = (Log::default(), state.clone());
    if state.objects.contains_key(address) {
        log.fail(address, "import", "Resource already managed by Terraform", "Remove it from the state first.".into());
    } else {
        let process = Process::start(cli);
        if let Ok(object) = imported(cli, &process, &mut log, address, type_name, id).await {
            state.objects.insert(address.to_owned(), object);
        }
        process.end().await;
    }
    Imported { state, diagnostics: log.diagnostics, violations: log.violations }
}

async fn imported<P: ProviderType>(
    cli: &Cli<P>,
    process: &Process<P>,
    log: &mut Log,
    address: &str,
    type_name: &str,
    id: &str,
) -> Result<Object, Failed> {
    let schema = plan::schema(cli, log, "import", address, type_name)?;
    process.configure(cli, log, false).await?;
    let answer = process.import(log, address, type_name, id).await?;
    log.take(address, "import", answer.diagnostics)?;
    let mut objects = answer.imported_resources.into_iter();
    let (Some(object), None) = (objects.next(), objects.next()) else {
        return Err(log.breach("Import returned no resources", address, "not exactly one object for the id"));
    };
    if object.type_name != type_name {
        return Err(log.breach("Import returned another type", address, &object.type_name));
    }
    const WRITE_ONLY: &str = "Import returned a non-null value for a write-only attribute";
    let value = conform(log, "Import returned an invalid object", address, schema, object.state)?;
    log.check(WRITE_ONLY, address, rules::write_only_values(schema, &value))?;
    if value.is_null() {
        return Err(log.breach("Import returned null resource", address, "an instance with no state"));
    }
    let object = Object {
        type_name: type_name.to_owned(),
        value,
        private: object.private,
        tainted: false,
        dependencies: Vec::new(),
    };
    let object = process.read(log, schema, address, &object).await?;
    if object.value.is_null() {
        let detail = "The provider detected that no object exists with the given id.".to_owned();
        return Err(log.fail(address, "import", "Cannot import non-existent remote object", detail));
    }
    Ok(object)
}

pub(super) async fn read_data<P: ProviderType>(cli: &Cli<P>, type_name: &str, config: Dynamic) -> (Dynamic, Vec<Said>) {
    let mut log = Log::default();
    let process = Process::start(cli);
    let value = read(cli, &process, &mut log, type_name, &config).await.unwrap_or(Dynamic::Null);
    process.end().await;
    for violation in std::mem::take(&mut log.violations) {
        log.fail(&format!("data.{type_name}"), "read", "Provider broke a rule", violation);
    }
    (value, log.diagnostics)
}

async fn read<P: ProviderType>(
    cli: &Cli<P>,
    process: &Process<P>,
    log: &mut Log,
    type_name: &str,
    config: &Dynamic,
) -> Result<Dynamic, Failed> {
    let address = format!("data.{type_name}");
    let Some(schema) = cli.schemas.data_sources.get(type_name) else {
        let detail = format!("The provider does not support data source {type_name:?}.");
        return Err(log.fail(&address, "read", "Invalid data source", detail));
    };
    process.configure(cli, log, false).await?;
    let config = schema.conform(config, Source::Configuration).map_err(|misfit| {
        log.fail(&address, "validate", "Incorrect attribute value type", format!("{}: {}.", misfit.path, misfit.text))
    })?;
    process.read_data(log, schema, type_name, &config).await
}
