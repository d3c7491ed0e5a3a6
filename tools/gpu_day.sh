#!/bin/sh
# Measures everything that needs a graphics card, for a day on which one is at hand for a quarter of an hour.
#
#   tools/gpu_day.sh FOLDER            the first three calls, one after another, each of at most four minutes
#   tools/gpu_day.sh FOLDER 4          the fourth call alone; what was measured before is not measured again
#
# FOLDER (6 GB, on a local disk) keeps models and results between the calls; delete it afterwards. It needs EasyPhoto's
# packages with a torch for the card, and no network. Variables:
#   PYTHON      the Python with EasyPhoto's packages (default: .venv/bin/python)
#   KOHYA       DIR:PYTHON of a checkout of kohya-ss/sd-scripts and of an environment with its requirements
#   DIFFUSERS   DIR:PYTHON of a checkout of huggingface/diffusers and of an environment with its examples' requirements
# Without the last two nothing is compared. Each call prints a table of all results so far, and one line of JSON, which
# it also writes to FOLDER/call-N.json.
set -eu

folder=$1
calls=${2:-1 2 3}
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
mkdir -p "$folder"

bench() {
    number=$1
    shift
    set -- "$@" ${KOHYA:+--against "kohya=$KOHYA"} ${DIFFUSERS:+--against "diffusers=$DIFFUSERS"}
    echo "== call $number, $(date +%H:%M:%S)"
    # Not through a pipe, which would hide that it failed.
    PYTHONPATH=$root "$python" -m easyphoto bench gpu --quiet --folder "$folder/bench" --seconds 235 "$@" \
        > "$folder/call-$number.txt" || { cat "$folder/call-$number.txt"; exit 1; }
    cat "$folder/call-$number.txt"
    tail -n 1 "$folder/call-$number.txt" > "$folder/call-$number.json"
}

for call in $calls; do
    case $call in
        # Milliseconds a step, plain and captured, and the share of the bound.
        1) bench 1 --phase step --phase load ;;
        # Seconds from photos to LoRA by phase, then portraits a minute with that LoRA.
        2) bench 2 --phase train --phase portrait ;;
        # The same training by the others: each twice, for n and 3n steps.
        3) bench 3 --phase against ;;
        # The largest family, both memory layouts, and whatever is left: the comparison once more in the reverse order.
        4) bench 4 ;;
    esac
done
