#!/bin/sh
# Asks for the first 255 KiB a hundred times, and takes none of them.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do printf '\015\0\0\0\001\0\0\0\0\0\0\0\0\0\374\003\0' >&0; done
done
sleep 60
