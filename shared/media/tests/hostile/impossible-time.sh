#!/bin/sh
# Reports a result with a rate of 0 Hz and the largest number of samples.
body='{"Converted":{"source":{"container":"","duration":null,"streams":[],"tags":{}},"codec":"mp3","sample_rate":0,"channels":2,"samples":18446744073709551615,"warnings":[]}}'
printf "\\$(printf '%o' $((${#body} + 1)))\\0\\0\\0\\005%s" "$body" >&0
sleep 60
