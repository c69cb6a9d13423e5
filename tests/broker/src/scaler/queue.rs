//! The depth of a queue by RabbitMQ's management API, asked as KEDA's scaler asks: as the user and at the address that the
//! TriggerAuthentication names, in the virtual host of that address.

use std::time::Duration;

use manifests::{Resource, secret_value};
use serde_json::Value;
use url::Url;

use super::spec::OfQueue;

/// KEDA's own.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub(crate) struct Queue {
    url: String,
    username: String,
    password: String,
    field: &'static str,
    client: reqwest::Client,
}

impl Queue {
    /// # Errors
    /// A parameter that the TriggerAuthentication does not give, or a Secret that is not there.
    pub(crate) fn of(trigger: &OfQueue, resources: &[Resource]) -> Result<Self, String> {
        let same =
            |one: &&Resource| one.kind() == "TriggerAuthentication" && one.name() == trigger.authentication;
        let authentication = resources.iter().find(same).ok_or("there is no such TriggerAuthentication")?;
        let parameter = |name: &str| {
            let all = authentication.value["spec"]["secretTargetRef"].as_array();
            let one = all.into_iter().flatten().find(|one| one["parameter"] == name);
            let one = one.ok_or(format!("the TriggerAuthentication gives no {name}"))?;
            let text = |field: &str| one[field].as_str().unwrap_or_default();
            secret_value(resources, text("name"), text("key"))
        };
        let host = Url::parse(&parameter("host")?).map_err(|error| error.to_string())?;
        let vhost = host.path().trim_start_matches('/').to_owned();
        let base = host.join("/").map_err(|error| error.to_string())?;
        Ok(Self {
            url: format!("{base}api/queues/{vhost}/{}", trigger.queue),
            username: parameter("username")?,
            password: parameter("password")?,
            field: if trigger.unacknowledged { "messages" } else { "messages_ready" },
            client: reqwest::Client::builder()
                .timeout(PATIENCE)
                .build()
                .map_err(|error| error.to_string())?,
        })
    }

    /// `None` if it can't be asked. A new queue has no counters yet and reads 0.
    pub(crate) async fn messages(&self) -> Option<u64> {
        let request = self.client.get(&self.url).basic_auth(&self.username, Some(&self.password));
        let answer = request.send().await.ok()?.error_for_status().ok()?;
        Some(answer.json::<Value>().await.ok()?[self.field].as_u64().unwrap_or(0))
    }
}
