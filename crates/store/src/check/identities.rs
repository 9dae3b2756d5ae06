//! Who there is: users, roles and their keys.

use std::collections::BTreeSet;

use super::{Check, CheckProgress, Outcome};
use crate::identity::{self, Identity};

impl<P: FnMut(CheckProgress)> Check<'_, P> {
    pub(super) fn identities(&mut self) -> Outcome<()> {
        self.tell("users and roles", 0, None);
        // Versions before did not keep any.
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'identity'";
        if self.connection.query_row(sql, (), |row| row.get::<_, i64>(0))? == 0 {
            return Ok(());
        }
        let (mut names, mut users, mut keys) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        let mut select = self.connection.prepare("SELECT key, identity FROM identity")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
            let identity = match identity::decode_identity(row.get_ref(1)?.as_blob()?) {
                Ok(identity) => identity,
                Err(error) => {
                    self.problem(format!("{key}: {error}"));
                    continue;
                }
            };
            if identity.key().text() != key {
                let said = identity.key().text();
                self.problem(format!("{key}: what is stored there says that it is {said}"));
            }
            let named = match &identity {
                Identity::User(user) => Some(("user", &user.0)),
                Identity::Role(role) => Some(("role", &role.entity)),
                Identity::Account(_) | Identity::AccessKey(_) => None,
            };
            if let Some((kind, entity)) = named {
                let name = entity.name.to_ascii_lowercase();
                if !names.insert((kind, entity.account, name)) {
                    let (account, name) = (entity.account, &entity.name);
                    self.problem(format!("{key}: account {account} has two {kind}s called {name}"));
                }
            }
            match identity {
                Identity::User(user) => drop(users.insert(user.0.unique_id)),
                Identity::AccessKey(record) => keys.extend(record.user.map(|user| (key, user))),
                Identity::Account(_) | Identity::Role(_) => {}
            }
        }
        for (key, user) in keys {
            if !users.contains(&user) {
                self.problem(format!("{key}: it is of the user {user}, who does not exist"));
            }
        }
        Ok(())
    }
}
