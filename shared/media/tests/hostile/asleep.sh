#!/bin/sh
# Says nothing, reads nothing, and doesn't end.
sleep 60
