//! Deleting on a full disk. Alone in its program, because a limit of the whole process plays the disk: the kernel refuses
//! every byte that is written to a file.

mod stores;

use blobs::{Blob, Blobs, Bucket};
use contracts::VideoId;
use stores::{put, put_video};

#[expect(unsafe_code, reason = "std can't set limits")]
fn refuse_writes() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: both calls take plain values and touch no memory of ours.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const none), 0);
    }
}

#[tokio::test]
async fn a_delete_writes_nothing_so_it_works_where_there_is_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().display());
    let blobs = Blobs::open(&url).unwrap();
    let (whole, left) = (put_video(&blobs, 100).await, Blob::Video(VideoId::generate()));
    std::mem::forget(blobs.put(left).await.unwrap());
    refuse_writes();
    // As after a restart.
    let blobs = Blobs::open(&url).unwrap();
    let refused = Blob::Video(VideoId::generate());
    assert!(put(&blobs, refused, &[&[7; 100]]).await.is_err());
    assert!(!blobs.delete(refused).await.unwrap(), "the refused put left something");
    for blob in [whole, left] {
        assert!(blobs.delete(blob).await.unwrap());
    }
    assert_eq!(blobs.page(Bucket::Videos, None, 10).await.unwrap(), []);
    assert_eq!(blobs.partials(Bucket::Videos, None, 10).await.unwrap(), []);
}
