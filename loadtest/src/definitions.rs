//! The buckets and queries that the workloads use, for servers that do not have them yet.
//!
//! They are those of `examples/ecommerce.toml` and `examples/loadtest.toml`.

use crate::session::{CallError, Session};

/// A bucket or a query by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// A bucket.
    Bucket(String),
    /// A query.
    Query(String),
}

impl Definition {
    /// The bucket of that name.
    pub fn bucket(name: &str) -> Self {
        Self::Bucket(name.to_owned())
    }

    /// The query of that name.
    pub fn query(name: &str) -> Self {
        Self::Query(name.to_owned())
    }

    /// The request that defines it, if it is one of ours.
    fn request(&self) -> Option<String> {
        match self {
            Self::Bucket(name) => {
                let fields = bucket_fields(name)?;
                Some(format!(
                    r#""type":"store.defineBucket","name":"{name}","config":{{"key":"id","schema":{{"id":{{"type":"string","generated":"uuid"}},{fields}}}}}"#
                ))
            }
            Self::Query(name) => {
                let config = query_config(name)?;
                Some(format!(r#""type":"store.defineQuery","name":"{name}","config":{{{config}}}"#))
            }
        }
    }
}

/// Defines what of `definitions` the server does not have; `session` should be an administrator's.
///
/// A refusal is not reported: either the thing exists, or what needs it fails with a text that says so.
///
/// # Errors
/// The connection failed, or the server does not keep to the protocol.
pub fn define(session: &mut Session, definitions: &[Definition]) -> Result<(), CallError> {
    for request in definitions.iter().filter_map(Definition::request) {
        match session.call(&request) {
            Ok(_) | Err(CallError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The fields of a bucket beside its key, as members of its schema.
fn bucket_fields(name: &str) -> Option<&'static str> {
    Some(match name {
        "products" => {
            r#""title":{"type":"string","required":true},"price":{"type":"number","required":true},"stock":{"type":"number","default":0},"active":{"type":"boolean","default":true}"#
        }
        "orders" => {
            r#""userId":{"type":"string","required":true},"items":{"type":"string","required":true},"total":{"type":"number","required":true},"status":{"type":"string","default":"pending"},"createdAt":{"type":"number","required":true}"#
        }
        "audit-logs" => {
            r#""action":{"type":"string","required":true},"userId":{"type":"string","required":true},"details":{"type":"string","default":""},"timestamp":{"type":"number","required":true}"#
        }
        _ if name.starts_with("accounts") => r#""balance":{"type":"number","required":true}"#,
        _ => return None,
    })
}

fn query_config(name: &str) -> Option<&'static str> {
    Some(match name {
        "product-catalog" => r#""bucket":"products","filter":{"active":true}"#,
        "user-orders" => r#""bucket":"orders","filter":{"userId":"{{params.userId}}"}"#,
        "recent-orders" => r#""bucket":"orders","last":20"#,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_json() {
        for definition in ["products", "orders", "audit-logs", "accounts-x"].map(Definition::bucket) {
            let request = definition.request().unwrap();
            let value: serde_json::Value = serde_json::from_str(&format!("{{{request}}}")).unwrap();
            assert_eq!(
                (&value["config"]["key"], &value["type"]),
                (&"id".into(), &"store.defineBucket".into())
            );
        }
        for definition in ["product-catalog", "user-orders", "recent-orders"].map(Definition::query) {
            let request = definition.request().unwrap();
            let value: serde_json::Value = serde_json::from_str(&format!("{{{request}}}")).unwrap();
            assert!(value["config"]["bucket"].is_string());
        }
        assert_eq!(Definition::bucket("somebody's").request(), None);
    }
}
