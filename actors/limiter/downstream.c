/* downstream.c: a downstream stopped, paused and tried by people; the pauses of a limit ended, and
 * a lease taken back, by them. */
#include "actors/limiter/hand.h"

#define PAUSE_MOST_S 604800

static int64_t left_ms(const limiter_t *l, int64_t until_us)
{
    return until_us > l->now.at.us ? (until_us - l->now.at.us) / US_PER_MS + 1 : 0;
}

json_t *pause_of(const limiter_t *l, const bucket_t *b)
{
    int64_t paused = left_ms(l, b->paused_until_us);
    json_t *state = json_pack("{s:b,s:I}", "stopped", b->stopped, "paused_ms", (json_int_t)paused);
    if (paused > 0)
        json_object_set_new(state, "paused_why", json_string(b->pause_why));
    if (b->breaker) {
        json_object_set_new(
            state, "breaker",
            json_string(breaker_state_name((breaker_state_t)b->breaker->now.state)));
        if (b->breaker->now.state == BREAKER_OPEN)
            json_object_set_new(state, "breaker_ms",
                                json_integer(left_ms(l, b->breaker->now.open_until_us)));
    }
    if (slow_start_room(&b->slow) != UINT32_MAX)
        json_object_set_new(state, "slow_start", json_integer(b->slow.window));
    return state;
}

void downstream_pause(limiter_t *l, const hand_t *h)
{
    json_t *seconds = json_object_get(h->args, "for");
    json_int_t s = json_integer_value(seconds);
    limit_state_t *of = hand_downstream(l, h);
    if (!of)
        return;
    if (seconds && (!json_is_integer(seconds) || s < 1 || s > PAUSE_MOST_S)) {
        query_refuse(l, h->q, 400, "for is 1 to 604800 seconds",
                     "without it the pause lasts until weirctl downstream resume");
        return;
    }
    json_t *before = hand_state(l, of);
    if (seconds)
        bucket_pause(l, of->only, instant_after_us(l->now.at, s * US_PER_S), "by hand");
    else
        hand_stop(l, h, of, true);
    hand_said(l, h, of, before);
}

/* Its pause and its breaker's are over: one call goes first, and more as they succeed. */
static bool is_paused(const limiter_t *l, const bucket_t *b)
{
    return left_ms(l, b->paused_until_us) > 0 ||
           (b->breaker && b->breaker->now.state == BREAKER_OPEN);
}

static void pause_ends(limiter_t *l, bucket_t *b)
{
    if (b->paused_until_us > l->now.at.us)
        b->paused_until_us = l->now.at.us;
    if (b->breaker && b->breaker->now.state == BREAKER_OPEN &&
        b->breaker->now.open_until_us > l->now.at.us)
        b->breaker->now.open_until_us = l->now.at.us;
    bucket_start_slowly(l, b);
    (step_has_room(l) ? bucket_changed : bucket_changed_late)(l, b);
    bucket_look(l, b);
}

void downstream_resume(limiter_t *l, const hand_t *h)
{
    limit_state_t *of = hand_downstream(l, h);
    if (!of)
        return;
    json_t *before = hand_state(l, of);
    if (of->only->stopped)
        hand_stop(l, h, of, false);
    of->only->probe = false;
    pause_ends(l, of->only);
    hand_said(l, h, of, before);
}

typedef struct resume {
    const limit_state_t *of;
    const char *value; /* only this one; NULL: all */
    json_int_t found, paused;
} resume_t;

static void bucket_resume(limiter_t *l, bucket_t *b, void *arg)
{
    resume_t *r = arg;
    char value[BUCKET_NAME_MAX];
    bucket_value(b, value, sizeof value);
    if (b->of != r->of || (r->value && strcmp(value, r->value) != 0))
        return;
    r->found++;
    if (is_paused(l, b)) {
        r->paused++;
        pause_ends(l, b);
    }
}

/* Of all its values, or of one: what they learned or a breaker opened, if anything did. */
void limits_resume(limiter_t *l, const hand_t *h)
{
    resume_t r = {.of = hand_limit(l, h),
                  .value = json_string_value(json_object_get(h->args, "value"))};
    if (!r.of)
        return;
    buckets_each(l, bucket_resume, &r);
    if (r.value && r.found == 0) {
        query_refuse(l, h->q, 404, "nothing of this value is in use, waits or is paused",
                     "weirctl limits ls NAME --full shows the values as they are typed here");
        return;
    }
    json_t *before = hand_state(l, r.of), *after = hand_state(l, r.of);
    json_object_set_new(before, "paused", json_integer(r.paused));
    json_object_set_new(after, "paused", json_integer(0));
    hand_told(l, h, r.of, before, after);
}

void downstream_probe(limiter_t *l, const hand_t *h)
{
    limit_state_t *of = hand_downstream(l, h);
    if (!of)
        return;
    json_t *before = hand_state(l, of);
    of->only->probe = of->only->stopped;
    pause_ends(l, of->only);
    hand_said(l, h, of, before);
}

/* ---- leases ---- */

void slots_reclaim(limiter_t *l, const hand_t *h)
{
    const json_t *id = json_object_get(h->args, "id");
    lease_t *lease =
        lease_find(l, bytes_of(json_string_value(id), id ? json_string_length(id) : 0));
    char why[REASON_BYTES_MAX + 200];
    if (!h->why[0]) {
        query_refuse(l, h->q, 400, "a lease is taken back for a reason",
                     "say it: weirctl slots reclaim ID --why TEXT");
        return;
    }
    if (!lease || !lease->needs) {
        query_refuse(l, h->q, 404, "no lease has this id",
                     "weirctl slots ls shows them; the slots of a message come back by themselves");
        return;
    }
    json_t *before = json_pack("{s:s%,s:s%,s:I}", "id", lease->id, (size_t)lease->length, "holder",
                               lease->holder, utf8_prefix(bytes_str(lease->holder), 256), "fence",
                               (json_int_t)lease->fence);
    snprintf(why, sizeof why, "by %s: %s", h->who, h->why);
    lease_end(l, lease, why);
    query_reply(l, h->q, 200, json_pack("{s:o?,s:n}", "before", before, "after"));
}
