//! Values that are written as text: durations, rates, broker addresses, ids.
//!
//! * duration: as `victus_agent::durations` has it
//! * rate: a count for each unit of time: `6/min`, `1/5s`
//! * broker: `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`
//! * slug: lower-case ASCII letters and digits with single underscores between
//!
//! Each parser answers with what was expected. Leaves ranges to whoever asks.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use unicode_normalization::UnicodeNormalization;
pub(super) use victus_agent::durations::{parse as duration, show as show_duration};

use super::model::{Broker, Kind, Rate};

/// The most times in a rate, as `victus-hw` has it.
const MOST_IN_A_RATE: u32 = 1_000;

/// Reads a rate; `None` if it is none.
pub(super) fn rate(text: &str) -> Option<Rate> {
    let (count, per) = text.split_once('/')?;
    let count = count.trim().parse().ok().filter(|count| (1..=MOST_IN_A_RATE).contains(count))?;
    let per = match per.trim() {
        "s" => Duration::from_secs(1),
        "min" | "m" => Duration::from_secs(60),
        "h" => Duration::from_secs(3_600),
        "d" => Duration::from_secs(86_400),
        other => duration(other).filter(|per| !per.is_zero())?,
    };
    Some(Rate { count, per })
}

/// Reads the address of a broker. The message never repeats it: it may carry a password.
pub(super) fn broker(text: &str) -> Result<Broker, String> {
    let expected = || "expected mqtt://HOST:PORT or mqtts://HOST:PORT".to_owned();
    let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
    let tls = match scheme {
        "mqtt" => false,
        "mqtts" => true,
        "tcp" | "ws" | "wss" | "http" | "https" => return Err(format!("{}, and no {scheme}://", expected())),
        _ => return Err(expected()),
    };
    if rest.contains('@') {
        return Err(format!("{} without a user: that goes into username and password_file", expected()));
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, tail)) => {
            let address: Ipv6Addr = address.parse().map_err(|_| format!("{}: no IPv6 address in []", expected()))?;
            (address.to_string(), tail.strip_prefix(':').or((!tail.is_empty()).then_some(tail)))
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (rest.to_owned(), None),
        },
    };
    if host.parse::<IpAddr>().is_err() && !is_host_name(&host) {
        return Err(format!("{}: no host name or address where HOST stands", expected()));
    }
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| format!("{}: no port from 1 to 65535", expected()))?,
        None if tls => 8883,
        None => 1883,
    };
    Ok(Broker { tls, host, port })
}

fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// The slug of a name: `Öl-Pumpe 2` gives `ol_pumpe_2`. Empty where no letter or digit has an ASCII form.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.nfkd().filter(|c| !unicode_normalization::char::is_combining_mark(*c)) {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if c != '\'' && c != '’' && !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
    }
    slug.truncate(slug.trim_end_matches('_').len());
    slug
}

/// The id that an entity has by its kind and name.
pub(super) fn derived_id(kind: &str, name: &str) -> Option<String> {
    let kind = Kind::NAMES.iter().find(|(known, _)| *known == kind)?.0;
    let slug = slug(name);
    (!slug.is_empty()).then(|| format!("{kind}.{slug}"))
}

/// Whether `id` has the form of an entity's id, `fan.extraction_fan`.
pub(super) fn is_entity_id(id: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    id.len() <= 96 && id.split_once('.').is_some_and(|(domain, name)| part(domain) && part(name))
}

/// Whether `id` can stand in a topic as the name of a device, a site or a link.
pub(super) fn is_name(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_units_that_fall() {
        for (text, millis) in
            [("500ms", 500), ("5s", 5_000), ("30m", 1_800_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("0s", 0)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "5", "s", "5 s", "-5s", "1.5s", "30m1h", "5s5s", "5S", "99999999999999999999s", "300000000000d", "5sé"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn rates_have_a_count_and_a_time() {
        assert_eq!(rate("6/min"), Some(Rate { count: 6, per: Duration::from_secs(60) }));
        assert_eq!(rate("1 / 5s"), Some(Rate { count: 1, per: Duration::from_secs(5) }));
        for text in ["6", "0/min", "/min", "6/", "6/0s", "6/fortnight", "1001/s"] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn brokers_have_a_scheme_a_host_and_a_port() {
        let address = |text| broker(text).map(|broker| (broker.tls, broker.host.clone(), broker.port, broker.url()));
        assert_eq!(address("mqtt://localhost"), Ok((false, "localhost".into(), 1883, "mqtt://localhost:1883".into())));
        assert_eq!(
            address("mqtts://b.example:9000/"),
            Ok((true, "b.example".into(), 9000, "mqtts://b.example:9000".into()))
        );
        assert_eq!(address("mqtts://[::1]"), Ok((true, "::1".into(), 8883, "mqtts://[::1]:8883".into())));
        for text in [
            "",
            "localhost",
            "mqtt://",
            "mqtt://a b",
            "mqtt://h:0",
            "mqtt://h:70000",
            "mqtt://[::1",
            "mqtt://[::1]x",
            "mqtt://h/topic",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
        let error = address("mqtt://bob:hunter2@h").unwrap_err();
        assert!(error.contains("password_file") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("Extraction fan"), "extraction_fan");
        assert_eq!(slug("  Öl-Pumpe (2) "), "ol_pumpe_2");
        assert_eq!(slug("Bob's lamp"), "bobs_lamp");
        assert_eq!(slug("照明"), "");
        assert_eq!(derived_id("fan", "照明"), None);
        assert_eq!(derived_id("fan", "A"), Some("fan.a".into()));
        assert!(is_entity_id("fan.a_1") && !is_entity_id("fan.A") && !is_entity_id("fan") && !is_entity_id("a.b.c"));
    }

    proptest! {
        #[test]
        fn a_duration_reads_as_it_is_shown(millis in 0_u64..10_000_000_000) {
            let value = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show_duration(value)), Some(value));
        }

        #[test]
        fn any_text_gives_a_value_that_holds_or_an_error(text in "(mqtts?://)?[0-9a-z:./\\[\\]]{0,12}|[0-9]{1,4}[smhd/]{0,3}|\\PC{0,40}") {
            prop_assert!(duration(&text).is_none_or(|value| duration(&show_duration(value)) == Some(value)));
            prop_assert!(rate(&text).is_none_or(|rate| rate.count > 0 && !rate.per.is_zero()));
            prop_assert!(broker(&text).map_or(true, |address| broker(&address.url()) == Ok(address)));
            let slug = slug(&text);
            prop_assert!(slug.is_empty() || is_entity_id(&format!("fan.{slug}")), "{}", slug);
        }
    }
}
