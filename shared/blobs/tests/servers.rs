//! The GridFS store on servers of the test's own: a delete that is interrupted, a replica that lags, a server that goes
//! away and comes back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stores;

use std::time::Duration;

use blobs::{Blob, Blobs, Bucket, Error};
use contracts::VideoId;
use mongodb::{
    Client, Database,
    bson::{Document, doc},
};
use servers::Mongod;
use stores::{Mongo, content, put, put_video};

async fn admin(server: &Mongod) -> Database {
    let url = format!("{}/?directConnection=true", server.url());
    Client::with_uri_str(url).await.unwrap().database("admin")
}

#[tokio::test]
async fn an_interrupted_delete_hides_the_blob_and_the_next_one_ends_it() {
    let server = Mongod::start_with(&["--setParameter", "enableTestCommands=1"]);
    let mongo = Mongo::on(&server.url()).await;
    mongo.blobs.prepare().await.unwrap();
    let blob = put_video(&mongo.blobs, 5_000_000).await;
    // 1,200 chunks more than its files document knows of.
    let chunk = |n| doc! { "files_id": blob.id(), "n": n };
    let chunks = mongo.database.collection::<Document>("videos.chunks");
    chunks.insert_many((20..1220).map(chunk)).await.unwrap();

    // The files document and one step of chunks go, then the server refuses.
    let refuse = doc! {
        "configureFailPoint": "failCommand", "mode": { "skip": 2 },
        "data": { "failCommands": ["delete"], "errorCode": 50 }
    };
    admin(&server).await.run_command(refuse).await.unwrap();
    assert!(matches!(mongo.blobs.delete(blob).await, Err(Error::Unavailable(_))));
    assert!(mongo.blobs.open_blob(blob).await.unwrap().is_none());
    assert_eq!(mongo.blobs.page(Bucket::Videos, None, 10).await.unwrap(), []);
    assert_eq!(mongo.blobs.partials(Bucket::Videos, None, 10).await.unwrap()[0].blob, blob);
    assert_eq!(mongo.chunks().await, 720);

    let allow = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    admin(&server).await.run_command(allow).await.unwrap();
    assert!(mongo.blobs.delete(blob).await.unwrap());
    assert_eq!(mongo.chunks().await, 0);
    assert!(!mongo.blobs.delete(blob).await.unwrap());
}

/// A primary, and a secondary that has no vote and has stopped to take over what the primary writes.
async fn replicas() -> [Mongod; 2] {
    let servers = [(); 2]
        .map(|()| Mongod::start_with(&["--replSet", "tapes", "--setParameter", "enableTestCommands=1"]));
    let members = [
        doc! { "_id": 0, "host": servers[0].host() },
        doc! { "_id": 1, "host": servers[1].host(), "priority": 0, "votes": 0 },
    ];
    let quick = doc! { "heartbeatIntervalMillis": 200, "electionTimeoutMillis": 500 };
    let set = doc! { "_id": "tapes", "members": members.to_vec(), "settings": quick };
    admin(&servers[0]).await.run_command(doc! { "replSetInitiate": set }).await.unwrap();
    for (server, role) in servers.iter().zip(["isWritablePrimary", "secondary"]) {
        let admin = admin(server).await;
        while !admin.run_command(doc! { "hello": 1 }).await.unwrap().get_bool(role).unwrap_or(false) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let stop = doc! { "configureFailPoint": "rsSyncApplyStop", "mode": "alwaysOn" };
    admin(&servers[1]).await.run_command(stop).await.unwrap();
    servers
}

#[tokio::test]
async fn what_was_stored_is_found_at_once_though_the_url_prefers_a_secondary_that_lags() {
    let servers = replicas().await;
    let [primary, behind] = [servers[0].host(), servers[1].host()];
    let url = format!(
        "mongodb://{primary},{behind}/tapedeck?replicaSet=tapes&readPreference=secondaryPreferred&w=1"
    );
    let blobs = Blobs::open(&url).unwrap();
    blobs.prepare().await.unwrap();
    let blob = put_video(&blobs, 3_000_000).await;
    assert!(content(&blobs, blob).await.unwrap().unwrap() == vec![7; 3_000_000]);
    assert_eq!(blobs.page(Bucket::Videos, None, 10).await.unwrap().len(), 1);
    assert_eq!(blobs.partials(Bucket::Videos, None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_server_that_was_away_is_found_again_by_the_same_handle() {
    let mut server = Mongod::start();
    let blobs = Blobs::open(&format!("{}/tapedeck?serverSelectionTimeoutMS=500", server.url())).unwrap();
    server.stop();
    let first = VideoId::generate();
    assert!(matches!(blobs.delete(Blob::Video(first)).await, Err(Error::Unavailable(_))));
    server.restart();
    // The driver looks for its server anew within a second or so.
    while blobs.prepare().await.is_err() {}
    let blob = put_video(&blobs, 600_000).await;
    server.kill();
    assert!(matches!(content(&blobs, blob).await, Err(Error::Unavailable(_))), "an outage is no damage");
    server.restart();
    while blobs.open_blob(blob).await.is_err() {}
    assert!(content(&blobs, blob).await.unwrap().unwrap() == vec![7; 600_000]);
}

#[tokio::test]
async fn a_store_without_room_says_so_and_takes_blobs_again_when_there_is_some() {
    let server = Mongod::start_with(&["--setParameter", "enableTestCommands=1"]);
    let mongo = Mongo::on(&server.url()).await;
    mongo.blobs.prepare().await.unwrap();
    let before = put_video(&mongo.blobs, 600_000).await;
    // `OutOfDiskSpace`.
    let data = doc! { "failCommands": ["insert"], "errorCode": 14031 };
    let refuse = doc! { "configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data };
    admin(&server).await.run_command(refuse).await.unwrap();
    let refused = Blob::Video(VideoId::generate());
    let full = put(&mongo.blobs, refused, &[&[7; 600_000]]).await;
    assert!(matches!(full, Err(Error::Full)), "{full:?}");
    assert!(content(&mongo.blobs, before).await.unwrap().is_some(), "what is there is read");
    let allow = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    admin(&server).await.run_command(allow).await.unwrap();
    assert!(mongo.blobs.open_blob(refused).await.unwrap().is_none());
    put_video(&mongo.blobs, 600_000).await;
}
