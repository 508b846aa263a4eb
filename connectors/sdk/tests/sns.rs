//! Messages of Amazon SNS: what AWS signed is let in, and nothing else. The signatures were made by openssl from the words
//! of the developer guide.

use concord_connector::{
    Instant, Unverified, Webhook,
    testing::sns,
    webhook::{Scheme, Signed},
};
use serde_json::{Value as Json, json};

/// 2026-01-01T00:00:00Z.
const NOW: Instant = Instant::from_ms(1_767_225_600_000);
const TOPIC: &str = "arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-1abcexampl2abcexampl3abcd";
const NOTICE_1: &str = "G8HXVh3NlmnX/KuoWtaxbgDPr6QONnuMPJJbaOT7EmWyB7yyf655okH1DH9c/riTUqV8zqSTRcQSKQiNlh0p73VVL22oCiPT+IWvDiiylGabDxXIRxXsdPzfTvb+ZCe/rZnRIy03p83OUZ8BAWmXbIHpv3vsYAUE2LqnlHwonhEckp4dQ90MKzDtUaaTACg/3fyPUEp5XMYwjYxApcb7FkPdN4K0qABHxjuK3jum+XKrRpw2XNZBpy/la6AgRtXunW+9V8xr9BLX3+n0Zzypi1+oKGU7uWe9a57JMyRMl3vtfdP2puPtbY33CYZ1w5bQ59tM0GhOLZSuts7yX6RAqQ==";
const NOTICE_2: &str = "fOHJb3CpRS4blu96UsSCm+LjuFv/4Xy/p7iZH6Lm2VVb/xxPNVpZz9EoU5UxMZR8MEYhDhGV8ENVe+3nO+CpD49LPHsiawWGHePtr4EatP/VIkp0zd8YY8QQvC6nQCI+Sv/SMHTJXAChjA35Gr7x9bPGkHGD7lkzBjCL9NtycZXS/WofQR+y4yKo10vKN2O34gDOe1xoSivCU2ZRJk4EWhaE22TNap6wLXFjryyrrm5vdGNlJ87aiLA9n10bx9trws6C0J2OKRK93N+nBWKIoGTZ8TaSo8bwDclykC8TG3//t7LU2l8LviKM9FcVANhXIiSmnpjEyaK55FB1gaonsg==";
const CONFIRMATION_1: &str = "Odv579pxbOR7CwJkAT05UTWe21rYElgPtpm3C2uJT0ConaAD0tBJSjFXokZ7ThXcbdPWl/INy6KNwuSeeWVtQr/ezsRBC1ldvaiYOy06C4JMixo9TDfqMmWu9igUwOap2ldyfV+XcU2bRmBPvAnpt5/RU5j4zuIy+JW/Y9VG3kPce1yTW4Q5MzjZN0Wma4dt5MJJkyq+r5yFq3qIoe7wYR+IYrwyclI0YgSZ+DHiLdBPoNGH3vrjxE+0ATm8LZu+ofJcNKjFETihnmJcNL+GBx0aL3shyhPAZtnSj+t7hBQqt9IKud5fMZnMOxAjzCxFCKV/iXbUQaAeH+UYJ171rg==";
const CONFIRMATION_2: &str = "arONslclrEywRrJLXtlWTphCkgh1GCOOa5lNtYXTehVlEZUkeot5/5oxAds3MT5tbm2RQpWU8AvlOkw21AwfsMCPNGYyXXXZ0BoPkP/GaZYmGBrH1RqKsOHAK0eYOcHAfu4nH5CbSDxp/1uRqu2AvtqjyfFde3iKCX/VtiI9tddpBeHd6aa3jh5fy2rP0ecjNcZEogOXPMAGv2R7Dnj1h48W/+7tCdBEAcvJMFlQE8x0szpkmLMkPc815tmJr7MAbUpRT/vvomiWBtPDmLexGlT3iVfimz6nzzU2leDUE06bjDLkqN8r7OxP8/nCzPNFh4oWIlq1aoGSm/H2uILNOA==";

fn scheme(topics: &str) -> Scheme {
    Scheme { name: "sns".into(), signed: Signed::Sns { topics: topics.into() }, retry_horizon_s: 7_200 }
}

fn passes_at(message: &Json, topics: &str, certificate: &str, late_s: i64) -> bool {
    let hook =
        Webhook::<Unverified>::new("POST", "https://hub.example.com/hooks/aws", None, [], message.to_string().into());
    hook.verify(&scheme(topics), &[certificate.as_bytes()], Instant::from_ms(NOW.ms() + late_s * 1000)).is_ok()
}

fn passes(message: &Json) -> bool {
    passes_at(message, TOPIC, sns::CERTIFICATE, 0)
}

fn fetched(message: &Json) -> Option<String> {
    scheme(TOPIC).certificate_url(message.to_string().as_bytes(), NOW)
}

fn notice(version: &str, signature: &str) -> Json {
    json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC,
        "Subject": "A subject", "Message": r#"{"action":"subscribe-success"}"#, "Timestamp": "2026-01-01T00:00:00.000Z",
        "SignatureVersion": version, "Signature": signature, "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?a",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    })
}

fn confirmation(version: &str, signature: &str) -> Json {
    let url =
        format!("https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37");
    json!({
        "Type": "SubscriptionConfirmation", "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "TopicArn": TOPIC,
        "Token": "2336412f37", "Message": "You have chosen to subscribe", "SubscribeURL": url,
        "Timestamp": "2026-01-01T00:00:00.000Z", "SignatureVersion": version, "Signature": signature,
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    })
}

#[test]
fn both_versions_of_both_kinds_are_let_in_as_they_were_signed() {
    let all = [
        notice("1", NOTICE_1),
        notice("2", NOTICE_2),
        confirmation("1", CONFIRMATION_1),
        confirmation("2", CONFIRMATION_2),
    ];
    for message in all {
        assert!(passes(&message), "{message:#}");
        for name in
            ["Type", "MessageId", "TopicArn", "Subject", "Message", "Token", "SubscribeURL", "Timestamp", "Signature"]
        {
            let Some(text) = message[name].as_str() else { continue };
            for at in [0, text.len() / 2, text.len() - 1] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
                let mut forged = message.clone();
                forged[name] = String::from_utf8(bytes).unwrap().into();
                assert!(!passes(&forged), "`{name}` touched: {forged:#}");
            }
            let mut bare = message.clone();
            bare.as_object_mut().unwrap().remove(name);
            assert!(!passes(&bare), "without `{name}`");
        }
    }
    // What one version signed is nothing under the other, and there is no third.
    for (version, signature) in [("1", NOTICE_2), ("2", NOTICE_1), ("3", NOTICE_2), ("", NOTICE_2)] {
        assert!(!passes(&notice(version, signature)), "{version}");
    }
}

#[test]
fn a_message_is_good_for_an_hour_and_for_its_topics() {
    let good = notice("2", NOTICE_2);
    for (late_s, lets_in) in [(-61, false), (-59, true), (3_600, true), (3_601, false), (86_400, false)] {
        assert_eq!(passes_at(&good, TOPIC, sns::CERTIFICATE, late_s), lets_in, "{late_s} s late");
    }
    let other = "arn:aws:sns:us-east-1:111122223333:anything";
    for (topics, lets_in) in [
        (format!("{other},{TOPIC}"), true),
        (format!("{other}, {TOPIC}"), true),
        (other.to_owned(), false),
        (String::new(), false),
        ("{topics}".to_owned(), false),
        (format!("{TOPIC}-and-more"), false),
        (TOPIC[..TOPIC.len() - 1].to_owned(), false),
    ] {
        assert_eq!(passes_at(&good, &topics, sns::CERTIFICATE, 0), lets_in, "{topics}");
        let url = scheme(&topics).certificate_url(good.to_string().as_bytes(), NOW);
        assert_eq!(url.is_some(), lets_in, "nothing is fetched for {topics}");
    }
}

#[test]
fn s11_a_certificate_is_fetched_from_amazons_own_host_and_path_only() {
    assert!(fetched(&notice("2", NOTICE_2)).is_some());
    for url in [
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/?Action=GetTopicAttributes&x=/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?x=.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-../0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem#",
        // Of another region than the topic is in.
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://s3.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "",
    ] {
        let mut message = notice("2", NOTICE_2);
        message["SigningCertURL"] = url.into();
        assert_eq!(fetched(&message), None, "{url}");
        assert!(!passes(&message), "{url}");
    }
    // A region that is none would be part of a host.
    let mut message = notice("2", NOTICE_2);
    let topic = TOPIC.replace("us-east-1", "evil.example/x");
    message["TopicArn"] = topic.clone().into();
    message["SigningCertURL"] =
        "https://sns.evil.example/x.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem".into();
    assert_eq!(scheme(&topic).certificate_url(message.to_string().as_bytes(), NOW), None);
}

#[test]
fn a_subscription_is_confirmed_at_amazons_own_host_only() {
    let confirms = |message: &Json| scheme(TOPIC).confirmation(message.to_string().as_bytes());
    assert!(confirms(&confirmation("2", CONFIRMATION_2)).is_some());
    assert_eq!(confirms(&notice("2", NOTICE_2)), None);
    for url in [
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com.evil.example/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com/?Action=Publish&Token=1",
        "https://evil.example/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1 HTTP/1.1",
    ] {
        let mut message = confirmation("2", CONFIRMATION_2);
        message["SubscribeURL"] = url.into();
        assert_eq!(confirms(&message), None, "{url}");
    }
}

#[test]
fn s11_only_the_certificate_that_was_fetched_counts() {
    let good = notice("2", NOTICE_2);
    assert!(!passes_at(&good, TOPIC, "", 0));
    assert!(!passes_at(&good, TOPIC, "no certificate", 0));
    // In the middle of the key.
    let half = sns::CERTIFICATE.len() / 2;
    let hollow = format!("{}AAAAAAAA{}", &sns::CERTIFICATE[..half], &sns::CERTIFICATE[half + 8..]);
    assert!(!passes_at(&good, TOPIC, &hollow, 0));
    let hook = Webhook::<Unverified>::new("POST", "", None, [], good.to_string().into());
    assert!(hook.verify(&scheme(TOPIC), &[], NOW).is_err());
}
