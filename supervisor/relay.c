/* relay.c: orders that came through the door with an API key, passed on to who knows as the
 * people's are. The ingress has looked at the key; here is the list of what may come that way at
 * all. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/ctl_request.h"
#include "supervisor/supervisor.h"

/* Above every number of the people's questions, which are counted from 1. */
#define RELAY_NUMBERS (UINT64_C(1) << 62)
#define RELAY_US (4 * US_PER_S) /* the ingress waits for 5 */

static const struct row {
    const char *verb;
    unsigned actor;
    bool changes;
} rows[] = {
#define LOOKS false
#define CHANGES true
#define ADMIN(path, what, word, answerer)                                                          \
    {.verb = (word), .actor = ACTOR_##answerer, .changes = (what)},
#include "actors/ingress/admin.def"
#undef ADMIN
#undef CHANGES
#undef LOOKS
};

static const struct row *row_of(bytes_t verb, bool changes)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (bytes_is(verb, rows[i].verb) && rows[i].changes == changes)
            return &rows[i];
    return NULL;
}

static void say(supervisor_t *s, const outside_t *to, uint64_t number, unsigned status,
                const char *error, const char *hint)
{
    json_t *body = json_pack("{s:s, s:s}", "error", error, "hint", hint);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    must(text);
    peers_send(s, to, MESSAGE_ANSWER,
               &(msg_answer_t){.number = number, .status = status, .body = bytes_str(text)});
    free(text);
    json_decref(body);
}

static relayed_t *find(supervisor_t *s, uint64_t number)
{
    for (size_t i = 0; i < RELAYS_MAX; i++)
        if (s->relay.relayed[i].number == number)
            return &s->relay.relayed[i];
    return NULL;
}

static void pass_on(supervisor_t *s, const outside_t *from, const outside_t *to,
                    const msg_query_t *query)
{
    relayed_t *r = find(s, 0);
    msg_query_t passed = *query;
    if (!r) {
        say(s, from, query->number, 503, "too many orders wait already", "ask again in a moment");
        return;
    }
    passed.number = RELAY_NUMBERS + ++s->relay.last;
    if (to->child->state != CHILD_READY || !peers_send(s, to, MESSAGE_QUERY, &passed)) {
        say(s, from, query->number, 503, "who knows is not ready", "ask again in a moment");
        return;
    }
    *r = (relayed_t){.number = passed.number,
                     .asked = query->number,
                     .generation = from->child->generation,
                     .from = from,
                     .to = to,
                     .until = instant_after_us(loop_now().at, RELAY_US)};
}

/* By the same table as what people say over ctl.sock: a misspelt word must not turn an order for
 * one into one for all. False: it was answered. */
static bool is_order(supervisor_t *s, const outside_t *from, const msg_query_t *query,
                     const char *name)
{
    char why[256];
    json_t *args = json_loadb((const char *)query->args.data, query->args.len, 0, NULL);
    bool right = json_is_object(args);
    if (!right)
        snprintf(why, sizeof why, "the arguments are no JSON object");
    right = right && ctl_args_are_right(ctl_verb_find(name), args, why, sizeof why);
    if (!right)
        say(s, from, query->number, 400, why, "nothing was changed");
    json_decref(args);
    return right;
}

void relay_query(supervisor_t *s, const outside_t *from, const msg_query_t *query)
{
    const struct row *looks = row_of(query->verb, false), *changes = row_of(query->verb, true);
    const struct row *row = changes ? changes : looks;
    if (from->child->actor != ACTOR_INGRESS || !row) {
        say(s, from, query->number, 404, "nothing that is asked over HTTP", "");
        return;
    }
    bool only_looks = looks && query->args.len <= 2;
    if (!only_looks && !is_order(s, from, query, row->verb))
        return;
    if (!only_looks)
        log_text(LOG_CTL, "%s %.*s by %.*s", row->verb, (int)query->args.len,
                 query->args.len ? (const char *)query->args.data : "", (int)query->who.len,
                 query->who.len ? (const char *)query->who.data : "");
    pass_on(s, from, office_of(s, row->actor), query);
}

static void answer(supervisor_t *s, relayed_t *r, const msg_answer_t *with)
{
    const relayed_t done = *r;
    msg_answer_t said = *with;
    *r = (relayed_t){0};
    said.number = done.asked;
    if (done.from->child->generation == done.generation)
        peers_send(s, done.from, MESSAGE_ANSWER, &said);
}

void relay_answer(supervisor_t *s, const outside_t *from, const msg_answer_t *with)
{
    relayed_t *r = with->number > RELAY_NUMBERS ? find(s, with->number) : NULL;
    if (r && r->to == from)
        answer(s, r, with);
}

static void end(supervisor_t *s, relayed_t *r, unsigned status, const char *body)
{
    answer(s, r, &(msg_answer_t){.status = status, .body = bytes_str(body)});
}

void relay_gone(supervisor_t *s, const outside_t *who)
{
    for (size_t i = 0; i < RELAYS_MAX; i++)
        if (s->relay.relayed[i].number && s->relay.relayed[i].to == who)
            end(s, &s->relay.relayed[i], 503,
                "{\"error\":\"who was asked ended before the answer\",\"hint\":\"it may have "
                "happened: look before asking again\"}");
}

instant_t relay_turn(supervisor_t *s, instant_t now)
{
    instant_t next = INSTANT_NEVER;
    for (size_t i = 0; i < RELAYS_MAX; i++) {
        relayed_t *r = &s->relay.relayed[i];
        if (r->number && !instant_before(now, r->until))
            end(s, r, 504,
                "{\"error\":\"no answer in time\",\"hint\":\"it may have happened: look before "
                "asking again\"}");
        else if (r->number)
            next = instant_min(next, r->until);
    }
    return next;
}
