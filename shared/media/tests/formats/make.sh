#!/bin/sh
# Makes a file of every container and codec that the ffmpeg at hand can put together: make.sh FOLDER
#
# Three seconds of two tones that differ from left to right, and a small picture where the container is for videos. What
# ffmpeg refuses to write is left out; the table in FORMATS.md says what is there. A name is CODEC.CHANNELS.CONTAINER.
set -eu
out=$1
rm -rf "$out.new"
mkdir -p "$out.new"

codecs="aac libmp3lame mp2 libopus libvorbis flac alac ac3 eac3 dca truehd wmav1 wmav2 libspeex \
    pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be \
    pcm_alaw pcm_mulaw pcm_bluray pcm_dvd adpcm_ms adpcm_ima_wav adpcm_ima_qt adpcm_swf adpcm_yamaha g722 g726 libgsm nellymoser"
videos="mp4 mov m4v fmp4 mkv webm avi flv ts m2ts mpg vob 3gp asf wmv"
sounds="m4a ogg opus mka mp3 aac ac3 eac3 dts thd flac wav w64 aiff caf au wma"

# What ffmpeg calls a container of this name, and what it needs to know.
container() {
    case $1 in
    fmp4) echo "-movflags frag_keyframe+empty_moov+default_base_moof -f mp4" ;;
    ts) echo "-f mpegts" ;;
    m2ts) echo "-mpegts_m2ts_mode 1 -f mpegts" ;;
    mpg) echo "-f mpeg" ;;
    wmv | wma) echo "-f asf" ;;
    mka) echo "-f matroska" ;;
    thd) echo "-f truehd" ;;
    *) echo "" ;;
    esac
}

picture() {
    case $1 in
    webm) echo "-c:v libvpx -b:v 40k" ;;
    mpg | vob) echo "-c:v mpeg2video -r 25" ;;
    asf | wmv) echo "-c:v wmv2" ;;
    flv) echo "-c:v flv1" ;;
    *) echo "-c:v mpeg4" ;;
    esac
}

make() { # make CODEC CHANNELS CONTAINER
    codec=$1 channels=$2 kind=$3 rate=44100 layout=stereo more="" video="" inputs=""
    left="0.25*sin(440*2*PI*t)*(1+0.6*sin(3*PI*t))+0.1*sin(1250*2*PI*t)"
    right="0.25*sin(660*2*PI*t)+0.1*sin(990*2*PI*t)*sin(5*PI*t)"
    sound="$left|$right"
    case $codec in
    libopus | dca | truehd | ac3 | eac3 | pcm_bluray | pcm_dvd) rate=48000 ;;
    g722) rate=16000 channels=1 ;;
    g726 | libgsm) rate=8000 channels=1 ;;
    libspeex) rate=16000 channels=1 ;;
    nellymoser) rate=22050 channels=1 ;;
    adpcm_swf) rate=22050 ;;
    esac
    case $channels in
    1) layout=mono sound=$left ;;
    6) layout=5.1 rate=48000 sound="$sound|0.2*sin(550*2*PI*t)|0.1*sin(60*2*PI*t)|0.2*sin(770*2*PI*t)|0.2*sin(880*2*PI*t)" ;;
    8) layout=7.1 rate=48000 sound="$sound|0.2*sin(550*2*PI*t)|0.1*sin(60*2*PI*t)|0.1*sin(770*2*PI*t)|0.1*sin(880*2*PI*t)|0.1*sin(330*2*PI*t)|0.1*sin(1100*2*PI*t)" ;;
    esac
    case " $videos " in
    *" $kind "*) inputs="-f lavfi -i testsrc2=size=128x96:rate=25:duration=3" video=$(picture "$kind") ;;
    esac
    # Word splitting is wanted: one option a word.
    # shellcheck disable=SC2086
    ffmpeg -v quiet -nostdin -y $inputs -f lavfi -i "aevalsrc=$sound:c=$layout:s=$rate:d=3" -pix_fmt yuv420p $video \
        -strict -2 -c:a "$codec" $more -fflags +bitexact -flags:v +bitexact -flags:a +bitexact \
        $(container "$kind") -metadata title="Two Tones" "$out.new/$codec.$channels.$kind" </dev/null \
        || rm -f "$out.new/$codec.$channels.$kind"
}

list() {
    for kind in $videos $sounds; do
        for codec in $codecs; do echo "$codec 2 $kind"; done
    done | grep -vE ' (ac3|eac3|dts|thd)$'
    # Of raw streams, ffmpeg would write any codec into any of them.
    for raw in "ac3 2 ac3" "eac3 2 eac3" "dca 2 dts" "truehd 2 thd"; do echo "$raw"; done
    for codec in aac ac3 eac3 dca truehd flac libopus libvorbis; do echo "$codec 6 mkv"; done
    for codec in aac flac libopus pcm_s16le; do echo "$codec 8 mkv"; done
}
# Two at a time do it.
list | while read -r codec channels kind; do
    make "$codec" "$channels" "$kind" &
    set -- "$@" $!
    if [ $# -ge 3 ]; then
        wait
        set -- "$1"
    fi
done
find "$out.new" -empty -type f -delete
rm -rf "$out"
mv "$out.new" "$out"
