//! The monitor page: one look at everything, rendered here, refreshed by the browser.

use std::fmt::Write as _;

use super::Control;
use crate::journal::Entry;

const LAST_REQUESTS: usize = 40;

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;color:#222;padding:0 1rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:1.8rem}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid #ddd;vertical-align:top}\
td.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.9em;overflow-wrap:anywhere}\
.good{color:#176b2c}.bad{color:#a4161a}.dim{color:#777}\
@media(prefers-color-scheme:dark){body{background:#181a1b;color:#ddd}th,td{border-color:#3a3d3f}.good{color:#6cc784}.bad{color:#ff8a80}}";

pub fn render(control: &Control) -> String {
    let mut page = String::with_capacity(16 << 10);
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <meta http-equiv=refresh content=2><title>fabricmirror emulator</title><style>{STYLE}</style>\
         <h1>fabricmirror emulator</h1><p class=dim>{} (virtual) · capacity {:?} · primary identity {:?} · update policy {:?}</p>",
        control.parts.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC"),
        control.parts.world.facts().capacity_state,
        control.parts.world.facts().primary_identity,
        control.parts.world.facts().update_policy,
    );
    fabric(&mut page, control);
    sql(&mut page, &control.fabric.source.state());
    requests(&mut page, &control.parts.journal.entries());
    page
}

fn fabric(page: &mut String, control: &Control) {
    let state = control.fabric_state();
    let directory = &control.parts.scenario.directory;
    for workspace in &state.workspaces {
        let _ = write!(page, "<h2>Workspace {}</h2><p>", text(&workspace.display_name));
        for role in &workspace.role_assignments {
            let name = directory.find(role.principal_id).map_or("?", |principal| principal.display_name.as_str());
            let _ = write!(page, "{}: {:?} &nbsp; ", text(name), role.role);
        }
        page.push_str("</p>");
        for mirror in state.mirrored_databases.iter().filter(|mirror| mirror.workspace_id == workspace.id) {
            let _ = write!(page, "<h3>{} – {}</h3>", text(&mirror.display_name), status(mirror.status));
            if let Some(error) = &mirror.error {
                let _ = write!(page, "<p class=bad>{}</p>", text(error));
            }
            page.push_str("<table><tr><th>Table<th>Status<th>Rows replicated<th>Last sync<th></tr>");
            for table in &mirror.tables {
                let last_sync = table
                    .last_sync
                    .map_or_else(String::new, |at| control.parts.clock.at(at).strftime("%H:%M:%S").to_string());
                let _ = write!(
                    page,
                    "<tr><td>{}.{}<td>{}<td class=n>{}<td>{last_sync}<td>{}</tr>",
                    text(&table.schema),
                    text(&table.name),
                    status(table.status),
                    table.rows,
                    text(table.error.as_deref().unwrap_or_default()),
                );
            }
            page.push_str("</table>");
        }
    }
    page.push_str("<h2>Connections</h2><table><tr><th>Name<th>Type<th>Id</tr>");
    for connection in &state.connections {
        let _ = write!(
            page,
            "<tr><td>{}<td>{}<td><code>{}</code></tr>",
            text(&connection.display_name),
            connection.kind,
            connection.id
        );
    }
    page.push_str("</table>");
}

/// The instance describes itself in JSON (design.md §5); what is not there is left out.
fn sql(page: &mut String, state: &serde_json::Value) {
    let list = |value: &serde_json::Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let word = |value: &serde_json::Value, key: &str| text(value[key].as_str().unwrap_or_default());
    let words = |value: &serde_json::Value, key: &str| {
        let all: Vec<String> = list(value, key).iter().filter_map(|word| word.as_str().map(text)).collect();
        all.join(", ")
    };
    page.push_str("<h2>Logins</h2><table><tr><th>Name<th>Type<th>Server roles</tr>");
    for login in list(state, "logins") {
        let off = if login["disabled"] == true { " <span class=dim>disabled</span>" } else { "" };
        let _ = write!(
            page,
            "<tr><td>{}{off}<td>{}<td>{}</tr>",
            word(&login, "name"),
            word(&login, "type"),
            words(&login, "server_roles")
        );
    }
    page.push_str("</table>");
    for database in list(state, "databases") {
        let _ = write!(
            page,
            "<h2>Database {}</h2><table><tr><th>User<th>Login<th>Roles<th>Permissions</tr>",
            word(&database, "name")
        );
        let permissions = list(&database, "permissions");
        for user in list(&database, "users") {
            let held: Vec<String> = permissions
                .iter()
                .filter(|permission| permission["grantee"] == user["name"])
                .map(|permission| {
                    let granted = permission["state"] == "GRANT";
                    let name = word(permission, "permission");
                    if granted { name } else { format!("{name} <b>({})</b>", word(permission, "state")) }
                })
                .collect();
            let _ = write!(
                page,
                "<tr><td>{}<td>{}<td>{}<td>{}</tr>",
                word(&user, "name"),
                word(&user, "login"),
                words(&user, "roles"),
                held.join(", ")
            );
        }
        page.push_str("</table>");
    }
}

fn requests(page: &mut String, entries: &[Entry]) {
    let _ = write!(page, "<h2>Last requests of {}</h2><table>", entries.len());
    for entry in entries.iter().rev().take(LAST_REQUESTS) {
        let what = match (&entry.method, &entry.path, &entry.text) {
            (Some(method), Some(path), _) => format!("{method} {path}"),
            (_, _, Some(sql)) => sql.chars().take(300).collect(),
            _ => "login".to_owned(),
        };
        let outcome = match (entry.status, &entry.error) {
            (_, Some(error)) => format!("<span class=bad>{}</span>", text(error)),
            (Some(code), None) => format!("<span class={}>{code}</span>", if code < 400 { "good" } else { "bad" }),
            (None, None) => String::new(),
        };
        let _ = write!(
            page,
            "<tr><td class=n>{}<td>{:?}<td><code>{}</code><td>{outcome}<td class=n>{}</tr>",
            entry.index,
            entry.channel,
            text(&what),
            entry.ms.map_or_else(String::new, |ms| format!("{ms:.1} ms")),
        );
    }
    page.push_str("</table>");
}

fn status(name: &str) -> String {
    let class = match name {
        "Running" | "Replicating" => "good",
        "Failed" => "bad",
        _ => "",
    };
    format!("<span class='{class}'>{name}</span>")
}

fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
