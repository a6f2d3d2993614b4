/* holds.c: who holds slots: messages in hand, those that wait on with the slots of their route,
 * which are listed for it, and leases. One walk over them, however many limits are asked about. */
#include "actors/limiter/hand.h"
#include "core/msgid.h"

void job_holds(limiter_t *l, item_t *i)
{
    i->job_held = true;
    i->job->held_by = i;
    list_push(&l->jobs, &i->job->held);
}

/* What it takes the next time is decided then. */
void job_give(limiter_t *l, item_t *i)
{
    must(i->job_held);
    i->job_held = false;
    list_remove(&l->jobs, &i->job->held);
    needs_give(l, i->job);
    needs_free(l, &i->job);
}

/* ---- who are they? ---- */

#define LOOKS_MOST (64u << 10) /* holders looked at for one question */
#define LOOKS_OF_ONE 4096u     /* for one limit of one message */

typedef struct walk {
    const limiter_t *l;
    const bucket_t *bucket;     /* only of this; NULL: */
    const limit_state_t *limit; /* of this limit; NULL: of all that have a name */
    json_t *rows;
    size_t most, looks;
    bool whole;
} walk_t;

static bool is_wanted(const walk_t *w, const bucket_t *b)
{
    if (w->bucket)
        return b == w->bucket;
    return !b->whole && (w->limit ? b->of == w->limit : !b->of->limit->own);
}

static bool may_look(walk_t *w)
{
    if (w->looks == 0 || json_array_size(w->rows) >= w->most)
        w->whole = false;
    else
        w->looks--;
    return w->whole;
}

static json_t *message_row(const limiter_t *l, const item_t *i, const need_t *need)
{
    char id[MSGID_TEXT];
    const step_t *step = item_step(l, i);
    bool runs = i->state == STATE_ASSIGNED;
    msgid_text(&i->id, id);
    return json_pack(
        "{s:s,s:s,s:s,s:I,s:o,s:n,s:o}", "message", id, "step", step ? step->name : "", "state",
        state_name(i->state), "cost", (json_int_t)need->cost, "since_ms",
        need->taken_us ? json_integer((l->now.at.us - need->taken_us) / US_PER_MS) : json_null(),
        "until_ms", "fence", runs ? json_integer((json_int_t)i->hand.fence) : json_null());
}

static json_t *lease_row(const limiter_t *l, const lease_t *lease, const need_t *need)
{
    char id[LEASE_ID_BYTES_MAX + 1];
    bytes_t name = bytes_of(lease->id, lease->length);
    int64_t since = l->now.wall.us - lease->made.us;
    if (utf8_valid(name))
        snprintf(id, sizeof id, "%s", lease->id);
    else
        text_printable(name, id, sizeof id);
    return json_pack("{s:s,s:s%,s:I,s:I,s:I,s:I}", "lease", id, "holder", lease->holder,
                     utf8_prefix(bytes_str(lease->holder), 256), "cost", (json_int_t)need->cost,
                     "since_ms", (json_int_t)(since > 0 ? since / US_PER_MS : 0), "until_ms",
                     (json_int_t)((lease->expiry.due.us - l->now.at.us) / US_PER_MS), "fence",
                     (json_int_t)lease->fence);
}

static void name_limit(json_t *row, const bucket_t *b)
{
    char shown[BUCKET_NAME_MAX + 256];
    bucket_shown(b, shown, sizeof shown);
    json_object_set_new(row, "limit", json_string(b->of->limit->name));
    json_object_set_new(row, "shown", json_stringn(shown, utf8_prefix(bytes_str(shown), 300)));
}

/* Of a message, or of a lease. */
static void take_up(walk_t *w, const needs_t *needs, const item_t *i, const lease_t *lease)
{
    for (size_t n = 0; needs && n < needs->count; n++) {
        const need_t *need = &needs->of[n];
        if (!is_wanted(w, need->bucket))
            continue;
        if (json_array_size(w->rows) >= w->most) {
            w->whole = false;
            return;
        }
        json_t *row = i ? message_row(w->l, i, need) : lease_row(w->l, lease, need);
        if (!w->bucket)
            name_limit(row, need->bucket);
        json_array_append_new(w->rows, row);
    }
}

static void walk(walk_t *w)
{
    const limiter_t *l = w->l;
    for (size_t h = 0; h < l->holder_count; h++)
        for (list_node_t *n = list_first(&l->holders[h]->items); n && may_look(w);
             n = list_next(&l->holders[h]->items, n)) {
            const item_t *i = item_of(n);
            take_up(w, i->needs, i, NULL);
            if (i->job_held)
                take_up(w, i->job, i, NULL);
        }
    for (list_node_t *n = list_first(&l->jobs); n && may_look(w); n = list_next(&l->jobs, n)) {
        const item_t *i = list_of(n, needs_t, held)->held_by;
        if (i->state != STATE_ASSIGNED)
            take_up(w, i->job, i, NULL);
    }
    for (const lease_t *lease = lease_next(l, NULL); lease && may_look(w);
         lease = lease_next(l, lease))
        take_up(w, lease->needs, NULL, lease);
}

void bucket_holders(const limiter_t *l, const bucket_t *b, json_t *out, size_t most)
{
    walk(&(walk_t){
        .l = l, .bucket = b, .rows = out, .most = most, .looks = LOOKS_OF_ONE, .whole = true});
}

void slots_ls(limiter_t *l, const hand_t *h)
{
    hand_t named = *h;
    json_t *limit = json_object_get(h->args, "limit");
    walk_t all = {.l = l, .most = HAND_ROWS_MAX, .looks = LOOKS_MOST, .whole = true};
    if (limit) {
        json_object_set(h->args, "name", limit);
        if (!(all.limit = hand_limit(l, &named)))
            return;
    }
    all.rows = json_array();
    walk(&all);
    query_reply(l, h->q, 200, json_pack("{s:o,s:b}", "holders", all.rows, "whole", all.whole));
}
