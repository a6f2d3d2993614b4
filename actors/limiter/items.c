/* items.c: making, saving and ending items. */
#include "actors/limiter/parts.h"

#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "core/match.h"
#include "core/msgid.h"
#include "sys/log_wanted.h"

item_t *item_new(limiter_t *l, int64_t seq)
{
    item_t *i = calloc(1, sizeof *i);
    must(i);
    i->seq = seq;
    i->waits_on = WAITS_NOTHING;
    i->weight = 1;
    seqmap_put(l->live, seq, i);
    return i;
}

void item_free(limiter_t *l, item_t *i)
{
    must(i->state != STATE_ASSIGNED && !item_is_placed(i) && !i->turn.next && i->due.place == 0 &&
         !i->job_held);
    item_drop_letter(l, i);
    seqmap_remove(l->live, i->seq);
    needs_free(l, &i->job);
    needs_free(l, &i->needs);
    free(i->results);
    free(i->reason);
    free(i);
}

static void changed_add(limiter_t *l, int64_t seq)
{
    if (l->changed_count == l->changed_room) {
        l->changed_room = l->changed_room ? l->changed_room * 2 : 256;
        l->changed = realloc(l->changed, l->changed_room * sizeof *l->changed);
        must(l->changed);
    }
    l->changed[l->changed_count++] = seq;
}

void item_touch(limiter_t *l, item_t *i)
{
    if (!i->dirty && !i->lost) {
        i->dirty = true;
        changed_add(l, i->seq);
    }
}

static void line_add(char *out, size_t *length, size_t size, size_t wrote)
{
    *length += wrote;
    if (wrote > 0 && *length + 1 < size)
        out[(*length)++] = '\n';
}

/* From which rates and caps of its route it drew, while it holds none of its slots: D TAB limit. */
static void drew_text(const limiter_t *l, const item_t *i, char *out, size_t *length, size_t size)
{
    const route_t *r = item_route(l, i);
    for (size_t n = 0; n < r->draw_count; n++) {
        const limit_t *limit = &l->config->limits[r->draws[n].limit];
        if (i->drew >> n & 1 && limit_counts_once(limit))
            line_add(out, length, size,
                     (size_t)snprintf(out + *length, size - *length, "D\t%s", limit->name));
    }
}

/* What it holds and drew, for the row: the next life of ours counts it again from there. */
static size_t slots_text(const limiter_t *l, const item_t *i, char *out, size_t size)
{
    size_t length = 0;
    if (i->job_held)
        line_add(out, &length, size, needs_text(i->job, 'J', out, size));
    else if (i->drew && i->state < STATE_DONE)
        drew_text(l, i, out, &length, size);
    if (i->state == STATE_ASSIGNED)
        line_add(out, &length, size, needs_text(i->needs, 'S', out + length, size - length));
    if (i->state == STATE_ASSIGNED && i->needs && i->needs->lease_id)
        line_add(out, &length, size,
                 (size_t)snprintf(out + length, size - length, "I\t%s", i->needs->lease_id));
    return length > 0 ? length - 1 : 0;
}

/* Who came while its route is shut, and cannot even enter yet, is kept as what it will be there: in
 * our next life nobody knows any more that it came in the drain. NULL: it is not such a one. */
static const char *kept_out(const limiter_t *l, const item_t *i)
{
    enum mode_gate gate = mode_gate(l, item_route(l, i));
    bool out = item_is_newcomer(i) && !i->gives_back && gate != GATE_OPEN && !BUG(DRAIN_LETS_IN);
    return !out ? NULL : gate == GATE_REFUSED ? "overloaded" : "draining";
}

static void save_as(limiter_t *l, item_t *i, wall_t finished)
{
    char slots[SLOTS_BYTES_MAX];
    const step_t *step = item_step(l, i);
    const char *out = kept_out(l, i), *reason = out ? out : i->reason;
    change_t c = {.kind = CHANGE_PROGRESS};
    c.progress = (progress_t){
        .seq = i->seq,
        .state = out ? STATE_HELD : i->state,
        .attempt = i->attempt,
        .failed = i->failed,
        .deaths = i->deaths,
        .flags = i->flags,
        .due_us = i->state == STATE_ASSIGNED ? 0 : i->due.due.us,
        .finished = finished,
        .bytes = i->bytes,
        .step = bytes_str(step ? step->name : ""),
        .reason = bytes_str(reason ? reason : ""),
        .results = bytes_of(i->results, i->results_len),
        .slots = bytes_of(slots, out ? 0 : slots_text(l, i, slots, sizeof slots)),
    };
    i->kept_out = out != NULL;
    if (i->state == STATE_ASSIGNED) {
        c.progress.holder_actor = i->hand.by->actor;
        c.progress.holder_instance = i->hand.by->instance;
        c.progress.holder_generation = i->hand.by->generation;
        c.progress.fence = i->hand.fence;
        c.progress.start_by_us = i->hand.start_by_us;
    }
    wish_change(l->e, &c);
    l->tally_changed = true;
    i->dirty = false;
}

void item_save(limiter_t *l, item_t *i) { save_as(l, i, (wall_t){0}); }

void items_save_changed(limiter_t *l)
{
    for (size_t n = 0; n < l->changed_count; n++) {
        item_t *i = seqmap_find(l->live, l->changed[n]);
        if (i && i->dirty) /* else it was saved, or has ended, since */
            item_save(l, i);
    }
    l->changed_count = 0;
    if (l->tally_changed)
        wish_tally(l->e, &l->tally);
    l->tally_changed = false;
}

void item_set_reason(item_t *i, const char *text, size_t length)
{
    free(i->reason);
    i->reason = NULL;
    if (length == 0)
        return;
    if (length > REASON_BYTES_MAX)
        length = REASON_BYTES_MAX;
    i->reason = malloc(length + 1);
    must(i->reason);
    memcpy(i->reason, text, length);
    i->reason[length] = '\0';
}

void item_take_results(item_t *i, bytes_t results)
{
    if (results.len == 0)
        return;
    i->results = malloc(results.len + 1);
    must(i->results);
    memcpy(i->results, results.data, results.len);
    i->results_len = (uint32_t)results.len;
}

/* {"a":1} and b -> {"a":1,"b":2}: texts are put together as they are; both were checked where they
 * came in. */
bool item_add_result(item_t *i, const char *step, bytes_t result)
{
    size_t name = strlen(step), had = i->results_len ? i->results_len - 1 : 1;
    size_t size = had + 1 + name + 3 + result.len + 1;
    if (size > RESULTS_BYTES_MAX)
        return false;
    char *text = malloc(size + 1);
    must(text);
    memcpy(text, i->results_len ? i->results : "{", had);
    char *at = text + had;
    if (i->results_len)
        *at++ = ',';
    *at++ = '"';
    at = (char *)memcpy(at, step, name) + name;
    *at++ = '"';
    *at++ = ':';
    at = (char *)memcpy(at, result.data, result.len) + result.len;
    *at++ = '}';
    free(i->results);
    i->results = text;
    i->results_len = (uint32_t)(at - text);
    return true;
}

/* No live message has a smaller seq than first_live; it moves past what is finished, one step a
 * message. */
static void first_live_moves(limiter_t *l)
{
    if (l->phase != LOADED)
        return;
    while (l->tally.first_live < l->tally.next_seq && !seqmap_find(l->live, l->tally.first_live))
        l->tally.first_live++;
}

static double age_s(const limiter_t *l, const item_t *i)
{
    int64_t us = l->now.wall.us - i->accepted.us; /* the wall clock may have stepped back */
    return us > 0 ? (double)us / US_PER_S : 0;
}

void item_finish(limiter_t *l, item_t *i, uint8_t state)
{
    if (i->job_held && state == STATE_DONE)
        needs_ended(i->job, SLOW_START_OK);
    if (i->job_held)
        job_give(l, i);
    i->state = state;
    item_waits(l, i, BLOCKER_NONE);
    const route_t *r = item_route(l, i);
    save_as(l, i, l->now.wall);
    must(l->tally.live > 0 && l->tally.live_bytes >= i->bytes);
    l->tally.live--;
    l->ended++;
    l->tally.live_bytes -= i->bytes;
    source_count(l, i, -1);
    if (state == STATE_DONE) {
        l->tally.done++;
        wish_count(l->e, METRIC_DONE, bytes_str(r ? r->name : ""), 1);
        wish_observe(l->e, METRIC_TOTAL_SECONDS, bytes_of(NULL, 0), age_s(l, i));
        if (log_wanted(l->config, r, &i->id))
            item_tell(l, i, LOG_DONE, "", "");
    } else {
        l->tally.dead++;
    }
    order_leave(l, i);
    item_free(l, i);
    first_live_moves(l);
}

static void exchange(void *a, void *b, size_t size)
{
    char was[sizeof(wall_t) + sizeof(msgid_t)];
    must(size <= sizeof was);
    memcpy(was, a, size);
    memcpy(a, b, size);
    memcpy(b, was, size);
}
#define EXCHANGE(field) exchange(&older->field, &newer->field, sizeof older->field)

/* Its letter was on the way from the disk. */
static void stop_reading(limiter_t *l, item_t *i)
{
    size_t pool = item_step(l, i)->pool;
    i->reading = false;
    l->pools[pool].reading--;
    make_ready(l, i, pool, true);
}

static void merged_end(limiter_t *l, item_t *i, const msgid_t *into)
{
    char reason[sizeof "merged into " + MSGID_TEXT] = "merged into ";
    msgid_text(into, reason + strlen(reason));
    item_set_reason(i, reason, strlen(reason));
    item_finish(l, i, STATE_DONE);
}

/* The two messages change records, so whatever the older one waits for stays as it is. */
void item_merge(limiter_t *l, item_t *older, item_t *newer)
{
    uint8_t class = older->class < newer->class ? older->class : newer->class;
    if (newer->job_held) { /* since the door: it waits for nothing that the older one waits for */
        item_unplace(l, older);
        merged_end(l, older, &newer->id);
        order_enter(l, newer);
        return;
    }
    if (older->reading)
        stop_reading(l, older);
    seqmap_remove(l->live, older->seq);
    seqmap_remove(l->live, newer->seq);
    EXCHANGE(seq);
    EXCHANGE(id);
    EXCHANGE(accepted);
    EXCHANGE(born_us);
    EXCHANGE(letter);
    EXCHANGE(results);
    EXCHANGE(results_len);
    EXCHANGE(reason);
    EXCHANGE(bytes);
    EXCHANGE(attempt);
    EXCHANGE(flags);
    EXCHANGE(flow);
    EXCHANGE(weight);
    EXCHANGE(drew);
    bool dirty = older->dirty;
    older->dirty = newer->dirty;
    newer->dirty = dirty;
    seqmap_put(l->live, older->seq, older);
    seqmap_put(l->live, newer->seq, newer);
    older->merged = older->job || older->needs;
    if (class != older->class || class != newer->class)
        item_set_class(l, older, class);
    merged_end(l, newer, &older->id);
    lease_asks_anew(l, older);
}

void source_count(limiter_t *l, const item_t *i, int more)
{
    const route_t *r = item_route(l, i);
    struct of_route *tally = route_tally(l, i);
    tally->live += (uint64_t)(int64_t)more;
    if (!r)
        return;
    l->of_source[r->source - l->config->sources] += (uint64_t)(int64_t)more;
    estimate_t *leaving = &route_gate(l, i->route)->leaving;
    if (more > 0)
        estimate_waits(leaving, l->now.at);
    else
        estimate_left(leaving, l->now.at, 1);
    if (tally->live == 0)
        estimate_empty(leaving);
}

/* Whose turns it shares: by the value of the route's label. */
void item_flow(limiter_t *l, item_t *i, bytes_t labels)
{
    const route_t *r = item_route(l, i);
    char value[LABEL_VALUE_MAX + 1];
    if (!r || !r->fair_by)
        return;
    label_value(&(label_values_t){.labels = labels}, r->fair_by, value);
    i->flow = (uint32_t)XXH3_64bits_withSeed(value, strlen(value), l->hash_seed) | 1u;
    for (size_t n = 0; n < r->weight_count; n++)
        if (glob_matches(bytes_str(r->weights[n].pattern), bytes_str(value)))
            i->weight = (uint8_t)(r->weights[n].value < 1     ? 1
                                  : r->weights[n].value > 100 ? 100
                                                              : r->weights[n].value);
}

letter_t *letter_new(bytes_t source, bytes_t labels, bytes_t content_type, bytes_t trace,
                     uint32_t fields_len, blob_t *content)
{
    size_t texts = source.len + labels.len + content_type.len + trace.len;
    letter_t *t = malloc(sizeof *t + texts);
    must(t);
    *t = (letter_t){.content = content,
                    .fields_len = fields_len,
                    .size = (uint32_t)(sizeof *t + texts + (content ? content->len : 0))};
    char *at = t->text;
    const bytes_t in[] = {source, labels, content_type, trace};
    bytes_t *out[] = {&t->source, &t->labels, &t->content_type, &t->trace};
    for (size_t n = 0; n < COUNT_OF(in); n++) {
        if (in[n].len)
            memcpy(at, in[n].data, in[n].len);
        *out[n] = bytes_of(at, in[n].len);
        at += in[n].len;
    }
    return t;
}

void letter_spare(limiter_t *l, item_t *i)
{
    if (l->live_bytes_cached > l->config->queue.cache_bytes)
        item_drop_letter(l, i);
}

void item_drop_letter(limiter_t *l, item_t *i)
{
    if (!i->letter)
        return;
    must(l->live_bytes_cached >= i->letter->size);
    l->live_bytes_cached -= i->letter->size;
    blob_unref(&i->letter->content);
    free(i->letter);
    i->letter = NULL;
}

void item_log(limiter_t *l, const item_t *i, enum log_event event, const char *text,
              const char *reason)
{
    char id[MSGID_TEXT];
    const route_t *r = item_route(l, i);
    msgid_text(&i->id, id);
    wish_log(l->e,
             &(log_line_t){.event = event,
                           .text = text,
                           .message = bytes_str(id),
                           .route = bytes_str(r ? r->name : ""),
                           .reason = bytes_str(reason),
                           .key = i->key ? bytes_of(i->key->name, i->key->length) : bytes_str("")});
}

/* A line of a journey that is logged whole. */
void item_tell(limiter_t *l, const item_t *i, enum log_event event, const char *what,
               const char *reason)
{
    char id[MSGID_TEXT], text[160];
    const route_t *r = item_route(l, i);
    const step_t *step = item_step(l, i);
    msgid_text(&i->id, id);
    if (event == LOG_DONE)
        snprintf(text, sizeof text, "message done after %.3f s", age_s(l, i));
    else if (event == LOG_ASSIGNED)
        snprintf(text, sizeof text, "step %s begins, attempt %u", what, i->attempt);
    else
        snprintf(text, sizeof text, "step %s ended: %s", step ? step->name : "", what);
    wish_log(l->e,
             &(log_line_t){.event = event,
                           .text = text,
                           .message = bytes_str(id),
                           .route = bytes_str(r ? r->name : ""),
                           .key = i->key ? bytes_of(i->key->name, i->key->length) : bytes_str(""),
                           .reason = bytes_str(reason),
                           .chosen = true});
}
