//! Secrets Manager: a secret has versions, each written once.

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Secrets(BTreeMap<String, Secret>);

#[derive(Default)]
struct Secret {
    versions: BTreeMap<String, String>,
    current: String,
}

impl Secrets {
    pub(crate) fn answer(&mut self, operation: &str, request: &Json) -> Result<Json, &'static str> {
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let (id, token, value) = (text("SecretId"), text("ClientRequestToken"), text("SecretString"));
        match operation {
            "CreateSecret" => {
                let name = text("Name");
                match self.0.get(&name).map(|there| there.versions.get(&token) == Some(&value)) {
                    Some(true) => {}
                    Some(false) => return Err("ResourceExistsException"),
                    None => {
                        let versions = BTreeMap::from([(token.clone(), value)]);
                        self.0.insert(name.clone(), Secret { versions, current: token.clone() });
                    }
                }
                Ok(json!({ "ARN": name, "Name": name, "VersionId": token }))
            }
            "PutSecretValue" => {
                assert!((32..=64).contains(&token.len()), "the service refuses such a version id");
                let secret = self.0.get_mut(&id).ok_or("ResourceNotFoundException")?;
                match secret.versions.get(&token) {
                    Some(there) if *there != value => return Err("ResourceExistsException"),
                    Some(_) => {}
                    None => {
                        secret.versions.insert(token.clone(), value);
                        secret.current.clone_from(&token);
                    }
                }
                Ok(json!({ "ARN": id, "Name": id, "VersionId": token }))
            }
            "GetSecretValue" => {
                let secret = self.0.get(&id).ok_or("ResourceNotFoundException")?;
                Ok(
                    json!({ "ARN": id, "Name": id, "VersionId": secret.current, "SecretString": secret.versions[&secret.current] }),
                )
            }
            "DeleteSecret" => self.0.remove(&id).map(|_| json!({ "Name": id })).ok_or("ResourceNotFoundException"),
            "ListSecrets" => {
                let prefix = request["Filters"][0]["Values"][0].as_str().unwrap_or_default();
                let list: Vec<Json> =
                    self.0.keys().filter(|name| name.starts_with(prefix)).map(|name| json!({ "Name": name })).collect();
                Ok(json!({ "SecretList": list }))
            }
            other => panic!("nothing stands in for {other}"),
        }
    }
}
