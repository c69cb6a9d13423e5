# Once: an account. The first one is the admin.
curl -X POST $TAPEDECK/register -H 'Content-Type: application/json' \
     -d '{"email":"ann@example.org","password":"correct horse battery"}'

# Log in: the answer is the token.
TOKEN=$(curl -s -X POST $TAPEDECK/login -u ann@example.org:'correct horse battery')

# Upload a video. Options are further fields: -F format=opus -F start=1:30 ...
JOB=$(curl -s -X POST -F 'file=@video.mp4' -H "Authorization: Bearer $TOKEN" $TAPEDECK/upload |
      grep -o '"id":"[^"]*"' | cut -d'"' -f4)

# The job's state; wait answers when it has ended.
curl -H "Authorization: Bearer $TOKEN" "$TAPEDECK/jobs/$JOB?wait=30"

# Download. fid is the audio id that the mail names, or the id of the job.
curl --output audio.mp3 -H "Authorization: Bearer $TOKEN" "$TAPEDECK/download?fid=$JOB"
