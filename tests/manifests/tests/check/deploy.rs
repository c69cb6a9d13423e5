//! What `make deploy` does around the manifests, and what the pages say that they take.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
};

use crate::files::{build, deployment};
use crate::world::{code, plain, root, schemas, secrets};
use manifests::{Resource, connections, dispatchers, problems, requests, run};

/// The lines of a target's recipe.
fn recipe(target: &str) -> Vec<String> {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let after = makefile.split(&format!("\n{target}: ")).nth(1).unwrap();
    after
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('\t'))
        .map(|line| line.trim().to_owned())
        .collect()
}

fn place(recipe: &[String], part: &str) -> usize {
    recipe
        .iter()
        .position(|line| line.contains(part))
        .unwrap_or_else(|| panic!("{part} is not in {recipe:#?}"))
}

#[test]
fn the_triggers_are_waited_for_once_their_functions_are_there() {
    let deploy = recipe("deploy");
    let order = [
        "knative/check.sh",
        "--selector tapedeck.dev/step=first",
        "wait broker/tapedeck",
        "wait sinkbinding --all",
        "wait job/migrate",
        "wait ksvc --all",
        "wait trigger --all --for=condition=Ready",
        "wait pingsource --all --for=condition=Ready",
        "knative/status.sh",
    ];
    let places: Vec<_> = order.iter().map(|part| place(&deploy, part)).collect();
    assert!(places.is_sorted(), "{places:?} in {deploy:#?}");
}

/// What `check.sh` says to a cluster that answers so when it is asked for one of these definitions.
fn checked(absent: &[&str], answer: &str) -> Result<Option<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let stub = folder.path().join("kubectl");
    let pattern = if absent.is_empty() { "none".to_owned() } else { absent.join("|") };
    fs::write(&stub, format!("#!/bin/sh\ncase \"$3\" in {pattern}) echo '{answer}' >&2; exit 1;; esac\n"))
        .unwrap();
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    run("bash", &[&root().join("knative/check.sh").display().to_string()], &[("PATH", &path)])
}

#[test]
fn a_cluster_that_has_all_is_deployed_to_and_one_that_lacks_a_part_is_told_which() {
    assert_eq!(checked(&[], "").unwrap().as_deref(), Some(""));
    let absent = ["rabbitmqclusters.rabbitmq.com", "scaledobjects.keda.sh"];
    let refused = checked(&absent, "Error from server (NotFound)").unwrap_err();
    assert!(
        refused.contains("rabbitmqclusters.rabbitmq.com. Install RabbitMQ's cluster operator"),
        "{refused}"
    );
    assert!(refused.contains("scaledobjects.keda.sh. Install KEDA"), "{refused}");
    assert!(!refused.contains("Knative Serving"), "{refused}");
    assert_eq!(checked(&absent, "Error from server (Forbidden)").unwrap().as_deref(), Some(""));
}

#[test]
fn every_definition_that_the_manifests_need_is_asked_for() {
    let script = fs::read_to_string(root().join("knative/check.sh")).unwrap();
    let asked: BTreeSet<_> =
        script.lines().filter_map(|line| line.strip_prefix("need ")?.split(' ').next()).collect();
    let custom = |one: &&Resource| one.group().contains('.') && !one.group().ends_with("k8s.io");
    // With knative/domain, knative/gateway-api and knative/monitoring come their own.
    let on_top =
        |one: &&Resource| one.kind() != "DomainMapping" && !one.file.starts_with("knative/monitoring/");
    let resources = plain(|_, text| text);
    for one in resources.iter().filter(custom).filter(on_top) {
        let kind = one.kind().to_lowercase();
        let plural =
            if let Some(stem) = kind.strip_suffix('y') { format!("{stem}ies") } else { format!("{kind}s") };
        let name = format!("{plural}.{}", one.group());
        assert!(asked.contains(name.as_str()), "nobody asks for {name}");
    }
}

#[test]
fn with_an_authority_of_your_own_whoever_uses_the_database_verifies_it() {
    let alone = ("knative/database-ca", 8);
    let with_others =
        [alone, ("keda/long-videos knative/database-ca", 8), ("keda/push knative/database-ca", 9)];
    for (number, (with, expected)) in with_others.into_iter().enumerate() {
        let folder = deployment(&format!("database-ca-{number}"), &[("WITH", with)]);
        let Some(mut built) = build(&folder) else { return };
        built.extend(secrets());
        assert_eq!(problems(&built, &code(), None), Vec::<String>::new());
        let said = |one: &&Resource, variable: &str| {
            one.value.to_string().contains(&format!("\"name\":\"{variable}\""))
        };
        let users: BTreeMap<_, _> = built
            .iter()
            .filter(|one| said(one, "DATABASE_URL"))
            .map(|one| (one.name(), said(&one, "DATABASE_CA_FILE")))
            .collect();
        assert_eq!(users.len(), expected, "{users:?}");
        assert!(users.values().all(|verifies| *verifies), "{users:?}");
    }
}

/// What `status.sh` says below its tables to a cluster whose objects have these conditions.
fn status(conditions: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let stub = folder.path().join("kubectl");
    let script = format!("#!/bin/sh\ncase \"$*\" in *jsonpath*) cat <<'END'\n{conditions}\nEND\n;; esac\n");
    fs::write(&stub, script).unwrap();
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let script = root().join("knative/status.sh").display().to_string();
    run("bash", &[&script], &[("PATH", &path)]).unwrap().unwrap()
}

#[test]
fn what_is_not_ready_is_said_with_its_reason_and_what_to_do() {
    let said = status(
        "Service sweep True\n\
         Broker tapedeck False ExchangeFailure no matches for kind RabbitmqCluster\n\
         Trigger video-uploaded False Unable to get the dead letter sink's URI services \"sweep\" not found\n\
         Trigger delivery-due Unknown Unable to get the Subscriber's URI services \"notify\" not found\n\
         SinkBinding functions ",
    );
    for words in [
        "Broker tapedeck: ExchangeFailure no matches for kind RabbitmqCluster\n  RabbitMQ can't be reached",
        "Trigger video-uploaded: Unable to get the dead letter sink's URI services \"sweep\" not found\n  its dead letters",
        "Trigger delivery-due: Unable to get the Subscriber's URI services \"notify\" not found\n  its function must",
        "SinkBinding functions: nothing is said yet\n  the Broker must",
    ] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    assert!(!said.contains("Service sweep:"), "{said}");
    assert!(!status("Service sweep True").contains("Not Ready"));
}

#[test]
fn three_of_rabbitmq_two_of_each_function_that_people_wait_for_and_workers_that_yield() {
    let with = ("WITH", "knative/high-availability");
    let folder = deployment("high-availability", &[("OVERLAY", "stores"), with]);
    let Some(mut built) = build(&folder) else { return };
    let one = |kind: &str, name: &str| {
        let same = |one: &&Resource| one.kind() == kind && one.name() == name;
        built.iter().find(same).unwrap_or_else(|| panic!("no {kind} {name}")).value.clone()
    };
    assert_eq!(one("RabbitmqCluster", "rabbitmq")["spec"]["replicas"], 3);
    assert_eq!(one("RabbitmqBrokerConfig", "tapedeck")["spec"]["queueType"], "quorum");
    assert_eq!(one("Queue", "convert")["spec"]["type"], "quorum");
    let worker = &one("Deployment", "convert-worker")["spec"]["template"]["spec"];
    assert_eq!(worker["priorityClassName"], "tapedeck-workers");
    assert_eq!(one("PriorityClass", "tapedeck-workers")["preemptionPolicy"], "Never");
    let budgets = built.iter().filter(|one| one.kind() == "PodDisruptionBudget");
    let functions: Vec<_> = budgets.map(Resource::name).filter(|name| *name != "rabbitmq").collect();
    assert_eq!(functions, ["auth", "download", "gateway", "jobs", "upload"]);
    for function in functions {
        let annotations = &one("Service", function)["spec"]["template"]["metadata"]["annotations"];
        assert_eq!(annotations["autoscaling.knative.dev/min-scale"], "2", "{function}");
    }
    built.extend(secrets());
    assert_eq!(problems(&built, &code(), schemas().as_ref()), Vec::<String>::new());
}

/// Thousandths of a core that `cluster.sh` lets each of the platform's Deployments ask for.
fn small_request(script: &str) -> u64 {
    let request = script.split("--requests=cpu=").nth(1).and_then(|rest| rest.split('m').next());
    request.unwrap().parse().unwrap()
}

#[test]
fn the_platform_asks_for_little_on_a_small_machine() {
    let script = fs::read_to_string(root().join("knative/cluster.sh")).unwrap();
    // cert-manager's Deployments ask for nothing.
    for part in
        script.lines().filter_map(|line| line.strip_prefix("ready ")).filter(|one| *one != "cert-manager")
    {
        assert!(script.contains(&format!("\nsmall {part}\n")), "{part} asks for what its authors say");
    }
    let resources = plain(|_, text| text);
    let awake = |one: &Resource| one.value.to_string().contains("autoscaling.knative.dev/min-scale");
    let parts = [
        dispatchers(&resources),
        requests(&resources, |one| one.file.starts_with("knative/stores/")),
        requests(&resources, |one| one.is_function() && (awake(one) || one.name() == "sweep")),
    ];
    let idle: u64 = parts.iter().map(|part| part.cpu).sum();
    // A queue-proxy; kind with one CoreDNS; the Deployments of Knative, the operators and KEDA.
    let (proxy, kind, platform) = (25, 850, 18 * small_request(&script));
    let all = idle + proxy + kind + platform;
    assert!(all < 1500, "at rest everything asks for {all}m");
    let page = fs::read_to_string(root().join("knative/README.md")).unwrap();
    assert!(page.contains(&format!("{all}m at rest")), "knative/README.md does not say {all}m");
}

#[test]
fn the_page_says_what_an_installation_takes() {
    let page = fs::read_to_string(root().join("knative/README.md")).unwrap();
    let resources = plain(|_, text| text);
    let base = |folder: &'static str| move |one: &Resource| one.file.starts_with(folder);
    let mut said = Vec::new();
    for (what, sum) in [
        ("Broker and Triggers", dispatchers(&resources)),
        ("every function once", requests(&resources, |one| one.is_function())),
        ("ten workers", {
            let one = requests(&resources, base("keda/worker.yaml"));
            manifests::Requests { cpu: 10 * one.cpu, memory: 10 * one.memory }
        }),
        ("the stores of `stores/`", requests(&resources, base("knative/stores/"))),
    ] {
        said.push(format!("| {what} | {}m | {} Mi |", sum.cpu, sum.memory));
    }
    let external: Vec<_> = resources.into_iter().filter(|one| !one.file.contains("long-videos")).collect();
    let (functions, workers) = connections(&external, &code());
    said.push(format!("All functions with as many pods as may be: {functions}; ten workers: {workers}"));
    for line in said {
        assert!(page.contains(&line), "knative/README.md does not say: {line}");
    }
}
