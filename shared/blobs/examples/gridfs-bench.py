"""The same as gridfs-bench.rs, the way pymongo does it: put FILE | get, in the bucket `pymongo`. Prints bytes and seconds."""

import sys
import time

import gridfs
import pymongo


class Nowhere:
    total = 0

    def write(self, piece):
        self.total += len(piece)


work, url = sys.argv[1:3]
bucket = gridfs.GridFSBucket(pymongo.MongoClient(url).get_default_database(), bucket_name="pymongo")
for old in list(bucket.find({})) if work == "put" else []:
    bucket.delete(old._id)
start = time.perf_counter()
if work == "put":
    with open(sys.argv[3], "rb") as file:
        bucket.upload_from_stream_with_id("bench", "bench", file)
        total = file.tell()
else:
    nowhere = Nowhere()
    bucket.download_to_stream("bench", nowhere)
    total = nowhere.total
print(total, time.perf_counter() - start)
