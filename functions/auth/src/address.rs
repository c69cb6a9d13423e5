//! Which mail addresses are taken: what every mail server takes, not all that RFC 5322 allows.

use crate::{problem, rules::Refused};

/// The address without blanks around it, in lower case, with a domain of any script as DNS has it (`xn--`): how it is stored
/// and looked up, and what every mail server can send to.
pub(crate) fn normal(address: &str) -> String {
    let address = address.trim().to_ascii_lowercase();
    let Some((local, domain)) = address.rsplit_once('@').filter(|(_, domain)| !domain.is_ascii()) else {
        return address;
    };
    match url::Host::parse(domain) {
        Ok(url::Host::Domain(domain)) => format!("{local}@{domain}"),
        _ => address,
    }
}

/// Refuses what can't be delivered to. `address` is [`normal`].
pub(crate) fn check(address: &str) -> Refused {
    match address.rsplit_once('@') {
        Some((local, domain)) if address.len() <= 254 && is_local(local) && is_domain(domain) => Ok(()),
        _ => Err(problem::field("email", "This is no mail address. Write it as name@example.org.")),
    }
}

fn is_local(local: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    local.len() <= 64 && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(plain))
}

/// Names with a dot, and `localhost` for whoever tries Tapedeck at home.
pub(crate) fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain == "localhost" || (domain.contains('.') && domain.split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_addresses_are_taken() {
        for address in
            ["a@b.co", "ada.lovelace+tapes@mail.example.org", "o'neill@xn--bcher-kva.example", "me@localhost"]
        {
            assert!(check(address).is_ok(), "{address}");
        }
        assert_eq!(normal(" Ada@Example.ORG\n"), "ada@example.org");
    }

    #[test]
    fn a_domain_of_any_script_is_the_one_that_dns_has() {
        for (typed, stored) in [
            ("ann@exämple.org", "ann@xn--exmple-cua.org"),
            ("Ann@EXÄMPLE.org ", "ann@xn--exmple-cua.org"),
            ("ann@例え.テスト", "ann@xn--r8jz45g.xn--zckzah"),
        ] {
            assert_eq!(normal(typed), stored);
            assert!(check(stored).is_ok(), "{stored}");
        }
        for refused in ["ann@exämple", "ann@ä..org", "änn@exämple.org", "ann@ex ämple.org", "ann@ä.org/x"]
        {
            assert!(check(&normal(refused)).is_err(), "{refused}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.org", "x".repeat(65));
        let longer = format!("a@{}.org", ["x".repeat(60).as_str(); 5].join("."));
        for address in [
            "",
            "a",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b..de",
            ".a@b.de",
            "a.@b.de",
            "a@-b.de",
            "a@b.de\r\nBcc: x@y.zz",
            "a@b@c.de",
            "<a@b.de>",
            "\"a\"@b.de",
            "a,b@c.de",
            "ä@b.de",
            "a@b.de.",
            &long,
            &longer,
        ] {
            assert!(check(address).is_err(), "{address:?}");
        }
    }
}
