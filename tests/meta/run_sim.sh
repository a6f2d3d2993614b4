#!/bin/bash
# Runs the simulator (WEIR_BUILD, WEIR_SIM_SECONDS) and the spin model of the handoff.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
found=no
for program in tests/sim/run tests/sim/run.sh tests/sim/check.sh; do
    [ -x "$program" ] && { found=yes; "$program"; }
done
[ $found = yes ] || { echo "not ok sim: tests/sim has nothing to run"; exit 1; }
