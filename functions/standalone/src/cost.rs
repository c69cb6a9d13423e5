//! `tapedeck cost`: what conversions have cost, by month and user.

use std::error::Error;

use clap::Args;
use contracts::Cost;
use db::{Db, MonthlyCost};
use serde_json::json;

use crate::operate::DatabaseOptions;

/// Users that are read at once.
const PAGE: u32 = 500;

/// Which month, at which prices.
#[derive(Args)]
pub(crate) struct CostOptions {
    /// One month (UTC), as 2026-11; else all.
    #[arg(long, value_parser = month)]
    month: Option<String>,
    #[command(flatten)]
    prices: Prices,
    /// A line of JSON for each user and month.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: DatabaseOptions,
}

#[derive(Args)]
struct Prices {
    /// Dollars for an hour of CPU time.
    #[arg(long, default_value_t = 0.02, value_parser = price)]
    cpu_hour: f64,
    /// Dollars for a gigabyte (10^9 bytes) that is read from the blob store or written to it.
    #[arg(long, default_value_t = 0.0, value_parser = price)]
    gb: f64,
}

fn month(text: &str) -> Result<String, String> {
    let number = |range| text.get(range).filter(|part: &&str| part.bytes().all(|byte| byte.is_ascii_digit()));
    let month =
        number(5..7).and_then(|month| month.parse().ok()).is_some_and(|month| (1..=12).contains(&month));
    let known = text.len() == 7 && number(0..4).is_some() && text.get(4..5) == Some("-") && month;
    known.then(|| text.to_owned()).ok_or_else(|| "expected a month as 2026-11".into())
}

fn price(text: &str) -> Result<f64, String> {
    let price = text.parse().ok().filter(|price: &f64| price.is_finite() && *price >= 0.0);
    price.ok_or_else(|| "expected a price as 0.02".into())
}

impl Prices {
    fn dollars(&self, cost: &Cost) -> f64 {
        cost.cpu_seconds / 3600.0 * self.cpu_hour + gigabytes(cost) * self.gb
    }
}

fn gigabytes(cost: &Cost) -> f64 {
    (cost.bytes_read + cost.bytes_written) as f64 / 1e9
}

pub(crate) async fn cost(options: CostOptions) -> Result<(), Box<dyn Error>> {
    let db = options.place.open()?;
    if !options.json {
        println!(
            "{:7} {:>12} {:>10} {:>10} {:>9} {:>12}  user",
            "month", "audio h", "CPU h", "GB", "attempts", "dollars"
        );
    }
    let (mut all, mut audio) = (Cost::default(), 0.0);
    let mut month = options.month.clone();
    if month.is_none() {
        month = db.month_with_costs_after("").await?;
    }
    while let Some(this) = month {
        each(&db, &this, |user| {
            (all, audio) = (all + user.cost, audio + user.audio.as_secs_f64());
            let user = if options.json { options.prices.json(user) } else { options.prices.line(user) };
            println!("{user}");
        })
        .await?;
        month = if options.month.is_some() { None } else { db.month_with_costs_after(&this).await? };
    }
    if !options.json {
        println!("{}", options.prices.sum(&all, audio));
    }
    Ok(())
}

/// Each user of a month, a page at a time.
async fn each(db: &Db, month: &str, mut with: impl FnMut(&MonthlyCost)) -> db::Result<()> {
    let mut after = None;
    loop {
        let page = db.costs(month, after, PAGE).await?;
        page.iter().for_each(&mut with);
        after = page.last().map(|user| user.user_id);
        if after.is_none() {
            return Ok(());
        }
    }
}

impl Prices {
    fn columns(&self, cost: &Cost, audio: f64) -> String {
        let (audio, cpu) = (audio / 3600.0, cost.cpu_seconds / 3600.0);
        let (gigabytes, attempts, dollars) = (gigabytes(cost), cost.attempts, self.dollars(cost));
        format!("{audio:12.3} {cpu:10.4} {gigabytes:10.3} {attempts:9} {dollars:12.6}")
    }

    fn line(&self, user: &MonthlyCost) -> String {
        let who = user.email.clone().unwrap_or_else(|| user.user_id.to_string());
        format!("{:7} {}  {who}", user.month, self.columns(&user.cost, user.audio.as_secs_f64()))
    }

    fn json(&self, user: &MonthlyCost) -> String {
        let mut line = json!(user.cost);
        line["month"] = json!(user.month);
        line["user_id"] = json!(user.user_id);
        line["email"] = json!(user.email);
        line["audio_seconds"] = json!(user.audio.as_secs_f64());
        line["dollars"] = json!(self.dollars(&user.cost));
        line.to_string()
    }

    fn sum(&self, all: &Cost, audio: f64) -> String {
        let sum = format!("{:7} {}", "all", self.columns(all, audio));
        if audio <= 0.0 {
            return sum;
        }
        let thousand_hours = self.dollars(all) / audio * 3600.0 * 1000.0;
        format!("{sum}\n1,000 hours of audio: {thousand_hours:.4} dollars")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_four_digits_and_two_and_a_price_is_no_less_than_nothing() {
        assert_eq!(month("2026-11").unwrap(), "2026-11");
        for wrong in [
            "2026-13",
            "2026-00",
            "2026-1",
            "26-11",
            "2026-11-01",
            "2026/11",
            "november",
            "２０26-11",
            "+026-11",
        ] {
            assert!(month(wrong).is_err(), "{wrong}");
        }
        assert_eq!(price("0.02"), Ok(0.02));
        assert!(["-1", "NaN", "inf", "x"].iter().all(|wrong| price(wrong).is_err()));
    }
}
