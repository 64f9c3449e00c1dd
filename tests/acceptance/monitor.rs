//! The monitor page in a real browser: what a person sees while a database is mirrored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use fabricmirror_tests::browser::{Browser, Programs};
use fabricmirror_tests::build::{Binaries, root};
use fabricmirror_tests::emulator::{Emulator, Options};
use fabricmirror_tests::{Result, cli, fail};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::third_party::Ran;

/// What checks that a page can be used by everybody.
const AXE: &str = "axe-core@4.14.1";
const PASSWORD: &str = "Strong-Passw0rd-2025";

/// The test, or why it cannot be run.
pub fn trials(base: &Path, ran: &Ran) -> (Vec<Trial>, Vec<String>) {
    const NAME: &str = "the_monitor_page_shows_a_mirror_live";
    let programs = match Programs::find() {
        Ok(programs) => programs,
        Err(error) => return (Vec::new(), vec![format!("chromium ({error})")]),
    };
    let (axe, absent) = match cli::node_packages(AXE) {
        Ok(packages) => (Some(packages.join("axe-core/axe.min.js")), Vec::new()),
        Err(error) => (None, vec![format!("{AXE} ({error})")]),
    };
    let (folder, ran) = (base.join(NAME), Arc::clone(ran));
    let trial = Trial::test(format!("monitor::{NAME}"), move || {
        ran.lock().map_err(|error| error.to_string())?.push("chromium".to_owned());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(told(&programs, axe.as_ref(), &folder)).map_err(|error| error.to_string().into())
    });
    (vec![trial], absent)
}

async fn told(programs: &Programs, axe: Option<&PathBuf>, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let emulator = Emulator::start(&Binaries::find()?, folder, &Options::default()).await?;
    let browser = Browser::start(programs, folder).await?;
    let mut seen = watched(&browser, emulator, axe).await;
    if seen.is_ok() {
        seen = shows_every_instance(&browser, &folder.join("several")).await;
    }
    browser.close().await?;
    seen?;
    crate::conclude(folder)
}

async fn watched(browser: &Browser, emulator: Emulator, axe: Option<&PathBuf>) -> Result<()> {
    browser.open(&emulator.ready.control.url).await?;
    browser
        .wait("that nothing is mirrored", "return document.body.innerText.includes('No mirrored database.')")
        .await?;
    mirror(&emulator).await?;
    // It is the same page all the time.
    browser.script("window.opened = 'once'").await?;
    shows_the_mirror(browser, &emulator).await?;
    shows_names_as_text(browser, &emulator).await?;
    if let Some(axe) = axe {
        can_be_used_by_everybody(browser, &std::fs::read_to_string(axe)?).await?;
    }
    keeps_its_place(browser, &emulator).await?;
    fits_a_phone(browser).await?;
    if browser.script("return window.opened").await? != "once" {
        fail!("the page was loaded anew");
    }
    let complaints = browser.complaints().await?;
    if !complaints.is_empty() {
        fail!("the console complains: {complaints:?}");
    }
    drop(emulator);
    browser
        .wait("that the emulator is gone", "return live.innerText.startsWith('The emulator has not answered since')")
        .await?;
    // What was last seen stays.
    browser.wait("the table", &row("dbo.Customers", 0, "text")).await?;
    Ok(())
}

async fn shows_every_instance(browser: &Browser, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let scenario = std::fs::read_to_string(root()?.join("crates/emulator/scenarios/several-instances.json"))?;
    let options = Options { scenario: Some(scenario), ..Options::default() };
    let emulator = Emulator::start(&Binaries::find()?, folder, &options).await?;
    browser.open(&emulator.ready.control.url).await?;
    browser.wait("a second instance", "return document.body.innerText.includes('Logins of fabrikam-mi')").await?;
    browser.wait("its administrator", &row("fabrikamadmin", 0, "text")).await.map(drop)
}

/// The tutorial, by hand.
async fn mirror(emulator: &Emulator) -> Result<()> {
    let login = format!(
        "CREATE LOGIN fabric_login WITH PASSWORD = '{PASSWORD}'; \
         ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER fabric_login;"
    );
    emulator.sql("master", &login).await?;
    let user = "CREATE USER fabric_user FOR LOGIN fabric_login; \
                GRANT SELECT, ALTER ANY EXTERNAL MIRROR, VIEW PERFORMANCE DEFINITION TO fabric_user;";
    emulator.sql("Sales", user).await?;
    let workspace = format!("/workspaces/{}", emulator.ready.scenario.workspace_id);
    let identity = json!({ "id": emulator.ready.scenario.instance_identity_object_id, "type": "ServicePrincipal" });
    post(emulator, &format!("{workspace}/roleAssignments"), json!({ "principal": identity, "role": "Contributor" }))
        .await?;
    let parameter = |name: &str, value: &str| json!({ "dataType": "Text", "name": name, "value": value });
    let connection = json!({
        "connectivityType": "ShareableCloud",
        "displayName": "tutorial-Sales",
        "connectionDetails": {
            "type": "AzureSqlMI",
            "creationMethod": "AzureSqlMI.Database",
            "parameters": [parameter("server", &emulator.ready.sql.server), parameter("database", "Sales")],
        },
        "credentialDetails": {
            "credentials": { "credentialType": "Basic", "username": "fabric_login", "password": PASSWORD },
        },
    });
    let connection = post(emulator, "/connections", connection).await?;
    let definition = json!({ "properties": {
        "source": { "type": "AzureSqlMI", "typeProperties": { "connection": connection["id"] } },
        "target": { "type": "MountedRelationalDatabase", "typeProperties": { "format": "Delta", "defaultSchema": "dbo" } },
    }});
    let payload = base64::engine::general_purpose::STANDARD.encode(definition.to_string());
    let part = json!({ "path": "mirroring.json", "payload": payload, "payloadType": "InlineBase64" });
    let item = json!({ "displayName": "Sales", "definition": { "parts": [part] } });
    let item = post(emulator, &format!("{workspace}/mirroredDatabases"), item).await?;
    let id = item["id"].as_str().ok_or("the item has no id")?;
    emulator.advance(60).await?;
    post(emulator, &format!("{workspace}/mirroredDatabases/{id}/startMirroring"), Value::Null).await?;
    emulator.advance(60).await
}

async fn post(emulator: &Emulator, path: &str, body: Value) -> Result<Value> {
    let (status, answer) = emulator.rest("POST", path, Some(body).filter(|body| !body.is_null())).await?;
    if !(200..300).contains(&status) {
        fail!("POST {path}: {status}: {answer}");
    }
    Ok(answer)
}

/// A script that looks a row up by the text of its first cell and returns a cell of it.
fn row(first: &str, cell: usize, what: &str) -> String {
    let of = match what {
        "number" => "Number(found.innerText.replaceAll(',', ''))",
        _ => "found.innerText",
    };
    format!(
        "const row = [...document.querySelectorAll('tbody tr')].find((it) => it.cells[0].innerText.trim() === {});
         const found = row?.cells[{cell}]; return found ? {of} : null;",
        json!(first)
    )
}

async fn shows_the_mirror(browser: &Browser, emulator: &Emulator) -> Result<()> {
    let replicating = "const title = document.querySelector('article .title')?.innerText ?? '';
        const rows = [...document.querySelectorAll('article tbody tr')];
        return /^Sales\\s+Running$/.test(title) && rows.length === 5 &&
            rows.every((row) => row.cells[1].innerText === 'Replicating' && /^\\d\\d:/.test(row.cells[3].innerText));";
    browser.wait("five tables that replicate", replicating).await?;
    let before = browser.script(&row("dbo.Customers", 2, "number")).await?.as_f64().ok_or("no rows")?;
    let id = emulator.sql("Sales", "SELECT MAX(CustomerId) + 1 FROM dbo.Customers").await?;
    let id = id.first().and_then(|row| row.first()).ok_or("no customer")?;
    emulator
        .sql("Sales", &format!("INSERT INTO dbo.Customers (CustomerId, RegionId, Name) VALUES ({id}, 1, N'New')"))
        .await?;
    emulator.advance(60).await?;
    let risen = row("dbo.Customers", 2, "number").replace("return found ?", &format!("return found && {before} <"));
    let risen = risen.replace(" : null", "");
    browser.wait("one row more of dbo.Customers", &risen).await?;
    let granted = row("fabric_user", 3, "text");
    if browser.script(&granted).await?.as_str().is_none_or(|held| held.contains("INSERT")) {
        fail!("INSERT is shown before it is granted");
    }
    emulator.sql("Sales", "GRANT INSERT TO fabric_user; DENY DELETE TO fabric_user;").await?;
    let both = granted.replace(
        "return found ? found.innerText : null",
        "const text = found?.innerText ?? '';
        return text.split('\\n').includes('INSERT') && text.includes('DELETE (DENY)')",
    );
    browser.wait("what was granted and denied", &both).await.map(drop)
}

async fn shows_names_as_text(browser: &Browser, emulator: &Emulator) -> Result<()> {
    let login = "<img src=x onerror=alert(1)>";
    emulator.sql("master", &format!("CREATE LOGIN [{login}] WITH PASSWORD = '{PASSWORD}'")).await?;
    emulator
        .sql(
            "Sales",
            "CREATE TABLE dbo.[<b>x</b>] (id int PRIMARY KEY); CREATE USER [<script>y</script>] WITHOUT LOGIN;",
        )
        .await?;
    emulator.advance(60).await?;
    for name in [login, "dbo.<b>x</b>", "<script>y</script>"] {
        browser.wait(name, &row(name, 0, "text")).await?;
    }
    let made = browser.script("return document.querySelectorAll('body b, body img, body script').length").await?;
    if made != 0 {
        fail!("{made} elements were made of names");
    }
    Ok(())
}

async fn can_be_used_by_everybody(browser: &Browser, axe: &str) -> Result<()> {
    for scheme in ["light", "dark"] {
        browser.prefers("prefers-color-scheme", scheme).await?;
        browser.script(axe).await?;
        let found = browser
            .script(
                "return axe.run(document, {resultTypes: ['violations']}).then((it) => it.violations.map((violation) =>
                    violation.id + ': ' + violation.nodes.map((node) => node.html + ' ' + node.failureSummary).join('; ')))",
            )
            .await?;
        if found != json!([]) {
            fail!("axe complains in the {scheme} scheme: {found:#}");
        }
    }
    browser.prefers("prefers-color-scheme", "light").await?;
    browser.prefers("prefers-reduced-motion", "reduce").await?;
    let moving = "return document.getAnimations().length + document.querySelectorAll('.changed').length";
    browser.script(moving).await?;
    let still = "const cell = document.querySelector('article td.number'); cell.classList.add('changed');
        return getComputedStyle(cell).animationName === 'none'";
    if browser.script(still).await? != true {
        fail!("something moves although the person asked for stillness");
    }
    browser.prefers("prefers-reduced-motion", "no-preference").await
}

/// New requests come above what one reads.
async fn keeps_its_place(browser: &Browser, emulator: &Emulator) -> Result<()> {
    browser.screen(1280, 500).await?;
    let prepared = "const row = document.querySelector('#request-rows details').closest('tr');
        row.querySelector('details').open = true; row.scrollIntoView({block: 'start'}); window.read = row;
        getSelection().selectAllChildren(row.querySelector('code'));
        window.place = row.getBoundingClientRect().top; window.selected = getSelection().toString();
        return selected.length > 0 && scrollY > 0 && row.cells[0].innerText";
    let index = browser.wait("a request with a body", prepared).await?;
    for number in 0..3 {
        emulator.sql("Sales", &format!("SELECT {number} AS later")).await?;
    }
    let come = "return document.querySelector('#request-rows').innerText.includes('SELECT 2 AS later')";
    browser.wait("later requests", come).await?;
    let kept = "const off = Math.abs(read.getBoundingClientRect().top - place);
        return [read.isConnected, read.cells[0].innerText, off <= 1, getSelection().toString() === selected,
            read.querySelector('details').open]";
    let found = browser.script(kept).await?;
    if found != json!([true, index, true, true, true]) {
        fail!("row {index} did not keep its place, its selection and what was open: {found}");
    }
    Ok(())
}

async fn fits_a_phone(browser: &Browser) -> Result<()> {
    let wide = "return [...document.body.querySelectorAll('*')]
        .filter((it) => { const box = it.getBoundingClientRect(); return box.width > 0 && (box.right > 360.5 || box.left < -0.5); })
        .map((it) => it.outerHTML.slice(0, 200))
        .concat(innerWidth === 360 && document.documentElement.scrollWidth <= 360 ? [] : ['the page itself: ' + innerWidth + ', ' + document.documentElement.scrollWidth])";
    let folder = std::env::var_os("FABRICMIRROR_SCREENSHOTS").map(PathBuf::from);
    for (name, width, height) in [("desktop", 1100, 1000), ("phone", 360, 640)] {
        browser.screen(width, height).await?;
        for (scheme, place) in [("light", "0"), ("dark", "document.getElementById('requests').offsetTop")] {
            browser.prefers("prefers-color-scheme", scheme).await?;
            browser.script(&format!("scrollTo(0, {place})")).await?;
            if let Some(folder) = &folder {
                std::fs::write(folder.join(format!("monitor-{name}-{scheme}.png")), browser.screenshot().await?)?;
            }
        }
    }
    let found = browser.script(wide).await?;
    if found != json!([]) {
        fail!("wider than a phone: {found:#}");
    }
    Ok(())
}
