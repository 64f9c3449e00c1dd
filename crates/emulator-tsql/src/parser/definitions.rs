//! CREATE, ALTER and DROP: which grammar follows.

use super::super::ast::{ColumnMasterKey, StatementKind};
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Parsed<StatementKind> {
        let start = self.at;
        self.expect("CREATE")?;
        if self.eat("LOGIN") {
            return self.create_login();
        }
        if self.eat("SERVER ROLE") {
            return self.create_role(true);
        }
        if self.eat("ROLE") {
            return self.create_role(false);
        }
        if self.eat("USER") {
            return self.create_user();
        }
        if self.eat("SCHEMA") {
            return self.create_schema();
        }
        if self.eat("TABLE") {
            return self.create_table();
        }
        if self.sees("VIEW") || self.sees("OR ALTER VIEW") {
            return self.create_view(start, false);
        }
        if self.sees("FUNCTION") || self.sees("OR ALTER FUNCTION") {
            return self.create_function(start, false);
        }
        if self.eat("SECURITY POLICY") {
            return self.create_security_policy();
        }
        if self.sees("DATABASE") && self.name_at(1) && self.token(2).is_none_or(|t| t.text(self.source) == ";") {
            self.advance();
            return Ok(StatementKind::CreateDatabase { name: self.name()? });
        }
        if self.sees("COLUMN MASTER KEY") || self.sees("COLUMN ENCRYPTION KEY") {
            return self.column_key();
        }
        if let Some(index) = self.create_index()? {
            return Ok(index);
        }
        self.outside_object("CREATE")
    }

    pub(super) fn alter(&mut self) -> Parsed<StatementKind> {
        let start = self.at;
        self.expect("ALTER")?;
        if self.eat("LOGIN") {
            return self.alter_login();
        }
        if self.eat("SERVER ROLE") {
            return self.alter_role(true);
        }
        if self.eat("ROLE") {
            return self.alter_role(false);
        }
        if self.eat("USER") {
            return self.alter_user();
        }
        if self.eat("AUTHORIZATION") {
            return self.alter_authorization();
        }
        if self.eat("TABLE") {
            return self.alter_table();
        }
        if self.sees("VIEW") {
            return self.create_view(start, true);
        }
        if self.sees("FUNCTION") {
            return self.create_function(start, true);
        }
        if self.eat("SECURITY POLICY") {
            return self.alter_security_policy();
        }
        if let Some(options) = self.database_options() {
            return Ok(options);
        }
        self.outside_object("ALTER")
    }

    pub(super) fn drop_statement(&mut self) -> Parsed<StatementKind> {
        self.expect("DROP")?;
        if self.eat("LOGIN") {
            return Ok(StatementKind::DropLogin { name: self.name()? });
        }
        let server = self.sees("SERVER ROLE");
        if server {
            self.advance();
        }
        if self.eat("ROLE") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropRole { server, if_exists, name: self.name()? });
        }
        if self.eat("USER") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropUser { if_exists, name: self.name()? });
        }
        if self.eat("SCHEMA") {
            let if_exists = self.if_exists()?;
            let name = self.object_name()?;
            if name.schema.is_some() || self.sees("RESTRICT") || self.sees("CASCADE") {
                return self.outside();
            }
            return Ok(StatementKind::DropSchema { if_exists, name: name.name });
        }
        if self.eat("TABLE") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropTable { if_exists, names: self.list(Self::table_name)? });
        }
        if self.eat("VIEW") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropView { if_exists, names: self.list(|p| p.module_name("DROP VIEW"))? });
        }
        if self.eat("FUNCTION") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropFunction {
                if_exists,
                names: self.list(|p| p.module_name("DROP FUNCTION"))?,
            });
        }
        if self.eat("SECURITY POLICY") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropSecurityPolicy { if_exists, name: self.policy_name()? });
        }
        if self.eat("SENSITIVITY CLASSIFICATION") {
            return self.drop_classification();
        }
        if self.eat("INDEX") {
            return self.drop_index();
        }
        self.outside_object("DROP")
    }

    pub(super) fn if_exists(&mut self) -> Parsed<bool> {
        if !self.sees("IF") {
            return Ok(false);
        }
        self.expect("IF EXISTS")?;
        Ok(true)
    }

    /// Keys of Always Encrypted, whose values the emulator has no use for.
    fn column_key(&mut self) -> Parsed<StatementKind> {
        let master = self.sees("COLUMN MASTER KEY");
        self.at += 3;
        let name = self.name()?;
        self.expect("WITH")?;
        if !master {
            self.expect("VALUES")?;
        }
        let start = self.at;
        self.unique_options()?;
        let end = std::mem::replace(&mut self.at, start + 1);
        if master {
            let mut key = ColumnMasterKey { name, provider: String::new(), path: String::new(), signature: None };
            while self.at + 1 < end {
                if self.eat("KEY_STORE_PROVIDER_NAME =") {
                    key.provider = self.string()?;
                } else if self.eat("KEY_PATH =") {
                    key.path = self.string()?;
                } else if self.eat("ENCLAVE_COMPUTATIONS ( SIGNATURE =") {
                    key.signature = Some(self.binary()?);
                    self.expect(")")?;
                } else {
                    break;
                }
                if !self.eat(",") && self.at + 1 < end {
                    return Err(self.unexpected());
                }
            }
            let whole = self.at + 1 == end && !key.provider.is_empty() && !key.path.is_empty();
            self.at = end;
            if !whole {
                return self.outside();
            }
            return Ok(StatementKind::CreateColumnMasterKey(key));
        }
        let (mut of, mut algorithm, mut value) = (None, false, false);
        while self.at + 1 < end {
            if self.eat("COLUMN_MASTER_KEY =") {
                of = Some(self.name()?);
            } else if self.eat("ALGORITHM =") && self.sees_string() {
                algorithm = self.string()?.eq_ignore_ascii_case("RSA_OAEP");
            } else if self.eat("ENCRYPTED_VALUE =") {
                value = !self.binary()?.is_empty();
            } else {
                break;
            }
            _ = self.eat(",");
        }
        let whole = self.at + 1 == end && algorithm && value;
        self.at = end;
        let Some(master) = of else { return Err(self.unexpected_at(start)) };
        // A second value is that of the master key which takes over.
        if !whole || self.sees(",") {
            return self.outside();
        }
        Ok(StatementKind::CreateColumnEncryptionKey { name, master })
    }
}
