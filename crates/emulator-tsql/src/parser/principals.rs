//! Logins, users, roles, schemas and who owns them.

use super::super::ast::{
    LoginChange, LoginOption, LoginSource, PasswordValue, RoleChange, Secret, Securable, StatementKind, UserOption,
    UserSource,
};
use super::super::lexer::Kind;
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn create_login(&mut self) -> Parsed<StatementKind> {
        let name = self.name()?;
        if self.eat("WITH") {
            self.expect("PASSWORD =")?;
            let password = self.secret(true)?;
            let mut options = Vec::new();
            while self.eat(",") {
                options.push(self.login_option(false)?);
            }
            return Ok(StatementKind::CreateLogin { name, source: LoginSource::Password { password, options } });
        }
        self.expect("FROM")?;
        if self.eat("WINDOWS") {
            if self.eat("WITH") {
                self.list(|p| p.login_option(false))?;
            }
            return Ok(StatementKind::CreateLogin { name, source: LoginSource::Outside("a Windows login") });
        }
        if self.sees("CERTIFICATE") || self.sees("ASYMMETRIC KEY") {
            let kind = if self.eat("CERTIFICATE") { "certificate" } else { "asymmetric key" };
            if kind != "certificate" {
                self.at += 2;
            }
            let key = self.name()?;
            if self.eat("WITH") {
                self.expect("CREDENTIAL =")?;
                self.name()?;
            }
            let source = LoginSource::Key { kind, name: key };
            return Ok(StatementKind::CreateLogin { name, source });
        }
        self.expect("EXTERNAL PROVIDER")?;
        let mut object_id = None;
        let mut options = Vec::new();
        if self.eat("WITH") {
            let start = self.at;
            self.list(|p| {
                if p.eat("OBJECT_ID") {
                    if object_id.is_some() {
                        return Err(p.unexpected_at(p.at - 1));
                    }
                    p.expect("=")?;
                    object_id = Some(p.string()?);
                } else {
                    options.push(p.login_option(true)?);
                }
                Ok(())
            })?;
            // SID and TYPE only together, and each once.
            let sids = options.iter().filter(|o| matches!(o, LoginOption::Sid(_))).count();
            let types = options.iter().filter(|o| matches!(o, LoginOption::Type(_))).count();
            if sids != types || sids > 1 {
                return Err(self.unexpected_at(start));
            }
        }
        Ok(StatementKind::CreateLogin { name, source: LoginSource::External { object_id, options } })
    }

    fn login_option(&mut self, external: bool) -> Parsed<LoginOption> {
        let known: &[&'static str] = if external {
            &["SID", "TYPE", "DEFAULT_DATABASE", "DEFAULT_LANGUAGE"]
        } else {
            &["SID", "DEFAULT_DATABASE", "DEFAULT_LANGUAGE", "CHECK_POLICY", "CHECK_EXPIRATION", "CREDENTIAL"]
        };
        let Some(word) = self.one_of(known) else { return Err(self.unexpected()) };
        self.expect("=")?;
        self.login_option_value(word)
    }

    fn login_option_value(&mut self, word: &str) -> Parsed<LoginOption> {
        Ok(match word {
            "SID" => LoginOption::Sid(self.binary()?),
            "TYPE" => LoginOption::Type(self.name()?),
            "DEFAULT_DATABASE" => LoginOption::DefaultDatabase(self.name()?),
            "DEFAULT_LANGUAGE" if self.kind() == Some(Kind::Integer) => {
                LoginOption::DefaultLanguage(self.integer()?.to_string())
            }
            "DEFAULT_LANGUAGE" => LoginOption::DefaultLanguage(self.name()?),
            "CHECK_POLICY" => LoginOption::CheckPolicy(self.on_or_off()?),
            "CHECK_EXPIRATION" => LoginOption::CheckExpiration(self.on_or_off()?),
            "NAME" => LoginOption::Name(self.name()?),
            _ => {
                self.name()?;
                LoginOption::Credential
            }
        })
    }

    /// A password and the words that may follow it.
    fn secret(&mut self, creating: bool) -> Parsed<Secret> {
        let value = if self.kind() == Some(Kind::Binary) {
            PasswordValue::Hash(self.binary()?)
        } else {
            PasswordValue::Text(self.string()?)
        };
        let is_hash = matches!(value, PasswordValue::Hash(_));
        let mut secret = Secret { value, must_change: false, hashed: false, unlock: false };
        let words: &[&'static str] =
            if creating { &["MUST_CHANGE", "HASHED"] } else { &["MUST_CHANGE", "HASHED", "UNLOCK"] };
        while let Some(word) = self.one_of(words) {
            let flag = match word {
                "MUST_CHANGE" => &mut secret.must_change,
                "HASHED" => &mut secret.hashed,
                _ => &mut secret.unlock,
            };
            if std::mem::replace(flag, true) {
                return Err(self.unexpected_at(self.at - 1));
            }
        }
        if creating && is_hash && !secret.hashed {
            return Err(self.unexpected());
        }
        Ok(secret)
    }

    pub(super) fn alter_login(&mut self) -> Parsed<StatementKind> {
        let name = self.name()?;
        let change = match self.one_of(&["ENABLE", "DISABLE", "ADD", "DROP", "WITH"]) {
            Some("ENABLE") => LoginChange::Enable,
            Some("DISABLE") => LoginChange::Disable,
            Some("ADD" | "DROP") => {
                self.expect("CREDENTIAL")?;
                self.name()?;
                LoginChange::Credential
            }
            Some(_) => LoginChange::Options(self.list(Self::altered_login_option)?),
            None => return Err(self.unexpected()),
        };
        Ok(StatementKind::AlterLogin { name, change })
    }

    fn altered_login_option(&mut self) -> Parsed<LoginOption> {
        if self.eat("NO") {
            self.expect("CREDENTIAL")?;
            return Ok(LoginOption::Credential);
        }
        if self.eat("PASSWORD") {
            self.expect("=")?;
            let new = self.secret(false)?;
            let mut old = None;
            if self.eat("OLD_PASSWORD") {
                self.expect("=")?;
                old = Some(Secret {
                    value: PasswordValue::Text(self.string()?),
                    must_change: false,
                    hashed: false,
                    unlock: false,
                });
            }
            return Ok(LoginOption::Password { new, old });
        }
        let known = ["DEFAULT_DATABASE", "DEFAULT_LANGUAGE", "NAME", "CHECK_POLICY", "CHECK_EXPIRATION", "CREDENTIAL"];
        let Some(word) = self.one_of(&known) else { return Err(self.unexpected()) };
        self.expect("=")?;
        self.login_option_value(word)
    }

    pub(super) fn create_role(&mut self, server: bool) -> Parsed<StatementKind> {
        let name = self.name()?;
        let owner = if self.eat("AUTHORIZATION") { Some(self.name()?) } else { None };
        Ok(if server {
            StatementKind::CreateServerRole { name, owner }
        } else {
            StatementKind::CreateRole { name, owner }
        })
    }

    pub(super) fn alter_role(&mut self, server: bool) -> Parsed<StatementKind> {
        let name = self.name()?;
        let change = match self.one_of(&["ADD", "DROP", "WITH"]) {
            Some("WITH") => {
                self.expect("NAME =")?;
                RoleChange::Rename(self.name()?)
            }
            Some(word) => {
                self.expect("MEMBER")?;
                let member = self.name()?;
                if word == "ADD" { RoleChange::AddMember(member) } else { RoleChange::DropMember(member) }
            }
            None => return Err(self.unexpected()),
        };
        Ok(StatementKind::AlterRole { server, name, change })
    }

    pub(super) fn create_user(&mut self) -> Parsed<StatementKind> {
        let name = self.name()?;
        let mut source = UserSource::SameName;
        let mut options = Vec::new();
        if self.eat("WITHOUT") {
            self.expect("LOGIN")?;
            source = UserSource::WithoutLogin;
        } else if self.eat("FOR") || self.eat("FROM") {
            source = match self.one_of(&["LOGIN", "CERTIFICATE", "ASYMMETRIC", "EXTERNAL"]) {
                Some("LOGIN") => UserSource::Login(self.name()?),
                Some("EXTERNAL") => {
                    self.expect("PROVIDER")?;
                    UserSource::External { object_id: None }
                }
                Some(word) => {
                    let kind = if word == "ASYMMETRIC" { "asymmetric key" } else { "certificate" };
                    if word == "ASYMMETRIC" {
                        self.expect("KEY")?;
                    }
                    UserSource::Key { kind, name: self.name()? }
                }
                None => return Err(self.unexpected()),
            };
        }
        if self.eat("WITH") {
            let start = self.at;
            self.list(|p| {
                if p.sees("OBJECT_ID =") {
                    p.at += 2;
                    let id = p.string()?;
                    match &mut source {
                        UserSource::External { object_id } if object_id.is_none() => *object_id = Some(id),
                        _ => return Err(p.unexpected_at(start)),
                    }
                } else {
                    options.push(p.user_option(false)?);
                }
                Ok(())
            })?;
            // 46096 of Microsoft's parser: contained options do not go with FOR LOGIN.
            let contained = |o: &UserOption| matches!(o, UserOption::Password | UserOption::DefaultLanguage);
            if matches!(source, UserSource::Login(_)) && options.iter().any(contained) {
                return Err(self.unexpected_at(start));
            }
        }
        Ok(StatementKind::CreateUser { name, source, options })
    }

    pub(super) fn alter_user(&mut self) -> Parsed<StatementKind> {
        let name = self.name()?;
        self.expect("WITH")?;
        let options = self.list(|p| p.user_option(true))?;
        Ok(StatementKind::AlterUser { name, options })
    }

    fn user_option(&mut self, altering: bool) -> Parsed<UserOption> {
        let known: &[&'static str] = if altering {
            &["NAME", "DEFAULT_SCHEMA", "LOGIN", "PASSWORD", "DEFAULT_LANGUAGE", "ALLOW_ENCRYPTED_VALUE_MODIFICATIONS"]
        } else {
            &["DEFAULT_SCHEMA", "PASSWORD", "DEFAULT_LANGUAGE", "SID", "TYPE", "ALLOW_ENCRYPTED_VALUE_MODIFICATIONS"]
        };
        let Some(word) = self.one_of(known) else { return Err(self.unexpected()) };
        self.expect("=")?;
        Ok(match word {
            "NAME" => UserOption::Name(self.name()?),
            "LOGIN" => UserOption::Login(self.name()?),
            "SID" => UserOption::Sid(self.binary()?),
            "TYPE" => UserOption::Type(self.name()?),
            "DEFAULT_SCHEMA" => UserOption::DefaultSchema(if self.eat("NULL") { None } else { Some(self.name()?) }),
            "PASSWORD" => {
                self.string()?;
                if self.eat("OLD_PASSWORD") {
                    self.expect("=")?;
                    self.string()?;
                }
                UserOption::Password
            }
            "DEFAULT_LANGUAGE" => {
                if self.kind() == Some(Kind::Integer) {
                    self.advance();
                } else {
                    self.name()?;
                }
                UserOption::DefaultLanguage
            }
            _ => {
                self.on_or_off()?;
                UserOption::AllowEncryptedValueModifications
            }
        })
    }

    pub(super) fn create_schema(&mut self) -> Parsed<StatementKind> {
        let name = if self.sees("AUTHORIZATION") { None } else { Some(self.name()?) };
        let owner = if self.eat("AUTHORIZATION") { Some(self.name()?) } else { None };
        if ["CREATE", "GRANT", "DENY", "REVOKE"].iter().any(|word| self.sees(word)) {
            return self.outside();
        }
        // Without a name the schema is called as its owner.
        let Some(name) = name.or_else(|| owner.clone()) else { return Err(self.unexpected()) };
        Ok(StatementKind::CreateSchema { name, owner })
    }

    pub(super) fn alter_authorization(&mut self) -> Parsed<StatementKind> {
        self.expect("ON")?;
        let securable: Securable = self.securable()?;
        self.expect("TO")?;
        let owner = if self.eat("SCHEMA") {
            self.expect("OWNER")?;
            None
        } else {
            Some(self.name()?)
        };
        Ok(StatementKind::AlterAuthorization { securable, owner })
    }
}
