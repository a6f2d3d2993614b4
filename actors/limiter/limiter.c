/* limiter.c: the record, the one step, and what each event goes to. */
#include "actors/limiter/parts.h"

#include <stdlib.h>

static void *limiter_create(const birth_t *birth)
{
    const config_t *c = birth->config;
    limiter_t *l = calloc(1, sizeof *l);
    must(l && birth->opened && c->limit_count <= UINT16_MAX);
    l->birth = birth;
    l->config = c;
    l->chance = rand_seeded(birth->seed);
    l->hash_seed = rand_next(&l->chance);
    l->epoch = birth->opened->epoch;
    l->tally = birth->opened->tally;
    if (l->tally.next_seq < 1)
        l->tally.next_seq = 1;
    if (l->tally.first_live < 1)
        l->tally.first_live = 1;
    l->boundary = l->tally.next_seq;
    l->new_boot = birth->opened->new_boot;
    l->live = seqmap_new();
    l->prints = prints_new(ITEMS_MAX, rand_next(&l->chance));
    l->agenda = agenda_new(ITEMS_MAX);
    l->pools = calloc(c->pool_count, sizeof *l->pools);
    l->of_source = calloc(c->source_count + 1, sizeof *l->of_source);
    l->of_route = calloc(c->route_count + 1, sizeof *l->of_route);
    l->pace_room = malloc(PACE_ROOM);
    l->pace_percent = 100;
    l->echoes = calloc(ECHOES_MAX, sizeof *l->echoes);
    l->verdicts = calloc(BATCH_ITEMS_MAX, sizeof *l->verdicts);
    l->accepted = calloc(BATCH_ITEMS_MAX, sizeof *l->accepted);
    must(l->accepted && l->pools && l->of_source && l->of_route && l->pace_room && l->echoes &&
         l->verdicts);
    for (size_t n = 0; n < c->pool_count; n++) {
        list_init(&l->pools[n].woken);
        list_init(&l->pools[n].stand_bys);
        list_init(&l->pools[n].crowd.items);
        fair_init(&l->pools[n].ready, &l->rules);
    }
    for (size_t n = 0; n < c->route_count; n++)
        l->releases |= begins_with_release(&c->routes[n]);
    buckets_start(l);
    leases_start(l);
    truths_start(l);
    list_init(&l->newcomers);
    list_init(&l->held);
    list_init(&l->jobs);
    list_init(&l->late);
    list_init(&l->counting);
    signals_start(l);
    mode_load(l, birth->store);
    return l;
}

static void free_item(void *arg, void *value)
{
    limiter_t *l = arg;
    item_t *i = value;
    needs_free(l, &i->job);
    needs_free(l, &i->needs);
    if (i->letter) {
        blob_unref(&i->letter->content);
        free(i->letter);
    }
    free(i->results);
    free(i->reason);
    free(i);
}

static void limiter_destroy(void **self)
{
    limiter_t *l = *self;
    if (!l)
        return;
    waits_end(l);
    seqmap_each(l->live, free_item, l);
    seqmap_destroy(&l->live);
    prints_destroy(&l->prints);
    agenda_destroy(&l->agenda);
    keys_destroy(l);
    for (size_t n = 0; n < l->holder_count; n++) {
        free(l->holders[n]->holding);
        free(l->holders[n]->purses);
        free(l->holders[n]);
    }
    leases_end(l);
    free(l->truths);
    buckets_end(l);
    free(l->pools);
    free(l->dirty);
    json_decref(l->paces_over);
    free(l->pace_room);
    free(l->of_source);
    free(l->of_route);
    free(l->recent);
    mode_end(l);
    free(l->echoes);
    free(l->verdicts);
    free(l->accepted);
    free(l->changed);
    free(l);
    *self = NULL;
}

/* ---- events ---- */

static void order_told(limiter_t *l, const msg_order_t *order)
{
    if (order->order == 1)
        wish_stop(l->e, 0, "stopped as asked");
}

static void settles(limiter_t *l, const message_t *m)
{
    const msg_settle_t *s = m->items;
    l->settled_count = m->count;
    for (size_t n = 0; n < m->count; n++)
        settle(l, &s[n]);
}

static void on_message(limiter_t *l, const event_t *event)
{
    const message_t *m = event->message;
    switch (m->head.type) {
    case MESSAGE_SUBMIT:
        submissions(l, event);
        break;
    case MESSAGE_LEASE:
        leases_told(l, event);
        break;
    case MESSAGE_SETTLE:
        settles(l, m);
        break;
    case MESSAGE_LISTED:
        truth_told(l, m->items);
        break;
    case MESSAGE_CREDIT:
        credit_told(l, event);
        break;
    case MESSAGE_PEERS:
        peers_told(l, m->items, m->count);
        break;
    case MESSAGE_MODE:
        mode_told(l, m->items);
        break;
    case MESSAGE_REDRIVE:
        redrive_told(l, m->items);
        break;
    case MESSAGE_DROP:
        drop_told(l, m->items);
        break;
    case MESSAGE_PURGE:
        purge_told(l, m->items);
        break;
    case MESSAGE_QUERY:
        query_told(l, event);
        break;
    case MESSAGE_ORDER:
        order_told(l, m->items);
        break;
    default:
        break; /* not for a limiter: the links were told who may send what */
    }
}

static void on_read(limiter_t *l, const read_result_t *read)
{
    must(l->reads > 0);
    l->reads--;
    switch ((enum read_for)READ_WHAT(read->request.token)) {
    case READ_FOR_PRINTS:
    case READ_FOR_LOAD:
        load_arrived(l, read);
        break;
    case READ_FOR_LETTER:
        letter_arrived(l, read);
        break;
    case READ_FOR_ECHO:
        echo_arrived(l, read);
        break;
    case READ_FOR_QUERY:
        query_arrived(l, read);
        break;
    case READ_FOR_PURGE:
        purge_arrived(l, read);
        break;
    case READ_FOR_REDRIVE:
        redrive_arrived(l, read);
        break;
    case READ_FOR_DROP:
        drop_arrived(l, read);
        break;
    case READ_FOR_BACKUP:
        backup_arrived(l, read);
        break;
    case READ_FOR_SPACE:
        space_arrived(l, read);
        break;
    }
    for (size_t n = 0; n < l->config->pool_count && l->reads == READS_MAX - 1; n++)
        l->look = l->pools[n].look = true; /* one may have waited for a read */
}

static void poisoned(limiter_t *l, const store_event_t *s)
{
    for (size_t n = 0; n < l->intake_count; n++)
        wish_send_now(l->e, l->intakes[n].peer, MESSAGE_MODE,
                      &(msg_mode_t){.mode = MODE_MAINTENANCE,
                                    .who = bytes_str("store"),
                                    .why = bytes_str("the disk failed to sync")});
    wish_log(l->e,
             &(log_line_t){.event = LOG_STORE_POISONED,
                           .error = s->error,
                           .text = "a sync failed; nothing is acknowledged until the restart"});
    wish_stop(l->e, 75, "the store is poisoned");
}

static void on_store(limiter_t *l, const store_event_t *s)
{
    switch ((enum store_event_kind)s->kind) {
    case STORE_COMMITTED:
        break; /* the carrier has sent what waited for it */
    case STORE_READ:
        on_read(l, s->read);
        break;
    case STORE_FULL:
        l->disk_full = true;
        wish_log(l->e, &(log_line_t){
                           .event = LOG_STORE_FULL,
                           .error = s->error,
                           .text = "the disk is full; new work is refused until there is space"});
        break;
    case STORE_SPACE:
        l->disk_full = false;
        wish_log(l->e, &(log_line_t){.event = LOG_STORE_SPACE,
                                     .text = "there is space again; work is accepted"});
        break;
    case STORE_POISONED:
        poisoned(l, s);
        break;
    }
}

static void on_event(limiter_t *l, const event_t *event)
{
    switch (event->kind) {
    case EVENT_START:
        restored_say(l);
        load_start(l);
        break;
    case EVENT_MESSAGE:
        on_message(l, event);
        break;
    case EVENT_PEER_UP:
        peer_up(l, event);
        break;
    case EVENT_PEER_SILENT:
        peer_silence(l, event, true);
        break;
    case EVENT_PEER_BACK:
        peer_silence(l, event, false);
        break;
    case EVENT_STORE:
        on_store(l, event->store);
        break;
    case EVENT_AGAIN:
        welcome_waiting(l); /* who holds much is heard in slices */
        break;
    case EVENT_TIMER:
    case EVENT_REQUEST:
    case EVENT_ANSWER:
    case EVENT_CLOSED:
        break; /* what is due is looked at after every event */
    }
}

/* What the event's sender waits for; last, so that every change they speak of is in the batch. */
static void answers_send(limiter_t *l, const event_t *event)
{
    for (size_t n = 0; n < l->verdict_count; n++) {
        msg_verdict_t *v = &l->verdicts[n];
        if (l->accepted[n])
            accepted_place(l, l->accepted[n], v);
        bool on_disk = v->verdict <= VERDICT_CONFLICT;
        (on_disk ? wish_send : wish_send_now)(l->e, event->from.peer, MESSAGE_VERDICT, v);
    }
    l->verdict_count = l->settled_count = 0;
    if (event->kind != EVENT_MESSAGE || event->message->head.type != MESSAGE_SETTLE)
        return;
    const msg_settle_t *s = event->message->items;
    for (size_t n = 0; n < event->message->count; n++)
        wish_send(l->e, event->from.peer, MESSAGE_SETTLED,
                  &(msg_settled_t){s[n].seq, s[n].attempt, s[n].fence});
}

static void timer_set(limiter_t *l)
{
    instant_t due = instant_min(l->pressure_at, l->sweep_at);
    const agenda_entry_t *first = agenda_first(l->agenda);
    if (first && l->phase == LOADED && mode_starts_work(l))
        due = instant_min(due, first->due);
    if ((first = agenda_first(l->wakes)) && l->phase == LOADED && mode_starts_work(l))
        due = instant_min(due, first->due);
    if ((first = agenda_first(l->expiries)) && l->phase != LOAD_PRINTS)
        due = instant_min(due, first->due);
    wish_timer(l->e, instant_min(due, truths_due(l)));
}

bool step_has_room(const limiter_t *l)
{
    size_t owed = l->changed_count + l->dirty_count + l->verdict_count + l->settled_count;
    return effects_room(l->e) > owed + effects_most(l->e) / STEP_RESERVE;
}

static void limiter_step(void *self, const event_t *event, now_t now, effects_t *effects)
{
    limiter_t *l = self;
    l->now = now;
    l->e = effects;
    l->budget = STEP_BUDGET;
    on_event(l, event);
    holders_bury(l);
    echoes_read(l);
    leases_expire(l);
    bulk_go_on(l);
    truths_watch(l);
    enter_go_on(l);
    ages_watch(l);
    pump(l);
    cancel_look(l);
    watch(l);
    items_save_changed(l);
    paces_save(l);
    answers_send(l, event);
    intake_regrant(l);
    lease_ends_tell(l);
    timer_set(l);
    l->e = NULL;
}

const actor_spec_t limiter_spec = {
    .kind = ACTOR_LIMITER,
    .serves = true,
    .stores = true,
    .create = limiter_create,
    .step = limiter_step,
    .destroy = limiter_destroy,
};
