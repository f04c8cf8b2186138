#!/bin/sh
# archive_command of a drill: archive.sh PATH NAME. First the files that rows of this segment speak of, then the segment:
# so the files are never behind the database. Each appears whole, by rename, once it is on the disk; or the segment is
# given to the command $push.
set -eu
. "$(dirname "$0")/archive.conf"
begun=$(date +%s.%N)
for file in "$spool"/*; do
    [ -e "$file" ] || continue
    name=${file##*/}
    folder=$files/$(printf %.2s "$name")
    mkdir -p "$folder"
    cp "$file" "$files/.part"
    sync "$files/.part"
    mv "$files/.part" "$folder/$name"
    rm "$file"
done
if [ -n "$push" ]; then
    eval "$push" '"$1"'
    echo "$2 $begun $(date +%s.%N)" >>"$uploads"
    exit 0
fi
if [ -e "$archive/$2" ]; then cmp -s "$1" "$archive/$2" && exit 0; fi
[ ! -e "$archive/$2" ]
cp "$1" "$archive/.part"
sync "$archive/.part"
mv "$archive/.part" "$archive/$2"
sync "$archive"
echo "$2 $begun $(date +%s.%N)" >>"$uploads"
