//! What the owner of a job does to it, and an administrator to the owner.

use db::UserChanges;

use crate::{
    bench::Bench,
    moves::{Wrong, failed},
    world::{State, job_id, user_id},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Cancels,
    Retries,
    Deletes,
    IsLocked,
}

pub(crate) fn moves(state: &State, job: usize) -> Vec<Move> {
    let mut moves = Vec::new();
    let user = state.rows.find("users", &user_id(job).to_string());
    if user.is_some_and(|user| user.int("disabled_at").is_none()) {
        moves.push(Move::IsLocked);
    }
    let Some(row) = state.job(job) else { return moves };
    moves.push(Move::Deletes);
    match row.text("state") {
        "queued" | "converting" => moves.push(Move::Cancels),
        "failed" | "canceled" => moves.push(Move::Retries),
        _ => {}
    }
    moves
}

pub(crate) async fn step(bench: &mut Bench, state: &mut State, job: usize, step: Move) -> Result<(), Wrong> {
    let db = bench.at(&state.rows).await;
    let id = job_id(job);
    match step {
        Move::Cancels => {
            if !db.jobs().cancel(id).await.map_err(failed)? {
                return Err("a job that had not ended could not be canceled".into());
            }
        }
        Move::Retries => {
            let kept = state.job(job).is_some_and(|row| row.int("video_removed_at").is_none());
            let again = db.jobs().retry(id).await.map_err(failed)?.is_some();
            if kept != again {
                return Err(format!("the video is kept: {kept}, the job is tried again: {again}"));
            }
        }
        Move::Deletes => drop(db.jobs().delete(id).await.map_err(failed)?),
        Move::IsLocked => {
            let locked = UserChanges { disabled: Some(true), ..UserChanges::default() };
            db.change_user(user_id(job), &locked)
                .await
                .map_err(failed)?
                .map_err(|error| error.to_string())?;
        }
    }
    if matches!(step, Move::Cancels | Move::Deletes) {
        state.take_away(id);
    }
    Ok(())
}
