#!/bin/bash
# What is generated from tables and checked in is what the tables say now.
cd "$(dirname "$(readlink -f "$0")")/../.."
status=0
one() { # name, command...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then echo "ok $name"; else echo "$said" | head -5; echo "not ok $name: stale or failing"; status=1; fi
}
one PROTOCOL_md_is_fresh "${WEIR_BUILD:-build/proc}/tests/protocol_document" --check
one CONFIGURATION_md_and_the_sample_are_fresh "${WEIR_BUILD:-build/proc}/tests/test_config"
one METRICS_md_is_fresh "${WEIR_BUILD:-build/proc}/tests/test_metrics_read"
exit $status
