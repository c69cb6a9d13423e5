#!/bin/sh
# A media worker that starts and says nothing.
exec /bin/sleep 600
