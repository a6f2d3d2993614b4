#include "actors/limiter/parts.h"
#include "actors/limiter/stand_by.h"

#include <stdlib.h>
#include <xxhash.h>

#define ADAPTIVE_KEEP_PERCENT 70
#define SLOW_TARGET 64
#define BREAKER_WINDOW_US (10 * US_PER_S)

/* ---- who there is ---- */

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static int64_t accepted_of(const fair_node_t *node)
{
    return list_of(node, item_t, place)->order_us;
}

void buckets_start(limiter_t *l)
{
    const config_t *c = l->config;
    l->limits = calloc(c->limit_count + 1, sizeof *l->limits);
    must(l->limits);
    list_init(&l->looking);
    l->wakes = agenda_new(UINT32_MAX); /* there are no more buckets than bucket_get() makes */
    memcpy(l->rules.shift_us, c->queue.head_start_us, sizeof l->rules.shift_us);
    l->rules.accepted_us = accepted_of;
    for (size_t n = 0; n < c->limit_count; n++) {
        const limit_t *limit = &c->limits[n];
        limit_state_t *s = &l->limits[n];
        *s = (limit_state_t){.limit = limit, .index = (uint16_t)n};
        limit_set(l, s);
        if (limit->per_count == 0)
            s->only = bucket_get(l, s, bytes_of(NULL, 0), bytes_of(NULL, 0));
    }
}

static void bucket_free(bucket_t *b)
{
    window_destroy(&b->window);
    free(b->adaptive);
    free(b->breaker);
    free(b);
}

void buckets_end(limiter_t *l)
{
    for (size_t n = 0; l->bucket_table && n <= l->table_mask; n++)
        for (bucket_t *b = l->bucket_table[n], *next; b; b = next) {
            next = b->next;
            bucket_free(b);
        }
    for (size_t n = 0; l->limits && n < l->config->limit_count; n++)
        limit_end(&l->limits[n]);
    free(l->bucket_table);
    free(l->limits);
    agenda_destroy(&l->wakes);
}

static void table_grow(limiter_t *l)
{
    size_t places = l->bucket_table ? (l->table_mask + 1) * 2 : 256;
    bucket_t **table = calloc(places, sizeof(bucket_t *));
    must(table);
    for (size_t n = 0; l->bucket_table && n <= l->table_mask; n++)
        for (bucket_t *b = l->bucket_table[n], *next; b; b = next) {
            next = b->next;
            b->next = table[b->hash & (places - 1)];
            table[b->hash & (places - 1)] = b;
        }
    free(l->bucket_table);
    l->bucket_table = table;
    l->table_mask = places - 1;
}

/* floor, floor + step ... up to the slots, where these are few enough; else one by one. */
static void adaptive_ladder(bucket_t *b)
{
    uint32_t most = b->slots > 0 ? b->slots : 1; /* with none at all bucket_slots() says so */
    const limit_t *limit = b->of->limit;
    adaptive_rules_t *rules = &b->adaptive->rules;
    *rules = (adaptive_rules_t){.floor = least(limit->adaptive.floor, most),
                                .ceiling = most,
                                .keep_percent = ADAPTIVE_KEEP_PERCENT,
                                .stay_us = limit->adaptive.stay_us};
    uint32_t step = limit->adaptive.step, rungs = (most - rules->floor + step - 1) / step + 1;
    for (uint32_t n = 0; step > 1 && rungs <= ADAPTIVE_RUNGS_MAX && n < rungs; n++)
        rules->ladder[rules->rungs++] = least(rules->floor + n * step, most);
}

/* Where nothing may pass, rate_can() says so before the window is asked. */
static uint32_t window_count(const bucket_t *b) { return b->count > 0 ? b->count : 1; }

/* A count that is lowered lowers a burst above it; one that is raised leaves it as configured. */
uint32_t limit_burst(const limit_t *limit, uint32_t count)
{
    uint32_t burst = limit->rate.burst;
    return burst == 0 ? count : count < limit->rate.count ? least(burst, count) : burst;
}

/* What this value may: of each number the most specific override, or the limit's own. */
void bucket_set(limiter_t *l, bucket_t *b)
{
    const limit_state_t *s = b->of;
    const limit_t *limit = s->limit;
    b->slots = bucket_number(b, OF_SLOTS, s->slots);
    b->count = bucket_number(b, OF_RATE, s->count);
    if (limit->rate.shape == RATE_WINDOW) /* set by hand when it was another shape */
        b->count = least(b->count, WINDOW_COUNT_MAX);
    b->cap = limit->cap;
    b->cap.most = bucket_number(b, OF_CAP, s->cap);
    b->rate = (gcra_rate_t){
        .period_us = s->period_us, .count = b->count, .burst = limit_burst(limit, b->count)};
    if (b->window)
        window_change(b->window, window_count(b), s->period_us);
    if (b->adaptive) {
        adaptive_ladder(b);
        adaptive_configured(&b->adaptive->now, &b->adaptive->rules, l->now.at);
    }
}

static void make_adaptive(limiter_t *l, bucket_t *b)
{
    b->adaptive = calloc(1, sizeof *b->adaptive);
    must(b->adaptive);
    adaptive_ladder(b);
    adaptive_init(&b->adaptive->now, &b->adaptive->rules, l->now.at, b->of->limit->adaptive.start);
}

static void make_own(limiter_t *l, bucket_t *b)
{
    const limit_t *limit = b->of->limit;
    if (limit->rate.shape == RATE_WINDOW && !b->whole && !BUG(WINDOW_AS_BUCKET))
        b->window = window_new(window_count(b), b->of->period_us);
    if (limit->adaptive.on && !b->whole)
        make_adaptive(l, b);
    if (limit->retries.percent > 0) {
        b->calls = l->limits[limit->retries.of].only;
        b->calls->retries = b;
    }
    size_t downstream = b->of->index - l->config->named_limits;
    if (!limit->own || downstream >= l->config->downstream_count)
        return;
    const breaker_config_t *c = &l->config->downstreams[downstream].breaker;
    if (c->percent == 0 && c->consecutive == 0)
        return;
    b->breaker = calloc(1, sizeof *b->breaker);
    must(b->breaker);
    b->breaker->rules = (breaker_rules_t){.percent = c->percent,
                                          .calls_min = c->least,
                                          .consecutive = c->consecutive,
                                          .window_us = BREAKER_WINDOW_US,
                                          .open_us = c->open_ms * US_PER_MS,
                                          .open_us_max = c->open_max_ms * US_PER_MS};
}

static bucket_t *bucket_new(limiter_t *l, limit_state_t *of, bytes_t values, uint32_t hash)
{
    bucket_t *b = calloc(1, sizeof *b + values.len + 1);
    must(b);
    *b = (bucket_t){.of = of, .hash = hash, .length = (uint16_t)values.len};
    if (values.len)
        memcpy(b->name, values.data, values.len);
    fair_init(&b->waiters, &l->rules);
    bucket_set(l, b);
    b->next = l->bucket_table[hash & l->table_mask];
    l->bucket_table[hash & l->table_mask] = b;
    l->bucket_count++;
    return b;
}

/* A bucket's name: the values of per, then 0x1e and the value of share_by for a share. */
typedef struct named {
    char text[BUCKET_NAME_MAX];
    size_t length;
    uint32_t hash;
} named_t;

static void name_of(const limiter_t *l, const limit_state_t *of, bytes_t values, bytes_t share,
                    named_t *name)
{
    must(values.len + share.len + 1 < sizeof name->text);
    name->length = values.len;
    if (values.len)
        memcpy(name->text, values.data, values.len);
    if (share.len) {
        name->text[name->length++] = '\x1e';
        memcpy(name->text + name->length, share.data, share.len);
        name->length += share.len;
    }
    name->hash = (uint32_t)XXH3_64bits_withSeed(name->text, name->length, l->hash_seed + of->index);
}

static bucket_t *find(const limiter_t *l, const limit_state_t *of, const named_t *name)
{
    bucket_t *b = l->bucket_table ? l->bucket_table[name->hash & l->table_mask] : NULL;
    while (b && !(b->hash == name->hash && b->of == of &&
                  bytes_equal(bytes_of(b->name, b->length), bytes_of(name->text, name->length))))
        b = b->next;
    return b;
}

bool bucket_is_there(const limiter_t *l, const limit_state_t *of, bytes_t values, bytes_t share)
{
    named_t name;
    name_of(l, of, values, share, &name);
    return find(l, of, &name) != NULL;
}

/* What is loaded is counted though the maximum was lowered: else it would be held and not known. */
size_t buckets_room(const limiter_t *l)
{
    size_t most = l->config->queue.buckets_max + l->config->limit_count;
    return l->phase != LOADED ? SIZE_MAX : l->bucket_count < most ? most - l->bucket_count : 0;
}

bucket_t *bucket_get(limiter_t *l, limit_state_t *of, bytes_t values, bytes_t share)
{
    named_t name;
    name_of(l, of, values, share, &name);
    if (!l->bucket_table || l->bucket_count > l->table_mask)
        table_grow(l);
    bucket_t *b = find(l, of, &name), *whole = NULL;
    if (b) {
        b->users++;
        return b;
    }
    if (buckets_room(l) == 0)
        return NULL;
    if (share.len && !(whole = bucket_get(l, of, values, bytes_of(NULL, 0))))
        return NULL;
    b = bucket_new(l, of, bytes_of(name.text, name.length), name.hash);
    b->whole = whole;
    b->users = 1;
    make_own(l, b);
    return b;
}

void bucket_release(limiter_t *l, bucket_t *b)
{
    (void)l;
    must(b->users > 0);
    b->users--; /* paces_sweep() takes it away when its rate is forgotten too */
}

bool bucket_is_idle(const limiter_t *l, const bucket_t *b)
{
    return b->users == 0 && b->in_use == 0 && fair_count(&b->waiters) == 0 && !b->stopped &&
           b->paused_until_us <= l->now.at.us && gcra_kept_us(&b->gcra) <= l->now.at.us &&
           (!b->window || window_left(b->window, l->now.at) == window_count(b)) &&
           (!b->cap.zone || calendar_used(&b->cap, &b->used, l->now.wall).count == 0);
}

void bucket_end(limiter_t *l, bucket_t *b)
{
    bucket_t **at = &l->bucket_table[b->hash & l->table_mask];
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    agenda_remove(l->wakes, &b->wake);
    if (b->looking.next)
        list_remove(&l->looking, &b->looking);
    if (b->late.next)
        list_remove(&l->late, &b->late);
    if (b->whole)
        bucket_release(l, b->whole);
    l->bucket_count--;
    bucket_free(b);
    l->look |= l->crowd.count > 0; /* there is room for another value */
}

void buckets_each(limiter_t *l, void (*each)(limiter_t *l, bucket_t *b, void *arg), void *arg)
{
    for (size_t n = 0; l->bucket_table && n <= l->table_mask; n++)
        for (bucket_t *b = l->bucket_table[n], *next; b; b = next) {
            next = b->next;
            each(l, b, arg);
        }
}

/* ---- waking ---- */

void bucket_look(limiter_t *l, bucket_t *b)
{
    if (b->looking.next || fair_count(&b->waiters) == 0)
        return;
    list_push(&l->looking, &b->looking);
    l->look = true;
}

static void wake_at(limiter_t *l, bucket_t *b, instant_t at)
{
    if (b->wake.place != 0 && b->wake.due.us == at.us)
        return;
    agenda_remove(l->wakes, &b->wake);
    if (!BUG(PACE_NOT_WOKEN))
        agenda_add(l->wakes, &b->wake, at);
}

/* One that may pass. */
static item_t *next_in(const limiter_t *l, const bucket_t *b, uint64_t flow)
{
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        fair_node_t *head = fair_first_in(&b->waiters, (class_t)c, flow);
        item_t *i = head ? list_of(head, item_t, place) : NULL;
        if (i && bucket_can(l, b, b->woken, item_claim(i)).can == CAN_NOW)
            return i;
    }
    return NULL;
}

/* Who has its slots, then the first. Where only time keeps that one, the first of those that time
 * does not keep; where it finds only slots which are reserved for better classes, the first of
 * those that may have them. */
item_t *bucket_next(const limiter_t *l, const bucket_t *b, answer_can_t *can)
{
    const limit_t *limit = b->of->limit;
    item_t *first = list_of(fair_first(&b->waiters), item_t, place);
    item_t *holds = next_in(l, b, FLOW_HOLDS);
    if (holds) {
        *can = (answer_can_t){CAN_NOW, {0}};
        return holds;
    }
    *can = bucket_can(l, b, b->woken, item_claim(first));
    if (can->can != CAN_NOW && can->can != CAN_FULL) {
        item_t *drew = next_in(l, b, FLOW_DREW);
        can->can = drew ? CAN_NOW : can->can;
        return drew ? drew : first;
    }
    for (unsigned c = 0; can->can == CAN_FULL && limit->reserved > 0 && c <= limit->reserved_class;
         c++) {
        fair_node_t *head = fair_first_of(&b->waiters, (class_t)c);
        item_t *i = head ? list_of(head, item_t, place) : first;
        answer_can_t better = bucket_can(l, b, b->woken, item_claim(i));
        if (better.can != CAN_FULL) {
            *can = better;
            return i;
        }
    }
    return first;
}

/* What is left is reserved for classes of which nobody waits. */
static bool is_reserved(const limiter_t *l, const bucket_t *b, uint8_t class)
{
    const limit_t *limit = b->of->limit;
    if (limit->reserved == 0 || class > limit->reserved_class)
        return false;
    for (unsigned c = 0; c <= limit->reserved_class; c++)
        if (fair_first_of(&b->waiters, (class_t)c))
            return false;
    claim_t least = item_claim(list_of(fair_first(&b->waiters), item_t, place));
    least.cost = 1;
    return bucket_can(l, b, 0, least).can == CAN_FULL;
}

/* Who comes while others wait, waits behind them; but not behind those that may not have what it
 * may have, and whom only the rate or the cap would keep, not behind those, when it drew from them
 * before. */
bool bucket_has_line(const limiter_t *l, const bucket_t *b, claim_t claim)
{
    answer_can_t can;
    if (fair_count(&b->waiters) == 0 || is_reserved(l, b, claim.class))
        return false;
    if (!claim.drew)
        return true;
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        if (fair_first_in(&b->waiters, (class_t)c, FLOW_DREW))
            return true;
    bucket_next(l, b, &can);
    return can.can == CAN_NOW || can.can == CAN_FULL;
}

/* What became larger than its limit goes too: to its end, which is said where it is tried. */
void bucket_pump(limiter_t *l, bucket_t *b)
{
    list_remove(&l->looking, &b->looking);
    agenda_remove(l->wakes, &b->wake);
    while (l->budget > 0 && fair_count(&b->waiters) > 0) {
        answer_can_t can;
        item_t *i = bucket_next(l, b, &can);
        if (can.can == CAN_LATER || can.can == CAN_CAPPED)
            wake_at(l, b, can.at);
        if (can.can != CAN_NOW &&
            (item_claim(i).holds || blocker_cost(i) <= bucket_most(b, item_class(i))))
            return;
        fair_take_head(&b->waiters, &i->place);
        stand_by_gone(l, b, i);
        b->woken += blocker_cost(i);
        item_wake(l, i);
        l->budget--;
    }
    if (fair_count(&b->waiters) > 0)
        bucket_look(l, b);
}

/* Until as many may be out as there were before, or may be: a small number would end it at once and
 * let the herd through. */
void bucket_start_slowly(limiter_t *l, bucket_t *b)
{
    uint32_t slots = bucket_slots(l, b, CLASS_CRITICAL);
    uint32_t target = slots == SLOTS_ANY || slots > SLOW_TARGET ? SLOW_TARGET : slots;
    if (!BUG(HERD_AFTER_PAUSE))
        slow_start_begin(&b->slow, target > 0 ? target : 1);
}

void bucket_pause(limiter_t *l, bucket_t *b, instant_t until, const char *why)
{
    if (until.us <= b->paused_until_us)
        return;
    b->paused_until_us = until.us;
    snprintf(b->pause_why, sizeof b->pause_why, "%s", why);
    bucket_start_slowly(l, b);
    bucket_changed(l, b);
    bucket_look(l, b); /* sets the wake anew */
}
