// Reads the control interface every second and changes only what differs, so that a selection, an open detail and the
// place one has scrolled to stay. Whatever comes from SQL or REST is set as text, never as HTML.
"use strict";

const PAUSE = 1000;
const MOST_REQUESTS = 200;
const byId = (id) => document.getElementById(id);

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// Sets a text; one that replaces another is marked for a moment.
function put(element, value, mark = false) {
  const text = String(value ?? "");
  const before = element.textContent;
  if (before === text) return;
  element.textContent = text;
  if (mark && before !== "") {
    element.classList.remove("changed");
    void element.offsetWidth;
    element.classList.add("changed");
  }
}

// Makes the children of `parent` those of `items`: what is there already stays the same element.
function keep(parent, items, key, create, fill) {
  const names = new Set(items.map(key));
  const old = new Map();
  for (const child of [...parent.children]) {
    if (names.has(child.dataset.key)) old.set(child.dataset.key, child);
    else child.remove();
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let element = old.get(name);
    if (!element) {
      element = create(item);
      element.dataset.key = name;
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    fill(element, item);
  }
}

const row = (...classes) => () => make("tr", "", ...classes.map((name) => make("td", name)));

function table(label, columns) {
  const head = make("tr");
  for (const [name, className] of columns) {
    const cell = make("th", className, name);
    cell.scope = "col";
    head.append(cell);
  }
  const made = make("table", "", make("thead", "", head), make("tbody"));
  made.setAttribute("aria-label", label);
  return made;
}

const words = (cell, list) => keep(cell.firstElementChild ?? cell.appendChild(make("ul")), list, (it) => it,
  () => make("li"), (li, it) => put(li, it));

const KIND = { S: "SQL", E: "Entra", X: "Entra group" };
const TONE = {
  Running: "good", Replicating: "good", Active: "good", Reachable: "good", On: "good",
  Failed: "bad", Inactive: "bad", Unreachable: "bad", Off: "bad",
};

function status(element, name) {
  element.classList.remove("good", "bad", "busy");
  element.classList.add("state", TONE[name] ?? "busy");
  put(element, name, true);
}

function why(parent, text) {
  let element = parent.querySelector(":scope > .why");
  if (!text) return void element?.remove();
  element ??= parent.appendChild(make("span", "why"));
  put(element, text);
}

const moment = (text) => (text ?? "").replace("T", " ").replace(/(\.\d+)?Z$/, "");

/** What holds for all instances, or for each where they differ. */
function ofInstances(world, key) {
  const values = new Set(world.instances.map((instance) => instance[key]));
  if (values.size === 1) return [...values][0];
  return world.instances.map((instance) => `${instance.name}: ${instance[key]}`).join(", ");
}

function showWorld(world, clock) {
  const facts = [
    ["Virtual time", `${moment(clock.now)} UTC` + (clock.time_scale === 1 ? "" : ` (× ${clock.time_scale})`)],
    ["Capacity", world.capacity_state], ["Identity", ofInstances(world, "primary_identity")],
    ["Update policy", ofInstances(world, "update_policy")],
    ["Network", world.network], ["Gateway", world.gateway], ["OneLake for external apps", world.tenant_setting],
    ["Permissions as documented in", world.documentation],
  ];
  keep(byId("world"), facts, ([name]) => name,
    ([name]) => make("div", "", make("dt", "", name), make("dd")),
    (element, [, value]) => {
      put(element.lastChild, value);
      element.lastChild.className = value.split(/[:,] /).some((word) => TONE[word] === "bad") ? "bad" : "";
    });
}

function showFabric(fabric) {
  keep(byId("workspaces"), fabric.workspaces, (it) => it.id,
    () => make("div", "", make("h3"), make("p"), make("ul", "inline"), make("div"),
      make("p", "none", "No mirrored database.")),
    (element, workspace) => {
      const [title, capacity, roles, mirrors, none] = element.children;
      put(title, `Workspace ${workspace.display_name}`);
      const of = fabric.capacities.find((it) => it.id === workspace.capacity_id);
      put(capacity, of ? `On the capacity ${of.display_name} (${of.sku}, ${of.state}).` : "On no capacity.");
      keep(roles, workspace.role_assignments, (it) => it.principal_id, () => make("li"),
        (li, it) => put(li, `${it.principal_name ?? it.principal_id}: ${it.role}`));
      const here = fabric.mirrored_databases.filter((it) => it.workspace_id === workspace.id);
      keep(mirrors, here, (it) => it.id, createMirror, (article, it) => showMirror(article, it, fabric.connections));
      none.hidden = here.length > 0;
    });
  keep(byId("connection-rows"), fabric.connections, (it) => it.id, row("", "", ""), (tr, it) => {
    put(tr.cells[0], it.display_name);
    put(tr.cells[1], it.type);
    put(tr.cells[2], [it.server, it.database].filter(Boolean).join("; "));
  });
  empty(byId("connections"), fabric.connections.length === 0);
}

function empty(section, is) {
  section.querySelector("table").hidden = is;
  section.querySelector(".none").hidden = !is;
}

function createMirror(mirror) {
  const columns = [["Table", ""], ["Status", ""], ["Rows replicated", "number"], ["Last sync (UTC)", "time"]];
  const title = make("div", "title", make("h4"), make("span"));
  return make("article", "", title, make("p", "dim"), make("div"), table(`Tables of ${mirror.display_name}`, columns));
}

function showMirror(article, mirror, connections) {
  const [title, source, error, tables] = article.children;
  put(title.firstChild, mirror.display_name);
  status(title.lastChild, mirror.status);
  const connection = connections.find((it) => it.id === mirror.connection_id);
  const database = mirror.database ?? connection?.database;
  put(source, connection ? `From ${database ?? "?"} through ${connection.display_name}.` : "Without a connection.");
  why(error, mirror.error);
  tables.hidden = mirror.tables.length === 0;
  keep(tables.tBodies[0], mirror.tables, (it) => JSON.stringify([it.schema, it.name]),
    () => make("tr", "", make("td", "", make("span")), make("td"), make("td", "number"), make("td", "time")),
    (tr, it) => {
      put(tr.cells[0].firstChild, `${it.schema}.${it.name}`);
      why(tr.cells[0], it.error);
      tr.querySelector(".why")?.classList.toggle("warning", it.status !== "Failed");
      status(tr.cells[1], it.status);
      put(tr.cells[2], it.rows.toLocaleString("en"), true);
      put(tr.cells[3], moment(it.last_sync).slice(11) || "–");
    });
}

// The first instance, that of the ready-file, goes without a name.
function showInstances(instances) {
  const of = (it) => (it.name ? ` of ${it.name}` : "");
  keep(byId("instances"), instances, (it) => it.name ?? "",
    (it) => make("div", "", make("h3", "", `Logins${of(it)}`),
      table(`Logins${of(it)}`, [["Login", ""], ["Type", ""], ["Server roles", ""]]), make("div")),
    (element, instance) => {
      const [, logins, databases] = element.children;
      keep(logins.tBodies[0], instance.logins, (it) => `${it.name}\n${it.sid}`, row("", "", ""), (tr, it) => {
        put(tr.cells[0], it.name + (it.disabled ? " (disabled)" : ""));
        put(tr.cells[1], KIND[it.type] ?? it.type);
        words(tr.cells[2], it.server_roles);
      });
      keep(databases, instance.databases, (it) => it.name,
        (it) => make("div", "", make("h3", "", `Database ${it.name}${of(instance)}`), table(`Users of ${it.name}${of(instance)}`,
          [["User", ""], ["Login", ""], ["Roles", ""], ["Permissions", ""]])),
        (it, database) => showUsers(it.lastChild.tBodies[0], database));
    });
}

function showUsers(rows, database) {
  // A role can hold permissions too, and has no user.
  const users = [...database.users];
  for (const { grantee } of database.permissions) {
    if (!users.some((it) => it.name === grantee)) users.push({ name: grantee, roles: [] });
  }
  keep(rows, users, (it) => it.name, row("", "", "", ""), (tr, it) => {
    put(tr.cells[0], it.name);
    put(tr.cells[1], it.login ?? "–");
    words(tr.cells[2], it.roles);
    const held = database.permissions.filter((permission) => permission.grantee === it.name);
    words(tr.cells[3], held.map(({ state, permission }) => (state === "GRANT" ? permission : `${permission} (${state})`)));
  });
}

const journal = { entries: new Map(), clearings: null };

// Asks only for what is new, and for what had not ended at the last look.
async function readJournal() {
  let after = -1;
  for (const entry of journal.entries.values()) {
    if (entry.ms === undefined) break;
    after = entry.index;
  }
  const answer = await get(`/requests?limit=${MOST_REQUESTS}` + (after < 0 ? "" : `&after=${after}`));
  const clearings = answer.headers.get("journal-clearings");
  const anew = clearings !== journal.clearings;
  if (anew) {
    journal.entries.clear();
    journal.clearings = clearings;
    if (after >= 0) return readJournal();
  }
  for (const entry of await answer.json()) journal.entries.set(entry.index, entry);
  for (const index of journal.entries.keys()) {
    if (journal.entries.size <= MOST_REQUESTS) break;
    journal.entries.delete(index);
  }
}

const WHOLE = 160;

function asked(entry) {
  if (entry.method) return [`${entry.method} ${entry.path}`, entry.body ?? ""];
  if (entry.text === undefined) return [`login${entry.database ? ` into ${entry.database}` : ""}`, ""];
  const line = entry.text.trim().split("\n", 1)[0].slice(0, WHOLE);
  return [line, line === entry.text.trim() ? "" : entry.text];
}

function createRequest(entry) {
  const [line, more] = asked(entry);
  const request = make("td", "", make("code", "", line));
  if (more) request.append(make("details", "", make("summary", "", entry.method ? "body" : "whole text"), make("pre", "", more)));
  return make("tr", "", make("td", "number", String(entry.index)), make("td", "time", (entry.at ?? "").slice(11, 23)), request,
    make("td", "answer", make("span")), make("td", "number"));
}

function showJournal() {
  const channel = byId("channel").value;
  const containing = byId("containing").value.toLowerCase();
  const wanted = [...journal.entries.values()].filter((it) =>
    (channel === "" || it.channel === channel || (channel === "errors" && (it.error || it.status >= 400))) &&
    (containing === "" || asked(it).join("\n").toLowerCase().includes(containing)));
  const last = Math.max(-1, ...journal.entries.keys()) + 1;
  put(byId("counted"), `${wanted.length} shown of ${last} so far`);
  keep(byId("request-rows"), wanted.reverse(), (it) => `${journal.clearings}/${it.index}`, createRequest, (tr, it) => {
    const failed = Boolean(it.error) || it.status >= 400;
    const running = it.ms === undefined;
    const answer = tr.cells[3];
    put(answer.firstChild, running ? "…" : it.status ?? (failed ? "error" : "ok"));
    answer.firstChild.className = failed ? "bad" : "";
    why(answer, it.error);
    put(tr.cells[4], running ? "" : it.ms.toFixed(1));
  });
}

// What is in sight stays where it is, whatever appears above it.
function inPlace(change) {
  const anchor = window.scrollY === 0 ? undefined
    : [...document.querySelectorAll("tr, h2, h3, article")].find((it) => it.getBoundingClientRect().top >= 0);
  const before = anchor?.getBoundingClientRect().top;
  change();
  if (anchor?.isConnected) window.scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
}

async function get(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

const getJson = async (path) => (await get(path)).json();

let gone = null;

async function look() {
  try {
    const [state, world, clock] = await Promise.all([getJson("/state"), getJson("/world"), getJson("/clock"), readJournal()]);
    inPlace(() => {
      showWorld(world, clock);
      showFabric(state.fabric);
      showInstances([state.sql, ...state.other_instances]);
      showJournal();
    });
    gone = null;
    put(byId("live"), "live");
  } catch (error) {
    gone ??= new Date().toLocaleTimeString();
    put(byId("live"), `The emulator has not answered since ${gone}. Below is what was last seen.`);
    console.info(String(error));
  }
  document.documentElement.classList.toggle("gone", gone !== null);
}

async function watch() {
  for (;;) {
    if (!document.hidden) await look();
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

byId("channel").addEventListener("change", () => inPlace(showJournal));
byId("containing").addEventListener("input", () => inPlace(showJournal));
watch();
