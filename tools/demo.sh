#!/bin/bash
# demo.sh BUILD EXAMPLE SOCKETS WEIR_PORT HELPDESK_PORT: what ./run --demo shows, against a Weir that runs.
# Every line of a journey is what the help desk itself saw (its own record), not what Weir says of itself.
set -euo pipefail
build=$1 example=$2 sockets=$3 weir=http://127.0.0.1:$4 helpdesk=http://127.0.0.1:$5
tickets=$example/tickets.jsonl
began=$(date +%s.%N)

say() { printf '%s\n' "$*"; }
say "Sending $(wc -l <"$tickets") tickets of etc/examples/support-desk/tickets.jsonl, one of them several times, as"
say "senders do. Two things are arranged: the help desk fails twice when T-1009 is assigned (Weir tries again), and"
say "it refuses T-1037 for good (422): that one ends as a dead letter, as it should."
say ""

answers=$(mktemp)
trap 'rm -f "$answers"' EXIT
seen=0
show_steps() {
    local lines
    lines=$(curl -sS -m 5 "$helpdesk/_record?since=$seen")
    [ -n "$lines" ] || return 0
    seen=$((seen + $(wc -l <<<"$lines")))
    jq -r '(.path | split("/")) as $p | "  help desk  \($p[3])  \($p[4])  \(.status)"
        + (if .status >= 500 then "  (will be tried again)" elif .status >= 400 then "  (refused for good)" else "" end)' <<<"$lines"
}

while IFS= read -r ticket; do
    answer=$(curl -sS -m 10 -w '{"took_s": %{time_total}}' -H 'Content-Type: application/json' -d "$ticket" "$weir/tickets")
    jq -c -n --argjson t "$ticket" --argjson a "$(jq -s add <<<"$answer")" '{ticket: $t.id, subject: $t.subject, answer: $a}' |
        tee -a "$answers" | jq -r '"sent  \(.ticket)  \(.answer.status // .answer.title)  \(.answer.id)  \(.subject)"'
    show_steps
done <"$tickets"

ids=$(jq -r '.answer.id' "$answers" | sort -u)
states=
all_ended() {
    states=
    local id
    for id in $ids; do
        states+=$(curl -sS -m 5 "$weir/v1/messages/$id" | jq -r .state)$'\n'
    done
    ! grep -qvE '^(done|dead)?$' <<<"$states"
}
deadline=$((SECONDS + 60))
until all_ended; do
    show_steps
    [ $SECONDS -lt $deadline ] || { say "not all tickets ended within 60 s"; exit 1; }
    sleep 0.2
done
show_steps
say ""

count() { grep -c "^$1\$" <<<"$states" || true; }
say "The dead letter, and why:"
"$build/weirctl" --socket "$sockets/ctl.sock" dead ls
say ""
shown=$(for id in $ids; do curl -sS -m 5 "$weir/v1/messages/$id"; echo; done | jq -c -s .)
summary=$(curl -sS -m 5 "$helpdesk/_summary")
jq -c -n --slurpfile a "$answers" --argjson s "$summary" --argjson done "$(count done)" --argjson dead "$(count dead)" \
    --argjson shown "$shown" --argjson began "$began" --argjson ended "$(date +%s.%N)" '
  def spread: sort | {p50: .[length / 2 | floor], max: .[-1]} | map_values(. * 10 | round / 10);
  {accepted: [$a[] | select(.answer.status == "accepted")] | length,
   duplicates: [$a[] | select(.answer.status == "duplicate")] | length,
   done: $done, dead: $dead, unknown: [$shown[] | select(.unknown)] | length,
   calls: $s.requests, effects: $s.effects,
   times: {accept_ms: [$a[].answer.took_s * 1000] | spread, done_ms: [$shown[] | .finished_at_ms - .accepted_at_ms] | spread,
           seconds: (($ended - $began) * 100 | round / 100)}}'
[ "$(count done)" = $(($(wc -l <<<"$ids") - 1)) ] && [ "$(count dead)" = 1 ]
