//! What a statement changes, while it runs: a copy of the state that becomes the state when it succeeds.

use std::sync::Arc;

use super::access::{Target, Token};
use super::ambient::Ambient;
use super::errors;
use super::state::{DBO, Database, SA, State};
use super::store::Store;
use emulator_ground::engine::Message;
use emulator_ground::source::Directory;

pub struct Work<'a> {
    pub state: &'a mut Arc<State>,
    pub store: &'a mut Store,
    pub ambient: &'a Ambient,
    pub directory: &'a dyn Directory,
    /// Another session has a transaction with changes of its own.
    pub busy: bool,
    /// Set when the statement reads rows and must wait for that session.
    pub must_wait: bool,
    pub cancelled: &'a dyn Fn() -> bool,
}

impl Work<'_> {
    pub fn token(&self) -> Token {
        self.state.token(self.ambient.identity, self.ambient.database)
    }
    pub fn change(&mut self) -> &mut State {
        Arc::make_mut(self.state)
    }
    pub fn database(&self) -> Result<Arc<Database>, Message> {
        self.state
            .database(self.ambient.database)
            .cloned()
            .ok_or_else(|| errors::internal("the current database is gone"))
    }
    pub fn change_database(&mut self) -> Result<&mut Database, Message> {
        let id = self.ambient.database;
        self.change().database_mut(id).ok_or_else(|| errors::internal("the current database is gone"))
    }
    pub fn may_server(&self, permission: &str) -> bool {
        self.state.may(&self.token(), Target::SERVER, permission)
    }
    pub fn may(&self, permission: &str) -> bool {
        self.state.may(&self.token(), Target::database(self.ambient.database), permission)
    }
    /// Who is written down as the grantor or owner in the database: dbo for those who act as it.
    pub fn database_self(&self) -> i32 {
        let token = self.token();
        if token.is_db_owner() { DBO } else { token.user.unwrap_or(DBO) }
    }
    pub fn server_self(&self) -> i32 {
        let token = self.token();
        if token.sysadmin { SA } else { token.login.unwrap_or(SA) }
    }
}
