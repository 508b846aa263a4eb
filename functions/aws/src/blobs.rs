//! Blobs in a bucket.

use crate::fault;
use async_trait::async_trait;
use aws_sdk_s3::{Client, primitives::ByteStream};
use concord_connector::{Fault, Kind, Result};
use concord_hub::ports::Blobs;

/// A bucket.
pub struct S3Blobs {
    client: Client,
    bucket: String,
}

impl S3Blobs {
    /// A bucket by its name.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }
}

/// The key of a name: letters that paths treat in their own way are told by their code.
fn key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_/".contains(&byte) {
            key.push(char::from(byte));
        } else {
            key.push_str(&format!("~{byte:02x}"));
        }
    }
    key
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let request = self.client.put_object().bucket(&self.bucket).key(key(name)).body(ByteStream::from(bytes));
        request.send().await.map(drop).map_err(|error| fault::of("blobs.put", &error))
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let answer = match self.client.get_object().bucket(&self.bucket).key(key(name)).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|said| said.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(fault::of("blobs.get", &error)),
        };
        let broken = |_| Fault::new(Kind::Unavailable, "blobs.get", "the answer broke off");
        Ok(Some(answer.body.collect().await.map_err(broken)?.to_vec()))
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let request = self.client.delete_object().bucket(&self.bucket).key(key(name));
        request.send().await.map(drop).map_err(|error| fault::of("blobs.delete", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_key_of_its_own() {
        assert_eq!(key("claims/0a-b_c"), "claims/0a-b_c");
        assert_eq!(key("../a "), "~2e~2e/a~20");
        assert_ne!(key("a~20"), key("a "));
    }
}
