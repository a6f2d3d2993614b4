/* signals.c: what the rules of modes watch. Each is a whole number in the unit of its name. Of
 * calls the last minute counts, in six parts of ten seconds that come and go whole. */
#include "actors/limiter/parts.h"

#include <stdlib.h>

#define PARTS 6
#define PART_US (10 * US_PER_S)
#define CALLS_LEAST 10 /* a share of fewer says nothing: it is 0 */
#define LOOKS_MAX 65536

typedef struct recent {
    struct part {
        int64_t number; /* of the part of time that it counts */
        uint64_t ended, failed, limited, took_us;
    } parts[PARTS];
} recent_t;

void signals_start(limiter_t *l)
{
    l->recent = calloc(l->config->downstream_count + 1, sizeof *l->recent);
    must(l->recent);
}

/* ---- calls ---- */

static void count(recent_t *r, instant_t now, const msg_settle_t *s)
{
    int64_t number = now.us / PART_US;
    struct part *part = &r->parts[number % PARTS];
    if (part->number != number)
        *part = (struct part){.number = number};
    part->ended++;
    part->failed += s->outcome != OUTCOME_OK && s->outcome != OUTCOME_DEFER;
    part->limited += s->status == 429;
    part->took_us += s->took_us;
}

void signals_settled(limiter_t *l, const item_t *i, const msg_settle_t *s)
{
    const step_t *step = item_step(l, i);
    if (!step || step->kind != STEP_CALL)
        return;
    count(&l->recent[step->downstream - l->config->downstreams], l->now.at, s);
    count(&l->recent[l->config->downstream_count], l->now.at, s);
}

static uint64_t of_calls(const limiter_t *l, size_t which, unsigned signal)
{
    struct part sum = {0};
    int64_t number = l->now.at.us / PART_US;
    for (size_t n = 0; n < PARTS; n++) {
        const struct part *part = &l->recent[which].parts[n];
        if (number - part->number >= PARTS)
            continue;
        sum.ended += part->ended;
        sum.failed += part->failed;
        sum.limited += part->limited;
        sum.took_us += part->took_us;
    }
    if (sum.ended < CALLS_LEAST)
        return 0;
    return signal == SIGNAL_ERROR_PERCENT     ? 100 * sum.failed / sum.ended
           : signal == SIGNAL_LIMITED_PERCENT ? 100 * sum.limited / sum.ended
                                              : sum.took_us / sum.ended / US_PER_MS;
}

/* ---- slots ---- */

static void percent_of_bucket(limiter_t *l, bucket_t *b, void *arg)
{
    uint64_t *percents = arg, *most = &percents[b->of->index];
    uint32_t slots = b->slots; /* what the limit has, not what slow_down leaves of it */
    if (b->whole || slots == SLOTS_ANY || slots == 0)
        return;
    uint64_t percent = 100 * (uint64_t)b->in_use / slots;
    *most = percent > *most ? percent : *most;
    (void)l;
}

/* ---- age ---- */

/* What is held waits for a person, and grows old without any pressure. */
static uint64_t oldest_s(limiter_t *l)
{
    const item_t *i = NULL;
    if (l->oldest_from < l->tally.first_live)
        l->oldest_from = l->tally.first_live;
    for (size_t looks = 0; l->oldest_from < l->tally.next_seq && looks < LOOKS_MAX; looks++) {
        i = seqmap_find(l->live, l->oldest_from);
        if (i && i->state != STATE_HELD)
            break;
        i = NULL;
        l->oldest_from++;
    }
    int64_t age = i ? l->now.wall.us - i->accepted.us : 0;
    return age > 0 ? (uint64_t)age / US_PER_S : 0;
}

/* ---- all of them ---- */

static uint64_t fullest(const limiter_t *l, const uint64_t *percents)
{
    uint64_t most = 0;
    for (size_t n = 0; n < l->config->named_limits; n++)
        if (l->config->limits[n].per_count == 0 && percents[n] > most)
            most = percents[n];
    return most;
}

static uint64_t over_all(limiter_t *l, unsigned signal, const uint64_t *percents)
{
    switch (signal) {
    case SIGNAL_DEPTH:
        return l->tally.live - l->held.count;
    case SIGNAL_OLDEST_S:
        return oldest_s(l);
    case SIGNAL_SLOTS_PERCENT:
        return fullest(l, percents);
    case SIGNAL_DISK_FREE_MB:
        return l->disk_free >> 20;
    case SIGNAL_MEMORY_MB:
        return l->memory >> 20;
    case SIGNAL_LEASES:
        return l->lease_count - l->tombstone_count;
    default:
        return of_calls(l, l->config->downstream_count, signal);
    }
}

static void tell(limiter_t *l, unsigned signal, const char *of, uint64_t value)
{
    wish_send_now(l->e, l->drainer, MESSAGE_READING,
                  &(msg_reading_t){.signal = signal, .of = bytes_str(of), .value = value});
}

void signals_tell(limiter_t *l)
{
    uint64_t *percents = calloc(l->config->limit_count + 1, sizeof *percents);
    must(percents);
    buckets_each(l, percent_of_bucket, percents);
    for (unsigned signal = 0; signal < SIGNAL_COUNT; signal++)
        if (signal != SIGNAL_DISK_FREE_MB || l->disk_free > 0) /* it was looked at */
            tell(l, signal, "", over_all(l, signal, percents));
    for (size_t n = 0; n < l->config->modes.rule_count; n++) {
        const mode_rule_t *rule = &l->config->modes.rules[n];
        if (!*rule->of)
            continue;
        if (rule->signal == SIGNAL_SLOTS_PERCENT)
            tell(l, rule->signal, rule->of, percents[config_limit(l->config, bytes_str(rule->of))]);
        else
            tell(
                l, rule->signal, rule->of,
                of_calls(l, (size_t)config_pool(l->config, bytes_str(rule->of)) - 1, rule->signal));
    }
    free(percents);
}
