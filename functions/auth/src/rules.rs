//! Which passwords are taken: long ones that are not among the first an attacker tries. No composition rules:
//! they make passwords worse (NIST SP 800-63B, section 3.1.1.2).

use runtime::Problem;

use crate::problem;

/// Nothing, or the answer that says why not.
pub(crate) type Refused = Result<(), Problem>;

const SHORTEST: usize = 10;
const LONGEST: usize = 200;

/// The most frequent passwords of ten characters and more in leaked lists, in lower case. From the frequency lists of
/// zxcvbn (MIT licence), without the foul ones.
const COMMON: &str = include_str!("common-passwords.txt");

/// Refuses a weak password. `email` is whose it shall be.
pub(crate) fn check(password: &str, email: &str) -> Refused {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return refuse(format!("A password has {SHORTEST} to {LONGEST} characters; this one has {length}."));
    }
    let lower = password.to_lowercase();
    if COMMON.lines().any(|common| common == lower) || is_one_character(&lower) {
        return refuse("This is one of the passwords that attackers try first. Choose another.");
    }
    if is_address(&lower, email) {
        return refuse("The password must not be the mail address. Choose another.");
    }
    Ok(())
}

fn refuse(detail: impl Into<String>) -> Refused {
    Err(problem::field("password", detail))
}

fn is_one_character(password: &str) -> bool {
    let first = password.chars().next();
    password.chars().all(|character| Some(character) == first)
}

/// The address or one of its two halves, and nothing else.
fn is_address(password: &str, email: &str) -> bool {
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    [email, local, domain].contains(&password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_password_of_any_kind_is_taken() {
        for password in
            ["correct horse battery", "ten chars!", "пароль из слов", "    a    b    ", &"x1".repeat(100)]
        {
            assert!(check(password, "ada@example.org").is_ok(), "{password}");
        }
    }

    #[test]
    fn short_common_and_telling_passwords_are_refused() {
        let long = "x1".repeat(101);
        for password in [
            "",
            "short",
            "nine char",
            "1234567890",
            "Password123",
            "QWERTYUIOP",
            "aaaaaaaaaaaa",
            "ada.lovelace",
            "Ada.Lovelace@example.org",
            "example.org",
            &long,
        ] {
            assert!(check(password, "ada.lovelace@example.org").is_err(), "{password}");
        }
    }

    #[test]
    fn the_list_holds_only_what_would_pass_the_other_rules() {
        for line in COMMON.lines() {
            assert!(line.chars().count() >= SHORTEST && line == line.to_lowercase(), "{line}");
        }
    }
}
