/* drainer_rig.h: a drainer with rules of modes, driven step by step; the test plays the limiter. */
#ifndef WEIR_TESTS_DRAINER_RIG_H
#define WEIR_TESTS_DRAINER_RIG_H

#include "tests/unit/steps.h"

static const char drainer_config[] =
    "modes:\n"
    "  stay_s: 60\n"
    "  slow_down_percent: 40\n"
    "  rules:\n"
    "    - {signal: depth, enter: 100, leave: 50, does: degraded}\n"
    "    - {signal: limited_percent, of: d, enter: 10, leave: 5, does: degraded}\n"
    "    - {signal: error_percent, enter: 5, leave: 2, does: slow_down}\n"
    "    - {signal: disk_free_mb, enter: 64, leave: 128, does: refuse}\n"
    "store: {keep_done_s: 100, keep_dead_s: 200, keep_prints_s: 300}\n"
    "sources: {desk: {auth: none-on-loopback}}\n"
    "downstreams: {d: {url: \"http://127.0.0.1:1\", allow_private: true}}\n"
    "routes:\n"
    "  tickets:\n"
    "    path: /tickets\n"
    "    source: desk\n"
    "    steps: [{name: a, call: {downstream: d, path: /x}}]\n";

static inline int begin(void **state)
{
    steps_t *s = calloc(1, sizeof *s);
    steps_begin(s, &drainer_spec, drainer_config);
    steps_plain(s, EVENT_START);
    *state = s;
    return 0;
}

static inline void mode(steps_t *s, work_mode_t is, unsigned stopping)
{
    steps_message(
        s, ACTOR_LIMITER, MESSAGE_MODE,
        &(msg_mode_t){
            .mode = is, .who = bytes_str("op"), .why = bytes_str("reason"), .stopping = stopping});
}

static inline void pressure(steps_t *s, uint64_t assigned, uint64_t dead, uint64_t done)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_PRESSURE,
                  &(msg_pressure_t){
                      .queued = assigned + 3, .assigned = assigned, .dead = dead, .done = done});
}

static inline steps_t *up(void **state)
{
    steps_t *s = *state;
    steps_limiter(s, EVENT_PEER_UP);
    mode(s, MODE_NORMAL, 0);
    steps_forget(s);
    return s;
}

static inline const msg_answer_t *ask(steps_t *s, uint64_t number, const char *verb,
                                      const char *args)
{
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_QUERY,
                  &(msg_query_t){.number = number,
                                 .verb = bytes_str(verb),
                                 .args = bytes_str(args),
                                 .who = bytes_str("uid 0")});
    const msg_answer_t *a;
    for (size_t i = 0; (a = steps_sent(s, MESSAGE_ANSWER, i)) != NULL; i++)
        if (a->number == number)
            return a;
    return NULL;
}

static inline void assert_answer(const msg_answer_t *a, unsigned status, const char *part)
{
    char body[4096] = "(no answer)";
    if (a)
        snprintf(body, sizeof body, "%.*s", (int)a->body.len, (const char *)a->body.data);
    if (!a || a->status != status)
        fail_msg("%u was expected, not %u: %s", status, a ? (unsigned)a->status : 0, body);
    assert_contains(body, part);
}

#endif
