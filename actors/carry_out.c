/* carry_out.c: how boxes go out, and when batches go to the disk.
 *
 * The open batch and the held box belong together. At the end of a turn the held box goes out if
 * nothing is on its way to the disk; if the open batch has changes it waits with them; else it
 * joins what waits for the last batch submitted, so that everything leaves in the order wished.
 * While one batch commits the next fills. */
#include "actors/carry_list.h"
#include "core/bugs.h"

static size_t changes_of(const carrier_t *c)
{
    return c->effects->batch ? store_batch_count(c->effects->batch) : 0;
}

void carrier_say_ready(carrier_t *c)
{
    if (!c->is_ready || !c->is_known)
        return;
    msg_ready_t ready = {.status = bytes_str(c->effects->ready), .jailed = c->id.jailed};
    frame_builder_t *builder = frame_builder_new();
    frame_begin(builder, MESSAGE_READY);
    must(frame_add(builder, &ready) == 0);
    links_send(c->links, PEER_SUPERVISOR, builder, c->now);
    frame_builder_destroy(&builder);
}

void carrier_tell(carrier_t *c, const log_line_t *line, now_t now)
{
    if (!c->tell)
        c->tell = tell_new();
    tell_line(c->tell, line, now);
}

void carrier_say_lines(carrier_t *c)
{
    frame_builder_t *frame = c->tell && c->is_known ? tell_waiting(c->tell) : NULL;
    if (!frame)
        return;
    links_send(c->links, PEER_SUPERVISOR, frame, c->now);
    tell_sent(c->tell);
}

static void carry_out(carrier_t *c, const box_entry_t *entry)
{
    const world_t *w = &c->world;
    switch ((enum entry_kind)entry->kind) {
    case ENTRY_FRAME:
        links_send(c->links, entry->peer, entry->builder, c->now);
        break;
    case ENTRY_WELCOME:
        links_welcome(c->links, entry->peer, entry->number, c->now);
        break;
    case ENTRY_REPLY:
        w->reply(w->arg, entry->reply->token, &entry->reply->reply);
        break;
    case ENTRY_CALL:
        w->call(w->arg, entry->call);
        break;
    case ENTRY_CANCEL:
        w->cancel(w->arg, entry->number);
        break;
    case ENTRY_READ:
        must(store_read(w->store, entry->read) == 0);
        break;
    case ENTRY_READY:
        c->is_ready = true;
        carrier_say_ready(c);
        break;
    case ENTRY_DOOR:
        w->door(w->arg, (enum door)entry->number);
        break;
    case ENTRY_STOP:
        w->stop(w->arg, entry->stop->exit_code, entry->stop->why);
        break;
    }
}

/* The world may answer at once and so make a step that wishes for more: that goes into other boxes.
 */
void carrier_release(carrier_t *c, box_t *box)
{
    for (size_t i = 0; i < box->count; i++)
        carry_out(c, &box->entries[i]);
    box_recycle(c->effects, box);
}

static void release_now(carrier_t *c)
{
    if (c->effects->now->count == 0)
        return;
    box_t *box = c->effects->now;
    c->effects->now = box_new(c->effects);
    carrier_release(c, box);
}

/* A store that failed lets nothing go any more; only a wish to stop is still heard. */
static void stop_if_poisoned(carrier_t *c)
{
    const box_t *box = c->effects->held;
    for (size_t i = 0; i < box->count; i++)
        if (box->entries[i].kind == ENTRY_STOP) {
            c->world.stop(c->world.arg, box->entries[i].stop->exit_code, box->entries[i].stop->why);
            return;
        }
}

void carrier_flush(carrier_t *c)
{
    release_now(c);
    box_t *box = c->effects->held;
    if (c->poisoned && !BUG(POISON_IGNORED)) {
        stop_if_poisoned(c);
        return;
    }
    if (changes_of(c) > 0 || box->count == 0)
        return;
    if (c->newest) {
        box_append(c->newest, box);
        return;
    }
    c->effects->held = box_new(c->effects);
    carrier_release(c, box);
}

/* ---- the disk */

instant_t carrier_submit_at(const carrier_t *c)
{
    const store_batch_t *batch = c->effects->batch;
    if (changes_of(c) == 0 || c->poisoned || store_room(c->world.store) == 0)
        return INSTANT_NEVER;
    if (store_batch_full(batch))
        return c->now.at;
    return c->submitted > c->committed ? INSTANT_NEVER : pace_due(&c->pace, changes_of(c));
}

bool carrier_submit(carrier_t *c)
{
    if (changes_of(c) > 0)
        pace_changed(&c->pace, c->now.at);
    instant_t due = carrier_submit_at(c);
    if (instant_is_never(due) || instant_before(c->now.at, due))
        return false;
    effects_t *e = c->effects;
    pace_submitted(&c->pace, store_batch_count(e->batch), c->now.at);
    wish_count(e, METRIC_COMMIT_CHANGES, bytes_str(""), store_batch_count(e->batch));
    box_t *box = e->held;
    e->held = box_new(e);
    c->submitted = box->batch = store_submit(c->world.store, e->batch);
    e->batch = NULL;
    box->next = NULL;
    if (c->newest)
        c->newest->next = box;
    else
        c->oldest = box;
    c->newest = box;
    return true;
}

void carrier_committed(carrier_t *c, uint64_t batch)
{
    c->committed = batch;
    while (c->oldest && c->oldest->batch <= batch) {
        box_t *box = c->oldest;
        c->oldest = box->next;
        if (!c->oldest)
            c->newest = NULL;
        carrier_release(c, box);
    }
}

void carrier_forget_peer(carrier_t *c, peer_t peer)
{
    if (BUG(OLD_LINK_SPEAKS))
        return;
    box_forget_peer(c->effects->now, peer);
    box_forget_peer(c->effects->held, peer);
    for (box_t *box = c->oldest; box; box = box->next)
        box_forget_peer(box, peer);
}
