//! Does a scenario add up? Every problem is named with its place in the file and what to do.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use uuid::Uuid;

use super::{GatewayKind, Instance, Scenario};
use crate::entra::PrincipalKind;
use crate::instance::ScriptError;

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// E.g. `workspaces[0].roles[1].principal_id`.
    pub path: String,
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

/// Problems found so far.
struct Findings<'s> {
    scenario: &'s Scenario,
    problems: Vec<Problem>,
}

impl Scenario {
    /// All that is wrong.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut findings = Findings { scenario: self, problems: Vec::new() };
        findings.rest();
        findings.directory();
        findings.instances();
        findings.tenant();
        findings.workspaces();
        findings.problems
    }
}

impl Findings<'_> {
    fn add(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), text: text.into() });
    }

    /// Refuses the second and later of the same value; values are at `path(place)`.
    fn once<T: Eq + Hash + fmt::Display>(
        &mut self,
        values: impl IntoIterator<Item = T>,
        path: impl Fn(usize) -> String,
    ) {
        let mut seen = HashSet::new();
        for (place, value) in values.into_iter().enumerate() {
            if seen.contains(&value) {
                self.add(path(place), format!("{value} is used twice; give each its own"));
            }
            seen.insert(value);
        }
    }

    fn principal(&mut self, id: Uuid, path: String) {
        if self.scenario.directory.find(id).is_none() {
            self.add(path, format!("{id} is no principal of the directory; add it to directory.principals"));
        }
    }

    fn capacity(&mut self, id: Option<Uuid>, path: String) {
        if let Some(id) = id
            && !self.scenario.capacities.iter().any(|capacity| capacity.id == id)
        {
            self.add(path, format!("{id} is no capacity; add it to capacities"));
        }
    }

    fn rest(&mut self) {
        if let Some((key, text)) = self.scenario.rest.problem() {
            self.add(format!("rest.{key}"), text);
        }
        if let Some((key, text)) = self.scenario.answers.problem() {
            self.add(format!("answers.{key}"), text);
        }
    }

    fn directory(&mut self) {
        let principals = &self.scenario.directory.principals;
        if self.scenario.application().is_none() {
            let text = "needs a ServicePrincipal with app_id and secrets: the application of the ready-file";
            self.add("directory.principals", text);
        }
        self.once(principals.iter().map(|principal| principal.id), |place| format!("directory.principals[{place}].id"));
        let with_app: Vec<_> =
            (0..).zip(principals).filter_map(|(place, principal)| Some((place, principal.app_id?))).collect();
        self.once(with_app.iter().map(|(_, id)| *id), |nth| {
            format!("directory.principals[{}].app_id", with_app[nth].0)
        });
        for (place, principal) in principals.iter().enumerate() {
            let at = |key: &str| format!("directory.principals[{place}].{key}");
            for (member, id) in principal.members.iter().enumerate() {
                self.principal(*id, format!("{}[{member}]", at("members")));
            }
            if !principal.members.is_empty() && principal.kind != PrincipalKind::Group {
                self.add(at("members"), "only a Group has members");
            }
            let is_application = principal.kind == PrincipalKind::ServicePrincipal;
            if principal.app_id.is_some() && !is_application {
                self.add(at("app_id"), "only a ServicePrincipal has one");
            }
            if !principal.secrets.is_empty() && principal.app_id.is_none() {
                self.add(at("secrets"), "need an app_id beside them");
            }
            if principal.managed_identity.is_some() && principal.app_id.is_none() {
                self.add(at("managed_identity"), "needs an app_id beside it");
            }
        }
        let resources: Vec<_> = (0..)
            .zip(principals)
            .filter_map(|(place, principal)| {
                Some((place, principal.managed_identity.as_ref()?.resource_id.to_lowercase()))
            })
            .collect();
        self.once(resources.iter().map(|(_, id)| id.as_str()), |nth| {
            format!("directory.principals[{}].managed_identity.resource_id", resources[nth].0)
        });
    }

    fn instances(&mut self) {
        let instances: Vec<&Instance> = self.scenario.instances().collect();
        self.once(instances.iter().map(|instance| instance.private_host().to_lowercase()), |place| {
            instance_path(place, "name")
        });
        self.once(instances.iter().map(|instance| instance.identity_object_id), |place| {
            instance_path(place, "identity_object_id")
        });
        for (place, instance) in instances.into_iter().enumerate() {
            self.principal(instance.identity_object_id, instance_path(place, "identity_object_id"));
            if let Some(identity) = self.scenario.directory.find(instance.identity_object_id)
                && identity.app_id != Some(instance.identity_client_id)
            {
                let text = format!("must be the app_id of the principal {}", identity.id);
                self.add(instance_path(place, "identity_client_id"), text);
            }
            for (key, label) in [("name", &instance.name), ("zone", &instance.zone)] {
                if label.is_empty() || !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                    self.add(instance_path(place, key), "must be a label of a host name: letters, digits and hyphens");
                }
            }
            if instance.databases.is_empty() {
                self.add(instance_path(place, "databases"), "at least one database is needed");
            }
            let path = |nth: usize| instance_path(place, &format!("databases[{nth}].name"));
            self.once(instance.databases.iter().map(|database| database.name.to_lowercase()), path);
            for (nth, database) in instance.databases.iter().enumerate() {
                if ["master", "tempdb", "model", "msdb", ""].contains(&database.name.to_lowercase().as_str()) {
                    self.add(path(nth), "is no name for a user database");
                }
            }
        }
    }

    fn tenant(&mut self) {
        let scenario = self.scenario;
        if scenario.capacities.is_empty() {
            self.add("capacities", "at least one capacity is needed");
        }
        self.once(scenario.capacities.iter().map(|capacity| capacity.id), |place| format!("capacities[{place}].id"));
        for (place, capacity) in scenario.capacities.iter().enumerate() {
            for (nth, id) in capacity.administrators.iter().enumerate() {
                self.principal(*id, format!("capacities[{place}].administrators[{nth}]"));
            }
        }
        self.once(scenario.gateways.iter().map(|gateway| gateway.id), |place| format!("gateways[{place}].id"));
        for (place, gateway) in scenario.gateways.iter().enumerate() {
            let at = |key: &str| format!("gateways[{place}].{key}");
            for (nth, id) in gateway.administrators.iter().enumerate() {
                self.principal(*id, format!("{}[{nth}]", at("administrators")));
            }
            self.capacity(gateway.capacity_id, at("capacity_id"));
            match gateway.kind {
                GatewayKind::VirtualNetwork if !gateway.members.is_empty() => {
                    self.add(at("members"), "only a gateway of the type OnPremises lists its members");
                }
                GatewayKind::OnPremises if gateway.capacity_id.is_some() => {
                    self.add(at("capacity_id"), "only a gateway of the type VirtualNetwork has one");
                }
                GatewayKind::OnPremises if gateway.members.first().is_some_and(|first| first.id != gateway.id) => {
                    self.add(at("members[0].id"), "must be the gateway's id: the first member is the primary one");
                }
                _ => {}
            }
            self.once(gateway.members.iter().map(|member| member.id), |nth| {
                format!("gateways[{place}].members[{nth}].id")
            });
        }
    }

    fn workspaces(&mut self) {
        let workspaces = &self.scenario.workspaces;
        if workspaces.is_empty() {
            self.add("workspaces", "at least one workspace is needed");
        }
        self.once(workspaces.iter().map(|workspace| workspace.id), |place| format!("workspaces[{place}].id"));
        let names = workspaces.iter().map(|workspace| workspace.display_name.to_lowercase());
        self.once(names, |place| format!("workspaces[{place}].display_name"));
        for (place, workspace) in workspaces.iter().enumerate() {
            self.capacity(workspace.capacity_id, format!("workspaces[{place}].capacity_id"));
            let at = |nth: usize| format!("workspaces[{place}].roles[{nth}].principal_id");
            self.once(workspace.roles.iter().map(|role| role.principal_id), at);
            for (nth, role) in workspace.roles.iter().enumerate() {
                self.principal(role.principal_id, at(nth));
            }
        }
    }
}

/// The first instance is `instance`, the others are `other_instances`.
fn instance_path(place: usize, key: &str) -> String {
    match place.checked_sub(1) {
        None => format!("instance.{key}"),
        Some(other) => format!("other_instances[{other}].{key}"),
    }
}

impl Instance {
    /// A script of this instance, the one at `place`, that was refused.
    pub fn explain(&self, place: usize, error: &ScriptError) -> String {
        match self.databases.iter().position(|database| database.name == error.database) {
            Some(nth) => {
                let path = instance_path(place, &format!("databases[{nth}].script"));
                format!("{path} (database {}), {error} – correct the script", error.database)
            }
            None => format!("{}: {error}", instance_path(place, "name")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Scenario::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_of_form_say_where_and_what_there_could_be() {
        let cases = [
            (r#"{"wrold":{}}"#, "unknown field `wrold`"),
            (r#"{"wrold":{}}"#, "expected one of `description`, `world`"),
            (
                r#"{"world":{"documentation":"2024"}}"#,
                "at world.documentation: unknown variant `2024`, expected one of `2025-05`",
            ),
            (
                r#"{"other_instances":[{"update_policy":"2022"}]}"#,
                "at other_instances[0].update_policy: unknown variant `2022`, expected one of `AlwaysUpToDate`",
            ),
            (r#"{"instance":{"primary_identity":1}}"#, "at instance.primary_identity: "),
            (r#"{"answers":{"sql":{"4613":{"severity":20}}}}"#, "answers.sql.4613.severity: must be from 11 to 19"),
            (r#"{"rest":{"page_size":"two"}}"#, "at rest.page_size: invalid type"),
            (r#"{"rest":{"item_recovery_days":91}}"#, "rest.item_recovery_days: must be from 7 to 90"),
            (r#"{"rest":{"calls_per_minute":0}}"#, "rest.calls_per_minute: must be at least 1, or null"),
            (r#"{"rest":{"changes_per_minute":0}}"#, "rest.changes_per_minute: must be at least 1, or null"),
            (r#"{"rest":{"role_race_ms":60001}}"#, "rest.role_race_ms: must be at most 60000"),
            (
                r#"{"world":{"item_recovery":"Yes"}}"#,
                "at world.item_recovery: unknown variant `Yes`, expected `Off` or `On`",
            ),
            (r#"{"workspaces":[{"id":"1","display_name":"W"}]}"#, "at workspaces[0].id: "),
            (r#"{"workspaces":[{"display_name":"W"}]}"#, "at workspaces[0]: missing field `id`"),
            (
                r#"{"instance":{"databases":[{"name":"D","script":1}]}}"#,
                "databases[0].script: a script is a text or a list of lines",
            ),
            (
                r#"{"instance":{"databases":[{"name":"D","state":"SUSPECT"}]}}"#,
                "databases[0].state: unknown variant `SUSPECT`, expected one of `ONLINE`, `RESTORING`, `OFFLINE`",
            ),
            (r#"{"world":{}"#, "line 1 column 11"),
            ("{} {}", "there is more after it"),
        ];
        for (text, part) in cases {
            assert!(error(text).contains(part), "{text}\n{}", error(text));
        }
    }

    #[test]
    fn what_does_not_add_up_is_named_with_its_place_and_all_at_once() {
        let id = "11111111-1111-4111-8111-111111111111";
        let both = error(r#"{"workspaces":[],"rest":{"page_size":0}}"#);
        assert_eq!(
            both,
            "does not add up:\n  rest.page_size: must be at least 1\n  workspaces: at least one workspace is needed"
        );
        let principals = |more: &str| {
            format!(
                r#"{{"directory":{{"tenant_id":"{id}","principals":[
                {{"id":"a11ce000-1b2c-4d3e-8f40-5a6b7c8d9e02","type":"ServicePrincipal","display_name":"a","app_id":"a11ce000-52d1-4c7b-b0a9-3e4f5a6b7c03","secrets":["s"]}},
                {{"id":"1de47171-90ab-4cde-8f12-3456789abc04","type":"ServicePrincipal","display_name":"i","app_id":"1de47171-aa01-4b23-9c45-6789abcdef05"}}{more}]}}}}"#
            )
        };
        assert!(Scenario::parse(&principals("")).is_ok());
        let workspace = |more: &str| format!(r#"{{"workspaces":[{{"id":"{id}","display_name":"W"{more}}}]}}"#);
        let cases = [
            (
                workspace(&format!(r#","capacity_id":"{id}""#)),
                "workspaces[0].capacity_id: 11111111-1111-4111-8111-111111111111 is no capacity; add it to capacities",
            ),
            (
                workspace(&format!(r#","roles":[{{"principal_id":"{id}","role":"Admin"}}]"#)),
                "workspaces[0].roles[0].principal_id: 11111111-1111-4111-8111-111111111111 is no principal of the directory; add it",
            ),
            (
                format!(r#"{{"capacities":[{{"id":"{id}","display_name":"A"}},{{"id":"{id}","display_name":"B"}}]}}"#),
                "capacities[1].id: 11111111-1111-4111-8111-111111111111 is used twice; give each its own",
            ),
            (
                principals(&format!(
                    r#",{{"id":"a11ce000-1b2c-4d3e-8f40-5a6b7c8d9e02","type":"User","display_name":"u","members":["{id}"]}}"#
                )),
                "directory.principals[2].id: a11ce000-1b2c-4d3e-8f40-5a6b7c8d9e02 is used twice",
            ),
            (
                principals(&format!(r#",{{"id":"{id}","type":"User","display_name":"u","members":["{id}"]}}"#)),
                "directory.principals[2].members: only a Group has members",
            ),
            (
                principals(&format!(
                    r#",{{"id":"{id}","type":"ServicePrincipal","display_name":"u","app_id":"1de47171-aa01-4b23-9c45-6789abcdef05"}}"#
                )),
                "directory.principals[2].app_id: 1de47171-aa01-4b23-9c45-6789abcdef05 is used twice",
            ),
            (
                r#"{"other_instances":[{}]}"#.to_owned(),
                "other_instances[0].name: contoso-mi.abc123.database.windows.net is used twice",
            ),
            (r#"{"instance":{"name":"a.b"}}"#.to_owned(), "instance.name: must be a label"),
            (
                r#"{"instance":{"databases":[{"name":"D"},{"name":"d"}]}}"#.to_owned(),
                "instance.databases[1].name: d is used twice",
            ),
            (
                r#"{"instance":{"databases":[{"name":"Master"}]}}"#.to_owned(),
                "instance.databases[0].name: is no name for a user database",
            ),
            (
                format!(r#"{{"instance":{{"identity_client_id":"{id}"}}}}"#),
                "instance.identity_client_id: must be the app_id of the principal",
            ),
            (
                format!(r#"{{"gateways":[{{"id":"{id}","display_name":"G","administrators":["{id}"]}}]}}"#),
                "gateways[0].administrators[0]: 11111111",
            ),
        ];
        for (text, part) in cases {
            assert!(error(&text).contains(part), "{text}\n{}", error(&text));
        }
    }
}
