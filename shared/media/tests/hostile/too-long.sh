#!/bin/sh
# Announces a message of 4 GiB.
printf '\377\377\377\377' >&0
sleep 60
