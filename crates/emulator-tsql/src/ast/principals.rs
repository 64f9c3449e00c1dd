//! Logins, users, roles, permissions.

use super::ObjectName;

#[derive(Debug, Clone)]
pub enum LoginSource {
    Password {
        password: Secret,
        options: Vec<LoginOption>,
    },
    External {
        object_id: Option<String>,
        options: Vec<LoginOption>,
    },
    /// A certificate or an asymmetric key.
    Key {
        kind: &'static str,
        name: String,
    },
    /// Windows: named for the message.
    Outside(&'static str),
}

/// A password as written; `Debug` does not show it.
#[derive(Clone)]
pub struct Secret {
    pub value: PasswordValue,
    pub must_change: bool,
    pub hashed: bool,
    pub unlock: bool,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[derive(Clone)]
pub enum PasswordValue {
    Text(String),
    Hash(Vec<u8>),
}

#[derive(Debug, Clone)]
pub enum LoginOption {
    Sid(Vec<u8>),
    /// `E` or `X`
    Type(String),
    DefaultDatabase(String),
    DefaultLanguage(String),
    CheckPolicy(bool),
    CheckExpiration(bool),
    Credential,
    Name(String),
    Password {
        new: Secret,
        old: Option<Secret>,
    },
}

#[derive(Debug, Clone)]
pub enum LoginChange {
    Enable,
    Disable,
    Options(Vec<LoginOption>),
    Credential,
}

#[derive(Debug, Clone)]
pub enum RoleChange {
    AddMember(String),
    DropMember(String),
    Rename(String),
}

#[derive(Debug, Clone)]
pub enum UserSource {
    /// No clause: the login of the same name.
    SameName,
    Login(String),
    WithoutLogin,
    External {
        object_id: Option<String>,
    },
    /// A certificate or an asymmetric key.
    Key {
        kind: &'static str,
        name: String,
    },
}

#[derive(Debug, Clone)]
pub enum UserOption {
    Name(String),
    DefaultSchema(Option<String>),
    Login(String),
    Password,
    DefaultLanguage,
    Sid(Vec<u8>),
    Type(String),
    AllowEncryptedValueModifications,
}

/// `CLASS::name`; a plain name after ON is an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Securable {
    /// Upper case, single blanks: `SCHEMA`, `OBJECT`, `SERVER ROLE`, …
    pub class: String,
    pub name: ObjectName,
    pub columns: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionVerb {
    Grant { with_grant_option: bool },
    Deny { cascade: bool },
    Revoke { grant_option_only: bool, cascade: bool },
}

#[derive(Debug, Clone)]
pub struct PermissionStatement {
    pub verb: PermissionVerb,
    pub permissions: Vec<PermissionWords>,
    pub on: Option<Securable>,
    /// `None` is the word NULL, which the grammar allows and the server does not.
    pub principals: Vec<Option<String>>,
    pub grantor: Option<String>,
}

#[derive(Debug, Clone)]
pub struct PermissionWords {
    /// Upper case, single blanks.
    pub words: String,
    pub columns: Vec<String>,
    /// As written, for messages.
    pub last_word: String,
}
