//! Logins and server roles.

use uuid::Uuid;

use super::access::{Identity, Target};
use super::errors::{self, cannot};
use super::passwords::{hash_password, password_matches};
use super::permissions::{Class, find};
use super::state::{Password, PermissionRow, PermissionState, PrincipalType, ServerPrincipal, same_name};
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_ground::source::PrincipalKind;
use emulator_tsql::ast::{LoginChange, LoginOption, LoginSource, PasswordValue, Secret};

const LANGUAGE: &str = "us_english";

impl Work<'_> {
    pub fn create_login(&mut self, name: &str, source: &LoginSource) -> Result<(), Message> {
        if !self.may_server("CREATE LOGIN") {
            return Err(errors::action_denied());
        }
        let name_taken = |work: &Self, name: &str| work.state.server_principal(name).is_some();
        if name_taken(self, name) {
            return Err(Message::new(15025, 16, 1, format!("The server principal '{name}' already exists.")));
        }
        errors::not_reserved(name)?;
        if name.contains('\\') || name.contains('\0') {
            return Err(Message::new(
                15006,
                16,
                1,
                format!("'{name}' is not a valid name because it contains invalid characters."),
            ));
        }
        let mut login = ServerPrincipal {
            id: 0,
            name: name.to_owned(),
            sid: Vec::new(),
            kind: PrincipalType::Sql,
            disabled: false,
            created: self.ambient.now,
            modified: self.ambient.now,
            password: None,
            default_database: "master".into(),
            default_language: LANGUAGE.into(),
            check_policy: true,
            check_expiration: false,
            owner: None,
            fixed: false,
        };
        match source {
            // No certificate or key can be made here, so none is there: 15151.
            LoginSource::Key { kind, name } => return Err(cannot("find", kind, name)),
            LoginSource::Outside(what) => return Err(errors::outside(what)),
            LoginSource::Password { password, options } => self.fill_sql_login(&mut login, password, options)?,
            LoginSource::External { object_id, options } => {
                self.fill_external_login(&mut login, object_id.as_deref(), options)?
            }
        }
        if self.state.login_by_sid(&login.sid).is_some() {
            return Err(Message::new(15433, 16, 1, "Supplied parameter sid is in use."));
        }
        let grantor = self.server_self();
        let external = login.kind != PrincipalType::Sql;
        let state = self.change();
        login.id = state.next_server_principal;
        state.next_server_principal += 1;
        // CONNECT SQL comes with every login, VIEW ANY DATABASE with Entra's.
        let implied = if external { &["CONNECT SQL", "VIEW ANY DATABASE"][..] } else { &["CONNECT SQL"] };
        for permission in implied.iter().filter_map(|p| find(Class::Server, p)) {
            state.server_permissions.push(PermissionRow {
                major: 0,
                minor: 0,
                grantee: login.id,
                grantor,
                permission,
                state: PermissionState::Grant,
            });
        }
        state.server_principals.insert(login.id, login);
        Ok(())
    }

    fn fill_sql_login(
        &mut self,
        login: &mut ServerPrincipal,
        password: &Secret,
        options: &[LoginOption],
    ) -> Result<(), Message> {
        self.apply_options(login, options)?;
        if login.sid.is_empty() {
            let seed = format!("{}/{}", self.ambient.server_name, login.name);
            login.sid = self.change().new_sid(&seed);
        }
        login.password = Some(self.new_password(login, password)?);
        Ok(())
    }

    fn apply_options(&mut self, login: &mut ServerPrincipal, options: &[LoginOption]) -> Result<(), Message> {
        errors::once(options.iter().map(option_name))?;
        for option in options {
            match option {
                // Of SQL logins only; what another answers is not documented.
                LoginOption::CheckPolicy(_) | LoginOption::CheckExpiration(_)
                    if matches!(login.kind, PrincipalType::External | PrincipalType::ExternalGroup) =>
                {
                    return Err(errors::outside("a password policy of an Entra login"));
                }
                LoginOption::Sid(sid) if sid.len() != 16 => {
                    return Err(Message::new(15419, 16, 1, "Supplied parameter sid should be binary(16)."));
                }
                LoginOption::Sid(sid) => login.sid.clone_from(sid),
                LoginOption::DefaultDatabase(database) => {
                    let Some(found) = self.state.database_named(database) else {
                        return Err(Message::new(
                            15010,
                            16,
                            1,
                            format!(
                                "The database '{database}' does not exist. Supply a valid database name. To see available databases, use sys.databases."
                            ),
                        ));
                    };
                    login.default_database.clone_from(&found.name);
                }
                LoginOption::DefaultLanguage(language) => {
                    if !same_name(language, LANGUAGE) && !same_name(language, "english") && language != "0" {
                        return Err(other_language(language));
                    }
                }
                LoginOption::CheckPolicy(on) => login.check_policy = *on,
                LoginOption::CheckExpiration(on) => login.check_expiration = *on,
                LoginOption::Credential => return Err(errors::outside("credentials of logins")),
                LoginOption::Type(_) | LoginOption::Name(_) | LoginOption::Password { .. } => {}
            }
        }
        // "If CHECK_POLICY is changed to OFF, CHECK_EXPIRATION is also set to OFF"; asking for both is not supported.
        if !login.check_policy && login.check_expiration {
            if options.iter().any(|option| matches!(option, LoginOption::CheckExpiration(true))) {
                let text = "The CHECK_EXPIRATION option cannot be used when CHECK_POLICY is OFF.";
                return Err(Message::new(15122, 16, 1, text));
            }
            login.check_expiration = false;
        }
        let new = options.iter().any(|option| matches!(option, LoginOption::Password { .. }));
        if login.password.as_ref().is_some_and(|password| password.must_change) && !new {
            check_must_change(login)?;
        }
        Ok(())
    }

    /// The documented rules: 10 to 128 characters, three of four classes, not the login's name. UNCONFIRMED: a hash is
    /// taken whatever CHECK_POLICY says, as Microsoft's script for moving logins writes it.
    fn new_password(&self, login: &ServerPrincipal, secret: &Secret) -> Result<Password, Message> {
        if secret.must_change {
            if login.check_policy && !login.check_expiration {
                let text = "The MUST_CHANGE option cannot be used when CHECK_EXPIRATION is OFF.";
                return Err(Message::new(15099, 16, 1, text));
            }
            check_must_change(login)?;
        }
        let clear = match &secret.value {
            PasswordValue::Hash(hash) if secret.hashed => {
                if hash.len() != 70 || !hash.starts_with(&[2, 0]) {
                    return Err(Message::new(
                        15021,
                        16,
                        2,
                        "Invalid value given for parameter PASSWORD. Specify a valid parameter value.",
                    ));
                }
                return Ok(Password { hash: hash.clone(), set: self.ambient.now, must_change: secret.must_change });
            }
            // HASHED of a text is no hash, and a hash alone no password.
            PasswordValue::Text(_) if secret.hashed => {
                return Err(Message::new(
                    15021,
                    16,
                    2,
                    "Invalid value given for parameter PASSWORD. Specify a valid parameter value.",
                ));
            }
            PasswordValue::Hash(_) => {
                return Err(Message::new(
                    15021,
                    16,
                    2,
                    "Invalid value given for parameter PASSWORD. Specify a valid parameter value.",
                ));
            }
            PasswordValue::Text(text) => text,
        };
        let policy = |number, why: &str| {
            let text = format!(
                "Password validation failed. The password does not meet the operating system policy requirements because it is {why}."
            );
            Err(Message::new(number, 16, 1, text))
        };
        let length = clear.encode_utf16().count();
        if length > 128 {
            return policy(15117, "too long");
        }
        if login.check_policy {
            if length < 10 {
                return policy(15116, "too short");
            }
            let classes = [
                clear.chars().any(char::is_uppercase),
                clear.chars().any(char::is_lowercase),
                clear.chars().any(|c| c.is_ascii_digit()),
                clear.chars().any(|c| !c.is_alphanumeric()),
            ];
            let contains_name =
                login.name.chars().count() > 2 && clear.to_lowercase().contains(&login.name.to_lowercase());
            if classes.iter().filter(|present| **present).count() < 3 || contains_name {
                return policy(15118, "not complex enough");
            }
        }
        let salt: [u8; 4] = std::array::from_fn(|i| {
            login.sid.get(i).copied().unwrap_or(0) ^ self.ambient.now.subsec_nanosecond().to_le_bytes()[i]
        });
        Ok(Password { hash: hash_password(clear, salt), set: self.ambient.now, must_change: secret.must_change })
    }

    /// SID and TYPE are taken as given, unverified; otherwise the directory must know the principal.
    fn fill_external_login(
        &mut self,
        login: &mut ServerPrincipal,
        object_id: Option<&str>,
        options: &[LoginOption],
    ) -> Result<(), Message> {
        let caller_is_sql = self.ambient.login().is_some_and(|l| l.kind == PrincipalType::Sql);
        if caller_is_sql && !self.token().sysadmin {
            return Err(errors::action_denied());
        }
        self.apply_options(login, options)?;
        let given =
            options.iter().find_map(|o| if let LoginOption::Type(letter) = o { Some(letter.as_str()) } else { None });
        if let Some(letter) = given {
            login.kind = match letter.to_ascii_uppercase().as_str() {
                "E" => PrincipalType::External,
                "X" => PrincipalType::ExternalGroup,
                _ => return Err(Message::new(102, 15, 1, format!("Incorrect syntax near '{letter}'."))),
            };
            return Ok(());
        }
        let found = self.resolve_external(&login.name, object_id)?;
        login.sid = found.0;
        login.kind = found.1;
        Ok(())
    }

    /// SID and type of an Entra principal: 33130 unknown, 33131 ambiguous, 37545 bad object id.
    pub fn resolve_external(&self, name: &str, object_id: Option<&str>) -> Result<(Vec<u8>, PrincipalType), Message> {
        let all = self.directory.principals();
        let found = if let Some(id) = object_id {
            let bad = || {
                Message::new(
                    37545,
                    16,
                    1,
                    format!("'{id}' is not a valid object id for '{name}' or you do not have permission."),
                )
            };
            let id = Uuid::try_parse(id).map_err(|_| bad())?;
            // The alias begins with the display name.
            all.iter()
                .find(|p| p.object_id == id && name.to_lowercase().starts_with(&p.name.to_lowercase()))
                .ok_or_else(bad)?
        } else {
            let mut named = all.iter().filter(|p| same_name(&p.name, name));
            let Some(first) = named.next() else {
                let text = format!("Principal '{name}' could not be found or this principal type is not supported.");
                return Err(Message::new(33130, 16, 1, text));
            };
            if named.next().is_some() {
                let text = format!(
                    "Principal '{name}' has a duplicate display name. Make the display name unique in Azure Active Directory and execute this statement again."
                );
                return Err(Message::new(33131, 16, 1, text));
            }
            first
        };
        let kind =
            if found.kind == PrincipalKind::Group { PrincipalType::ExternalGroup } else { PrincipalType::External };
        Ok((found.sid.to_bytes_le().to_vec(), kind))
    }

    pub fn alter_login(&mut self, name: &str, change: &LoginChange) -> Result<(), Message> {
        let token = self.token();
        let Some(login) = self.state.login(name).cloned() else { return Err(cannot("alter", "login", name)) };
        let own = token.login == Some(login.id);
        let may = self.state.may(&token, Target::on_server(Class::Login, login.id), "ALTER");
        // "A member of the sysadmin fixed server role or a grantee of CONTROL SERVER" wants CONTROL SERVER.
        let of_login = self.state.token(Identity::Login(login.id), self.ambient.database);
        let guarded = self.state.may(&of_login, Target::SERVER, "CONTROL SERVER");
        if !(may || own) || (guarded && !own && !self.may_server("CONTROL SERVER")) {
            return Err(cannot("alter", "login", name));
        }
        let mut changed = login.clone();
        match change {
            LoginChange::Credential => return Err(errors::outside("credentials of logins")),
            LoginChange::Enable | LoginChange::Disable => {
                if login.kind == PrincipalType::ExternalGroup {
                    let text = "Cannot use ALTER LOGIN with the ENABLE or DISABLE argument for a Windows group. GRANT or REVOKE the CONNECT SQL permission instead.";
                    return Err(Message::new(33129, 16, 1, text));
                }
                if !may {
                    return Err(cannot("alter", "login", name));
                }
                changed.disabled = matches!(change, LoginChange::Disable);
            }
            LoginChange::Options(options) => {
                let only_password = options.iter().all(|o| {
                    matches!(
                        o,
                        LoginOption::Password { .. }
                            | LoginOption::DefaultLanguage(_)
                            | LoginOption::DefaultDatabase(_)
                    )
                });
                if !may && !only_password {
                    return Err(cannot("alter", "login", name));
                }
                self.apply_options(&mut changed, options)?;
                for option in options {
                    match option {
                        LoginOption::Name(new) => self.rename_login(&mut changed, new)?,
                        LoginOption::Password { new, old } => {
                            self.change_password(&mut changed, new, old.as_ref(), may)?
                        }
                        _ => {}
                    }
                }
            }
        }
        changed.modified = self.ambient.now;
        self.change().server_principals.insert(changed.id, changed);
        Ok(())
    }

    fn rename_login(&mut self, login: &mut ServerPrincipal, new: &str) -> Result<(), Message> {
        if login.kind != PrincipalType::Sql {
            return Err(errors::special_principal("alter", "login", &login.name));
        }
        if self.state.server_principal(new).is_some_and(|other| other.id != login.id) {
            return Err(Message::new(15025, 16, 1, format!("The server principal '{new}' already exists.")));
        }
        errors::not_reserved(new)?;
        if new.contains('\\') || new.contains('\0') {
            let text = format!("'{new}' is not a valid name because it contains invalid characters.");
            return Err(Message::new(15006, 16, 1, text));
        }
        new.clone_into(&mut login.name);
        Ok(())
    }

    fn change_password(
        &mut self,
        login: &mut ServerPrincipal,
        new: &Secret,
        old: Option<&Secret>,
        may: bool,
    ) -> Result<(), Message> {
        if login.kind != PrincipalType::Sql {
            return Err(errors::special_principal("alter", "login", &login.name));
        }
        let old_matches = match (old.map(|o| &o.value), &login.password) {
            (Some(PasswordValue::Text(clear)), Some(password)) => password_matches(clear, &password.hash),
            (None, _) => may,
            _ => false,
        };
        // One's own password alone may be changed without the right. UNCONFIRMED: 15151 for what is beyond it.
        let more = new.must_change || new.unlock || new.hashed;
        if !old_matches || more && !may {
            return Err(cannot("alter", "login", &login.name));
        }
        login.password = Some(self.new_password(login, new)?);
        Ok(())
    }

    pub fn drop_login(&mut self, name: &str) -> Result<(), Message> {
        let token = self.token();
        let Some(login) = self.state.login(name).cloned() else { return Err(cannot("drop", "login", name)) };
        if login.id == super::state::SA {
            return Err(errors::special_principal("drop", "login", name));
        }
        if !self.state.may(&token, Target::on_server(Class::Login, login.id), "ALTER") {
            return Err(cannot("drop", "login", name));
        }
        if self.ambient.sessions.iter().any(|session| session.entered == Identity::Login(login.id)) {
            let text = format!("Could not drop login '{name}' as the user is currently logged in.");
            return Err(Message::new(15434, 16, 1, text));
        }
        if self.state.databases.values().any(|database| database.owner_sid == login.sid) {
            let text = format!(
                "Login '{name}' owns one or more database(s). Change the owner of the database(s) before dropping the login."
            );
            return Err(Message::new(15174, 16, 1, text));
        }
        if self.state.server_principals.values().any(|p| p.owner == Some(login.id)) {
            let text = "The server principal owns one or more server role(s) and cannot be dropped.";
            return Err(Message::new(15141, 16, 1, text));
        }
        if self.state.server_permissions.iter().any(|row| row.grantor == login.id && row.grantee != login.id) {
            let text = format!(
                "Login '{name}' has granted one or more permission(s). Revoke the permission(s) before dropping the login."
            );
            return Err(Message::new(15173, 16, 1, text));
        }
        let state = self.change();
        state.server_principals.remove(&login.id);
        state.server_members.retain(|(_, member)| *member != login.id);
        state
            .server_permissions
            .retain(|row| row.grantee != login.id && !(row.permission.class == Class::Login && row.major == login.id));
        Ok(())
    }
}

/// 15128: who must change the password keeps to the policy and its expiration.
fn check_must_change(login: &ServerPrincipal) -> Result<(), Message> {
    if login.check_policy && login.check_expiration {
        return Ok(());
    }
    let text = "The CHECK_POLICY and CHECK_EXPIRATION options cannot be turned OFF when MUST_CHANGE is ON.";
    Err(Message::new(15128, 16, 1, text))
}

fn option_name(option: &LoginOption) -> &'static str {
    match option {
        LoginOption::Sid(_) => "SID",
        LoginOption::Type(_) => "TYPE",
        LoginOption::DefaultDatabase(_) => "DEFAULT_DATABASE",
        LoginOption::DefaultLanguage(_) => "DEFAULT_LANGUAGE",
        LoginOption::CheckPolicy(_) => "CHECK_POLICY",
        LoginOption::CheckExpiration(_) => "CHECK_EXPIRATION",
        LoginOption::Credential => "CREDENTIAL",
        LoginOption::Name(_) => "NAME",
        LoginOption::Password { .. } => "PASSWORD",
    }
}

/// `sys.syslanguages`: what the server has besides us_english, by name and by alias.
const LANGUAGES: &[&str] = &[
    "Deutsch",
    "German",
    "Français",
    "French",
    "日本語",
    "Japanese",
    "Dansk",
    "Danish",
    "Español",
    "Spanish",
    "Italiano",
    "Italian",
    "Nederlands",
    "Dutch",
    "Norsk",
    "Norwegian",
    "Português",
    "Portuguese",
    "Suomi",
    "Finnish",
    "Svenska",
    "Swedish",
    "čeština",
    "Czech",
    "magyar",
    "Hungarian",
    "polski",
    "Polish",
    "română",
    "Romanian",
    "hrvatski",
    "Croatian",
    "slovenčina",
    "Slovak",
    "slovenski",
    "Slovenian",
    "ελληνικά",
    "Greek",
    "български",
    "Bulgarian",
    "русский",
    "Russian",
    "Türkçe",
    "Turkish",
    "British",
    "British English",
    "eesti",
    "Estonian",
    "latviešu",
    "Latvian",
    "lietuvių",
    "Lithuanian",
    "Português (Brasil)",
    "Brazilian",
    "繁體中文",
    "Traditional Chinese",
    "한국어",
    "Korean",
    "简体中文",
    "Simplified Chinese",
    "Arabic",
    "ไทย",
    "Thai",
    "norsk (bokmål)",
    "Bokmål",
];

pub fn is_language(name: &str) -> bool {
    LANGUAGES.iter().any(|known| same_name(known, name))
}

/// 15033 for a name that is no language's.
fn other_language(name: &str) -> Message {
    if is_language(name) || name.parse::<u16>().is_ok() {
        return errors::outside("languages other than us_english");
    }
    Message::new(15033, 16, 1, format!("'{name}' is not a valid official language name."))
}
