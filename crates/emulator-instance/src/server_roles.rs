//! Server roles: made, given members, dropped.

use super::access::Target;
use super::errors::{self, cannot};
use super::permissions::Class;
use super::state::{PrincipalType, SERVER_PUBLIC, ServerPrincipal};
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_tsql::ast::RoleChange;

impl Work<'_> {
    pub fn create_server_role(&mut self, name: &str, owner: Option<&str>) -> Result<(), Message> {
        if !self.may_server("CREATE SERVER ROLE") {
            return Err(errors::action_denied());
        }
        if self.state.server_principal(name).is_some() {
            return Err(Message::new(15025, 16, 1, format!("The server principal '{name}' already exists.")));
        }
        errors::not_reserved(name)?;
        let owner = match owner {
            Some(owner) => {
                self.state.server_principal(owner).ok_or_else(|| cannot("find", "server principal", owner))?.id
            }
            None => self.server_self(),
        };
        let now = self.ambient.now;
        let seed = format!("{}/{name}", self.ambient.server_name);
        let state = self.change();
        let (id, sid) = (state.next_server_principal, state.new_sid(&seed));
        state.next_server_principal += 1;
        state.server_principals.insert(
            id,
            ServerPrincipal {
                id,
                name: name.to_owned(),
                sid,
                kind: PrincipalType::Role,
                disabled: false,
                created: now,
                modified: now,
                password: None,
                default_database: String::new(),
                default_language: String::new(),
                check_policy: false,
                check_expiration: false,
                owner: Some(owner),
                fixed: false,
            },
        );
        Ok(())
    }

    pub fn alter_server_role(&mut self, name: &str, change: &RoleChange) -> Result<(), Message> {
        let token = self.token();
        let refused = || cannot("alter", "server role", name);
        let Some(role) = self.state.server_role(name).cloned() else { return Err(refused()) };
        // A fixed role is changed by its own members and sysadmin only; CONTROL SERVER is not enough.
        let may = if role.fixed {
            token.sysadmin || token.server.contains(&role.id)
        } else {
            self.state.may(&token, Target::on_server(Class::ServerRole, role.id), "ALTER")
        };
        if !may || role.id == SERVER_PUBLIC {
            return Err(if may { errors::special_principal("alter", "server role", name) } else { refused() });
        }
        match change {
            RoleChange::Rename(_) if role.fixed => Err(errors::special_principal("alter", "server role", name)),
            RoleChange::Rename(new) => {
                if self.state.server_principal(new).is_some_and(|p| p.id != role.id) {
                    return Err(Message::new(15025, 16, 1, format!("The server principal '{new}' already exists.")));
                }
                errors::not_reserved(new)?;
                if let Some(role) = self.change().server_principals.get_mut(&role.id) {
                    new.clone_into(&mut role.name);
                }
                Ok(())
            }
            RoleChange::AddMember(member) | RoleChange::DropMember(member) => {
                let adding = matches!(change, RoleChange::AddMember(_));
                let verb = if adding { "add" } else { "drop" };
                let Some(principal) = self.state.server_principal(member).map(|p| (p.id, p.kind, p.fixed)) else {
                    return Err(cannot(verb, "server principal", member));
                };
                if principal.0 == super::state::SA || principal.2 {
                    return Err(errors::special_principal("use", "special principal", member));
                }
                if adding && self.state.server_token(role.id).contains(&principal.0) {
                    return Err(Message::new(15413, 11, 1, "Cannot make a role a member of itself."));
                }
                let pair = (role.id, principal.0);
                if !adding && !self.state.server_members.contains(&pair) {
                    return Err(cannot(verb, "server principal", member));
                }
                let members = &mut self.change().server_members;
                if adding {
                    members.insert(pair)
                } else {
                    members.remove(&pair)
                };
                Ok(())
            }
        }
    }

    pub fn drop_server_role(&mut self, name: &str) -> Result<(), Message> {
        let token = self.token();
        let Some(role) = self.state.server_role(name).cloned() else { return Err(cannot("drop", "server role", name)) };
        if role.fixed {
            return Err(errors::special_principal("drop", "server role", name));
        }
        if !self.state.may(&token, Target::on_server(Class::ServerRole, role.id), "CONTROL") {
            return Err(cannot("drop", "server role", name));
        }
        if self.state.server_members.iter().any(|(of, _)| *of == role.id) {
            return Err(Message::new(15144, 16, 1, "The role has members. It must be empty before it can be dropped."));
        }
        let state = self.change();
        state.server_principals.remove(&role.id);
        state.server_members.retain(|(_, member)| *member != role.id);
        state.server_permissions.retain(|row| row.grantee != role.id);
        Ok(())
    }
}
