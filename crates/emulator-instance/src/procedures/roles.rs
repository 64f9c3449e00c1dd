//! The procedures that ALTER ROLE and ALTER SERVER ROLE replaced; administrators' scripts still call them.

use super::super::errors;
use super::super::functions;
use super::super::work::Work;
use super::answer::Answer;
use emulator_ground::engine::Message;
use emulator_ground::value::Value;
use emulator_tsql::ast::RoleChange;

impl Work<'_> {
    /// 15014 and 15410 for what does not exist; as ALTER ROLE otherwise. 15247 where that statement says 15151 of a role
    /// that is there.
    pub(super) fn change_role_member(&mut self, arguments: &[Value], add: bool) -> Result<Answer, Message> {
        let (role, member) = (name(arguments, 0, "@rolename")?, name(arguments, 1, "@membername")?);
        let database = self.database()?;
        if database.role(&role).is_none() {
            let text = format!("The role '{role}' does not exist in the current database.");
            return Err(Message::new(15014, 16, 1, text));
        }
        if database.principal(&member).is_none() {
            let text = format!("User or role '{member}' does not exist in this database.");
            return Err(Message::new(15410, 11, 1, text));
        }
        self.alter_role(&role, &change(member, add)).map_err(|error| denied(error, &role))?;
        Ok(Answer::default())
    }

    /// Fixed server roles alone, and never in a transaction, as the procedures' pages say.
    pub(super) fn change_server_role_member(
        &mut self,
        procedure: &str,
        arguments: &[Value],
        add: bool,
    ) -> Result<Answer, Message> {
        let (member, role) = (name(arguments, 0, "@loginame")?, name(arguments, 1, "@rolename")?);
        if self.ambient.transactions > 0 {
            let text = format!("The procedure 'sys.{procedure}' cannot be executed within a transaction.");
            return Err(Message::new(15002, 16, 1, text));
        }
        if !self.state.server_role(&role).is_some_and(|role| role.fixed) {
            return Err(Message::new(15402, 11, 1, format!("'{role}' is not a fixed server role.")));
        }
        if self.state.login(&member).is_none() {
            let text = format!("'{member}' is not a valid login or you do not have permission.");
            return Err(Message::new(15007, 16, 1, text));
        }
        self.alter_server_role(&role, &change(member, add)).map_err(|error| denied(error, &role))?;
        Ok(Answer::default())
    }
}

fn change(member: String, add: bool) -> RoleChange {
    if add { RoleChange::AddMember(member) } else { RoleChange::DropMember(member) }
}

/// UNCONFIRMED for a member that is none: ALTER ROLE's 15151 stays.
fn denied(error: Message, role: &str) -> Message {
    let of_role = error.number == 15151 && error.text.contains(&format!("role '{role}'"));
    if of_role { errors::action_denied() } else { error }
}

fn name(arguments: &[Value], at: usize, parameter: &str) -> Result<String, Message> {
    functions::text(arguments.get(at)).ok_or_else(|| {
        Message::new(15223, 11, 1, format!("Error: The input parameter '{parameter}' is not allowed to be null."))
    })
}
