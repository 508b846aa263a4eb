//! Sample webhooks, written from the vendor's description of change events and outbound messages; the connector's side
//! of them is another piece of code.

use concord_connector::{
    Entity,
    sandbox::{About, Samples},
};
use serde_json::json;

/// What Salesforce would send.
pub const SAMPLES: Samples = Samples {
    events: &[
        ("account.created", Entity::Organization),
        ("account.updated", Entity::Organization),
        ("account.deleted", Entity::Organization),
        ("contact.created", Entity::Person),
        ("contact.updated", Entity::Person),
        ("contact.deleted", Entity::Person),
        ("lead.created", Entity::Lead),
        ("lead.updated", Entity::Lead),
        ("lead.deleted", Entity::Lead),
        ("opportunity.created", Entity::Opportunity),
        ("opportunity.updated", Entity::Opportunity),
        ("opportunity.deleted", Entity::Opportunity),
    ],
    body,
};

fn body(event: &str, about: &About<'_>) -> Option<Vec<u8>> {
    let (word, what) = event.split_once('.')?;
    let object = match word {
        "account" => "Account",
        "contact" => "Contact",
        "lead" => "Lead",
        "opportunity" => "Opportunity",
        _ => return None,
    };
    let kind = match what {
        "created" => "CREATE",
        "updated" => "UPDATE",
        "deleted" => "DELETE",
        _ => return None,
    };
    // Ids are 15 or 18 letters and digits; what is none would be ignored without a word.
    if !matches!(about.id.len(), 15 | 18) || !about.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let id = about.id;
    if about.scheme == "outbound_message" {
        return Some(message(object, id, about.serial).into_bytes());
    }
    let header = json!({
        "changeOrigin": "com/salesforce/api/soap/61.0;client=Workbench/",
        "changeType": kind,
        "changedFields": ["LastModifiedDate"],
        "commitTimestamp": about.now.ms(),
        "commitNumber": about.serial,
        "commitUser": "005000000000001AAA",
        "diffFields": [],
        "nulledFields": [],
        "entityName": object,
        "recordIds": [id],
        "sequenceNumber": 1,
        "transactionKey": format!("sample-{:016x}", about.serial),
    });
    let detail = json!({ "schemaId": "sample", "payload": { "ChangeEventHeader": header } });
    let envelope = json!({
        "version": "0",
        "id": format!("sample-{:016x}", about.serial),
        "detail-type": format!("{object}ChangeEvent"),
        "source": "aws.partner/salesforce.com/00D000000000001EAA/0YL000000000001GAA",
        "time": about.now.rfc3339(),
        "resources": [],
        "detail": detail,
    });
    Some(envelope.to_string().into_bytes())
}

fn message(object: &str, id: &str, serial: u64) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n \
<soapenv:Body>\n  <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">\n   <Notification>\n    \
<Id>04l{serial:012}AAA</Id>\n    <sObject xsi:type=\"sf:{object}\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">\n     \
<sf:Id>{id}</sf:Id>\n    </sObject>\n   </Notification>\n  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>\n"
    )
}
