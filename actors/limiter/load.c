/* load.c: after a start. First the dedup prints (then submissions are taken), then what is not
 * finished, ascending by seq in slices (then work is given out). What is accepted meanwhile waits
 * and enters its keys after all that was there before. */
#include "actors/limiter/parts.h"

#include <errno.h>
#include <stdio.h>

#define NEW_BOOT_SPREAD_US (2 * US_PER_S)

bool read_ask(limiter_t *l, read_request_t *request)
{
    if (l->reads >= READS_MAX)
        return false;
    l->reads++;
    wish_read(l->e, request);
    return true;
}

static void prints_ask(limiter_t *l, int64_t from)
{
    read_request_t r = {
        .kind = READ_PRINTS, .from_seq = from, .most = 64, .token = READ_TOKEN(READ_FOR_PRINTS, 0)};
    must(read_ask(l, &r));
}

static void messages_ask(limiter_t *l)
{
    read_request_t r = {.kind = READ_LIVE,
                        .from_seq = l->load_from,
                        .most = (uint32_t)(effects_most(l->e) / LOAD_PART),
                        .state = -1,
                        .token = READ_TOKEN(READ_FOR_LOAD, 0)};
    must(read_ask(l, &r));
}

/* First what the limits know, so that nothing is given out before it is counted. */
void load_start(limiter_t *l)
{
    l->phase = LOAD_PRINTS;
    l->started_ahead_us = l->now.wall.us - l->now.at.us;
    hands_load(l, l->birth->store);
    paces_load(l, l->birth->store);
    leases_load(l, l->birth->store);
    wish_gauge(l->e, METRIC_LOADING, bytes_of(NULL, 0), 1);
    prints_ask(l, 0);
}

/* Which seq began about which hour: how an age becomes a seq when prints are forgotten. */
void mark_time(limiter_t *l, wall_t at, int64_t seq)
{
    size_t n = l->mark_count;
    if (n > 0 && at.us - l->marks[n - 1].at.us < 3600 * US_PER_S)
        return;
    if (n == COUNT_OF(l->marks)) {
        memmove(l->marks, l->marks + 1, (n - 1) * sizeof l->marks[0]);
        n--;
    }
    l->marks[n].at = at;
    l->marks[n].seq = seq;
    l->mark_count = n + 1;
}

static void prints_loaded(limiter_t *l, const read_result_t *read)
{
    for (size_t n = 0; n < read->count; n++) {
        const stored_print_t *p = &read->prints[n];
        prints_put(l->prints, &p->print, p->body_hash, p->seq);
        mark_time(l, p->accepted, p->seq);
    }
    if (!read->last) {
        prints_ask(l, read->next);
        return;
    }
    l->phase = LOAD_MESSAGES;
    l->load_from = l->tally.first_live;
    messages_ask(l);
    welcome_waiting(l);
    wish_ready(l->e, "accepting");
}

/* ---- one message ---- */

static bool find_step(const limiter_t *l, item_t *i, bytes_t route, bytes_t step)
{
    const route_t *r = config_route(l->config, route);
    i->route = r ? (uint16_t)(r - l->config->routes) : NO_ROUTE;
    if (!r || step.len == 0)
        return r != NULL;
    const step_t *s = route_step(r, step);
    if (s)
        i->step = (uint8_t)(s - r->steps);
    return s != NULL;
}

/* The line "I", TAB, id of the slots. */
static void load_lease_id(item_t *i, bytes_t slots)
{
    const uint8_t *at = slots.data, *end = slots.data + slots.len;
    while (at < end) {
        const uint8_t *line = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((line ? line : end) - at);
        if (i->needs && length > 2 && *at == 'I') {
            i->needs->lease_id = strndup((const char *)at + 2, length - 2);
            must(i->needs->lease_id);
        }
        at += length + 1;
    }
}

/* What it holds it drew from, and what it gave back in backoff is listed. */
static void load_drew(const limiter_t *l, item_t *i, bytes_t slots)
{
    while (slots.len > 0) {
        bytes_t line = part_to(&slots, '\n'), level = part_to(&line, '\t');
        if (bytes_is(level, "J") || bytes_is(level, "D"))
            i->drew |= draw_bit(item_route(l, i), config_limit(l->config, part_to(&line, '\t')));
    }
}

static void load_job(limiter_t *l, item_t *i, bytes_t slots)
{
    i->job = needs_parse(l, slots, 'J');
    if (i->job)
        job_holds(l, i);
    for (size_t n = 0; i->job && n < i->job->count; n++)
        bucket_hold(l, &i->job->of[n]);
}

static void load_assigned(limiter_t *l, item_t *i, const progress_t *p)
{
    holder_t *h = holder_of(l, p->holder_actor, p->holder_instance, p->holder_generation);
    must(h);
    i->hand.fence = p->fence;
    i->hand.start_by_us = p->start_by_us;
    i->state = STATE_ASSIGNED;
    i->hand.by = h;
    assigned_count(l, i, 1);
    order_enter_assigned(l, i);
    i->needs = needs_parse(l, p->slots, 'S');
    needs_add_own(l, &i->needs, item_step(l, i), i->failed > 0);
    for (size_t n = 0; i->needs && n < i->needs->count; n++)
        bucket_hold(l, &i->needs->of[n]);
    if (i->needs)
        i->needs->loaded = true;
    load_lease_id(i, p->slots);
    list_push(&h->items, &i->place.place);
    if (i->deaths >= SUSPECT_DEATHS)
        h->alone = i; /* it was given out alone */
    if (!h->heard && generation_is_dead(l, h->generation))
        h->dead = true;
}

static void load_text(item_t *i, const progress_t *p)
{
    item_set_reason(i, (const char *)p->reason.data, p->reason.len);
    item_take_results(i, p->results);
}

static void load_held(limiter_t *l, item_t *i)
{
    bool drained =
        i->reason && (strcmp(i->reason, "draining") == 0 || strcmp(i->reason, "overloaded") == 0);
    bool may_run = mode_gate(l, item_route(l, i)) == GATE_OPEN;
    if (drained && may_run) { /* in its place: what was accepted after it is loaded after it */
        i->state = STATE_QUEUED;
        item_set_reason(i, NULL, 0);
        item_touch(l, i);
        order_enter(l, i);
        return;
    }
    if (drained) {
        item_park(l, i);
        return;
    }
    item_stays_held(l, i);
    order_enter(l, i);
}

static void load_queued(limiter_t *l, item_t *i, const progress_t *p)
{
    i->state = STATE_QUEUED;
    if (p->due_us > 0)
        i->due.due.us = l->new_boot
                            ? l->now.at.us + (int64_t)rand_below(&l->chance, NEW_BOOT_SPREAD_US)
                            : p->due_us;
    order_enter(l, i);
}

/* A group of prints may be damaged or past its time; who is queued is known again all the same. */
static void load_print(limiter_t *l, const envelope_t *e)
{
    bool same_body;
    if (prints_find(l->prints, &e->print, e->body_hash, &same_body) == 0)
        prints_put(l->prints, &e->print, e->body_hash, e->seq);
}

static void load_message(limiter_t *l, const stored_message_t *m)
{
    const progress_t *p = &m->progress;
    item_t *i = item_new(l, p->seq);
    i->id = m->envelope.id;
    i->accepted = m->envelope.accepted;
    i->order_us = i->accepted.us < order_now(l) ? i->accepted.us : order_now(l);
    i->born_us = i->order_us;
    i->class = stored_class(m->envelope.class, p->flags);
    i->attempt = p->attempt;
    i->failed = p->failed;
    i->deaths = p->deaths;
    i->flags = p->flags;
    i->bytes = p->bytes;
    load_text(i, p);
    load_print(l, &m->envelope);
    bool known = find_step(l, i, m->envelope.route, p->step);
    i->key = key_get(l, i->route, m->envelope.key);
    item_flow(l, i, m->envelope.labels);
    source_count(l, i, 1);
    if (known)
        load_drew(l, i, p->slots);
    if (known && p->state != STATE_HELD)
        load_job(l, i, p->slots);
    if (!known) {
        i->lost = true;
        item_set_reason(i, "route_changed", strlen("route_changed"));
        item_log(l, i, LOG_HOLD, "message held: its route or step is not in the configuration",
                 "route_changed");
        load_held(l, i);
    } else if (p->state == STATE_ASSIGNED) {
        load_assigned(l, i, p);
    } else if (p->state == STATE_HELD && !BUG(HOLD_FORGOTTEN)) {
        load_held(l, i);
    } else {
        load_queued(l, i, p);
    }
    l->loaded++;
}

static void load_damaged(limiter_t *l, const stored_message_t *m)
{
    char text[128];
    snprintf(text, sizeof text, "stored message %lld is damaged and set aside; the others go on",
             (long long)m->progress.seq);
    wish_log(l->e, &(log_line_t){.event = LOG_STORE_DAMAGED, .text = text});
    l->damaged++;
    if (l->tally.live > 0)
        l->tally.live--;
    l->tally_changed = true;
}

static void load_finished(limiter_t *l)
{
    l->phase = LOADED;
    unpark_begin(l); /* before the newcomers: they were accepted later */
    welcome_waiting(l);
    wish_gauge(l->e, METRIC_LOADING, bytes_of(NULL, 0), 0);
}

static void messages_loaded(limiter_t *l, const read_result_t *read)
{
    size_t count = read->count - (BUG(LOAD_SKIPS) && read->count > 1);
    for (size_t n = 0; n < count; n++) {
        const stored_message_t *m = &read->messages[n];
        if (m->damaged)
            load_damaged(l, m);
        else if (m->progress.seq < l->boundary)
            load_message(l, m);
    }
    l->load_from = read->next;
    if (read->last || l->load_from >= l->boundary)
        load_finished(l);
    else
        messages_ask(l);
}

void load_arrived(limiter_t *l, const read_result_t *read)
{
    if (read->error != 0 && read->error != -ENOENT) {
        wish_stop(l->e, 75, "the store cannot be read");
        return;
    }
    if (READ_WHAT(read->request.token) == READ_FOR_PRINTS)
        prints_loaded(l, read);
    else
        messages_loaded(l, read);
}
