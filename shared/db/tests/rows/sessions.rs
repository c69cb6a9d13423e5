//! Log-ins that last.

use contracts::{TokenId, UserId};
use db::{Device, NewRefreshToken, NewSession, UserChanges};

use crate::world::{DAY, HOUR, MINUTE, World, worlds};

fn device(agent: &str) -> Device {
    Device { address: "192.0.2.0/24".into(), agent: agent.into() }
}

async fn cookie(world: &World, user: UserId, secret_hash: &str) -> TokenId {
    let new = NewSession {
        secret_hash: secret_hash.into(),
        expires_at: world.clock.now().after(DAY),
        device: device("a browser"),
    };
    world.db.start_session(user, &new).await.unwrap()
}

fn token(world: &World, secret_hash: &str, agent: &str) -> NewRefreshToken {
    let expires_at = world.clock.now().after(DAY);
    NewRefreshToken { secret_hash: secret_hash.into(), expires_at, device: device(agent) }
}

#[tokio::test]
async fn a_cookies_session_lasts_as_long_as_it_is_used() {
    for world in worlds().await {
        let user = world.user().await;
        let id = cookie(&world, user, "a").await;
        for _ in 0..3 {
            world.clock.advance(20 * HOUR);
            let session = world.db.use_session("a").await.unwrap().unwrap();
            assert_eq!((session.id, session.user_id), (id, user));
        }
        assert_eq!(world.db.sessions(user).await.unwrap()[0].last_used_at, world.clock.now());
        world.clock.advance(DAY + MINUTE);
        assert!(world.db.use_session("a").await.unwrap().is_none());
        assert!(world.db.sessions(user).await.unwrap().is_empty());
        cookie(&world, user, "b").await;
        assert_eq!(
            world.number("SELECT CAST(COUNT(*) AS SIGNED) FROM sessions").await,
            1,
            "the old row is gone"
        );
    }
}

#[tokio::test]
async fn a_family_of_refresh_tokens_is_a_session_that_can_be_ended() {
    for world in worlds().await {
        let (user, other) = (world.user().await, world.user().await);
        let family = world.db.start_token_family(user, &token(&world, "a", "curl")).await.unwrap().family;
        world.clock.advance(HOUR);
        world.db.rotate_refresh_token("a", &token(&world, "b", "curl 2")).await.unwrap();
        let sessions = world.db.sessions(user).await.unwrap();
        let [session] = sessions.as_slice() else { panic!("{sessions:?}") };
        assert_eq!((session.id, session.device.agent.as_str()), (family, "curl 2"));
        assert_eq!(session.last_used_at, world.clock.now());
        assert_eq!(session.created_at, world.clock.now().before(HOUR));
        assert!(!world.db.end_session(other, family).await.unwrap(), "somebody else's");
        assert!(world.db.end_session(user, family).await.unwrap());
        assert!(!world.db.end_session(user, family).await.unwrap());
        let rotated = world.db.rotate_refresh_token("b", &token(&world, "c", "")).await.unwrap();
        assert!(matches!(rotated, db::Rotation::Unknown), "{rotated:?}");
    }
}

#[tokio::test]
async fn a_family_from_before_there_were_sessions_becomes_one_when_it_is_used() {
    for world in worlds().await {
        let user = world.user().await;
        world.db.start_token_family(user, &token(&world, "a", "curl")).await.unwrap();
        world.run("DELETE FROM sessions").await;
        world.db.rotate_refresh_token("a", &token(&world, "b", "curl")).await.unwrap();
        assert_eq!(world.db.sessions(user).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn whatever_ends_all_log_ins_ends_sessions() {
    for world in worlds().await {
        for how in ["password", "lock", "log out", "reuse", "delete"] {
            let user = world.user().await;
            cookie(&world, user, &format!("cookie {how}")).await;
            let first = format!("token {how}");
            world.db.start_token_family(user, &token(&world, &first, "")).await.unwrap();
            let lock = UserChanges { disabled: Some(true), ..UserChanges::default() };
            let left = match how {
                "password" => world.db.change_password(user, "x", "y").await.map(|_| 0),
                "lock" => world.db.change_user(user, &lock).await.map(|_| 0),
                "log out" => world.db.revoke_token_family(&first).await.map(|_| 1),
                "reuse" => {
                    for next in ["second", "third"] {
                        let next = token(&world, &format!("{next} {how}"), "");
                        world.db.rotate_refresh_token(&first, &next).await.unwrap();
                    }
                    Ok(1)
                }
                _ => world.db.delete_user(user).await.map(|_| 0),
            };
            assert_eq!(world.db.sessions(user).await.unwrap().len(), left.unwrap(), "{how}");
        }
    }
}
