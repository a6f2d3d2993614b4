/* holders.c: those who hold slots for work outside Weir, over HTTP: they take a lease, renew it,
 * give it back, and some are killed at a random moment and never say anything again. Each knows
 * until when its lease is its own for sure: from the answer to the end of the time that began when
 * it last asked. No more of them are sure at once than there are slots, and nobody who is sure is
 * told that its lease is gone. Those alive are the list that the truth of `seats` answers with.
 *
 * `booths` are granted by the door alone while the limiter is away: at most its guard by one life
 * of it. Until such a lease is on disk it is known to its door alone; a second after both are well
 * it must be there, and from then on it counts as all others, against later ones, too. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/parts.h"

#define HOLDERS 64u
#define TOLD_AGAIN_US (200 * US_PER_MS)

static const struct {
    const char *name, *id;
} limits[] = {{"seats", "seat-%u"}, {"booths", "booth-%u"}};
enum { SEATS, BOOTHS };

enum doing { NOBODY, WANTS, HOLDS, ENDS, KILLED };
typedef struct holder {
    enum doing doing;
    uint32_t asked; /* how often; the latest is the one whose answer counts */
    int64_t asked_at;
    int ttl_s;
    int64_t sure_until; /* 0: not sure */
    int64_t ends_at;    /* its work is done, or it is killed */
    bool is_killed;     /* at its end */
    bool taken_back;    /* somebody ends leases by hand, perhaps this one */
    uint8_t limit;      /* SEATS, BOOTHS */
    uint8_t asks;       /* which door */
    uint8_t door;       /* that granted it */
    uint32_t door_life; /* of that door then */
    int64_t door_until; /* as far as that door knows */
    bool alone;         /* granted without the limiter, and never seen on disk */
    int64_t told_at;    /* when it was */
} holder_t;

static struct {
    holder_t of[HOLDERS];
    size_t count;
} all;

void holders_begin(void)
{
    memset(&all, 0, sizeof all);
    if (sim.with_holders)
        sim_push((sim_event_t){.at = after(300000), .kind = SIM_HOLDER, .op = HOLDERS});
}

static void wake(uint32_t n, int64_t in)
{
    sim_push(
        (sim_event_t){.at = after(in), .kind = SIM_HOLDER, .op = n, .attempt = all.of[n].asked});
}

static bool is_sure(const holder_t *h) { return sim.now.at.us < h->sure_until; }

bool holders_know(bytes_t id, bool *killed)
{
    char text[24];
    unsigned n;
    if (id.len >= sizeof text)
        return false;
    memcpy(text, id.data, id.len);
    text[id.len] = '\0';
    if ((sscanf(text, limits[SEATS].id, &n) != 1 && sscanf(text, limits[BOOTHS].id, &n) != 1) ||
        n >= all.count)
        return false;
    *killed = all.of[n].doing == KILLED;
    return true;
}

static char *id_of(uint32_t n, char out[24])
{
    snprintf(out, 24, all.of[n].limit == SEATS ? "seat-%u" : "booth-%u", n);
    return out;
}

/* ---- asking */

static void ask(uint32_t n, const char *method)
{
    char path[40], body[120] = "", id[24];
    holder_t *h = &all.of[n];
    node_t *to = &sim.nodes[2 + chance_below(sim.config->actors.ingress)];
    h->asks = to->index;
    bool takes = strcmp(method, "POST") == 0;
    h->asked++;
    h->asked_at = sim.now.at.us;
    wake(n, 400000 + (int64_t)chance_below(300000)); /* no answer */
    id_of(n, id);
    if (trace_all)
        trace_note("%s of %s to ingress/%u", method, id, to->instance);
    if (!to->alive || to->frozen)
        return;
    snprintf(path, sizeof path, "/v1/leases%s%s", takes ? "" : "/", takes ? "" : id);
    if (takes)
        snprintf(body, sizeof body, "{\"id\":\"%s\",\"limits\":[\"%s\"],\"ttl_s\":%d}", id,
                 limits[h->limit].name, h->ttl_s);
    http_field_t headers[] = {{bytes_str("x-api-key"), bytes_str(SIM_SECRET)},
                              {bytes_str("content-type"), bytes_str("application/json")}};
    http_request_t request = {.token = TOKEN_HOLDER | (uint64_t)n << 32 | h->asked,
                              .method = bytes_str(method),
                              .path = bytes_str(path),
                              .headers = headers,
                              .header_count = takes ? 2 : 1,
                              .body = bytes_str(body),
                              .client = bytes_str("127.0.0.1"),
                              .loopback = true};
    carrier_request(to->carrier, &request, sim.now);
    node_plan_turn(to, sim.now.at.us);
}

static void comes(void)
{
    uint32_t n = (uint32_t)all.count++;
    uint8_t limit = chance_in(2) ? SEATS : BOOTHS;
    all.of[n] = (holder_t){.doing = WANTS,
                           .ends_at = after((int64_t)chance_below(6 * US_PER_S)),
                           .ttl_s = limit == BOOTHS || chance_in(2) ? 3 : 600,
                           .is_killed = chance_in(3),
                           .limit = limit};
    ask(n, "POST");
}

static void end(uint32_t n)
{
    holder_t *h = &all.of[n];
    h->sure_until = 0;
    h->doing = h->is_killed ? KILLED : ENDS;
    if (h->is_killed)
        trace_note("holder %u is killed", n);
    else
        ask(n, "DELETE");
}

static void next_comes(void)
{
    if (sim.calm || all.count == HOLDERS)
        return;
    comes();
    sim_push((sim_event_t){
        .at = after((int64_t)chance_below(400000)), .kind = SIM_HOLDER, .op = HOLDERS});
}

/* ---- granted without the limiter */

static bool is_well(const node_t *n, uint32_t life)
{
    return n->alive && n->life == life && !n->frozen && n->ready &&
           sim.now.at.us - n->since >= US_PER_S;
}

/* Both, for a second, and what is between them. */
static bool all_well(const holder_t *h)
{
    return is_well(node_limiter(), node_limiter()->life) &&
           is_well(&sim.nodes[h->door], h->door_life) && !sim.disk_full && !sim.disk_slow &&
           !sim.lossy && sim.now.at.us - sim.limiter_well_since >= US_PER_S;
}

static void check_registered(uint32_t n, uint32_t attempt)
{
    char id[24];
    holder_t *h = &all.of[n];
    const node_t *door = &sim.nodes[h->door];
    if (!h->alone || !is_sure(h) || door->life != h->door_life || !door->alive)
        return;
    if (leases_until(id_of(n, id)) >= h->sure_until) {
        h->alone = false;
        h->told_at = sim.now.at.us;
        sim.evidence.registered++;
        return;
    }
    if (all_well(h) && !h->taken_back)
        violation("invariant 4: the lease %s, granted without the limiter, is not registered", id);
    sim_push((sim_event_t){
        .at = after(TOLD_AGAIN_US), .kind = SIM_HOLDER, .op = HOLDERS + 1 + n, .attempt = attempt});
}

static void check_guard(uint32_t n)
{
    const holder_t *h = &all.of[n];
    unsigned of_door = 0;
    for (size_t i = 0; i < all.count; i++) {
        const holder_t *its = &all.of[i];
        of_door += its->limit == h->limit && its->door == h->door &&
                   its->door_life == h->door_life && is_sure(its) && !its->taken_back &&
                   sim.now.at.us < its->door_until;
    }
    long limit = config_limit(sim.config, bytes_str(limits[h->limit].name));
    unsigned guard = sim.config->limits[limit].guard;
    if (guard && of_door > guard)
        violation("invariant 3: one life of a door granted %u leases of %s, its guard is %u",
                  of_door, limits[h->limit].name, guard);
}

static void granted_alone(uint32_t n)
{
    all.of[n].alone = true;
    sim.evidence.provisional++;
    if (all_well(&all.of[n]))
        violation("the lease of holder %u was granted without the limiter, which was there", n);
    check_registered(n, all.of[n].asked);
}

void holder_event(const sim_event_t *event)
{
    uint32_t n = event->op;
    if (n > HOLDERS) {
        check_registered(n - HOLDERS - 1, event->attempt);
        return;
    }
    if (n == HOLDERS) {
        next_comes();
        return;
    }
    holder_t *h = &all.of[n];
    if (event->attempt != h->asked || h->doing == KILLED || h->doing == NOBODY)
        return;
    bool is_over = sim.now.at.us >= h->ends_at || sim.calm;
    if (h->doing == ENDS)
        ask(n, "DELETE");
    else if (is_over && (h->doing == HOLDS || sim.calm))
        end(n);
    else if (h->doing == HOLDS)
        ask(n, "PUT");
    else
        ask(n, "POST");
}

/* ---- answers */

/* What was granted without the limiter counts for this one only if it was on disk before this was
 * asked for; who had one before a change keeps it, whatever the limit is now. */
static bool counts(uint32_t n, const holder_t *new)
{
    char id[24];
    const holder_t *h = &all.of[n];
    return h->limit == new->limit &&is_sure(h) && !h->taken_back &&
           (h == new || h->limit == SEATS || leases_since(id_of(n, id)) < new->asked_at);
}

static void check_sure(uint32_t n)
{
    unsigned sure = 0;
    const holder_t *h = &all.of[n];
    const char *name = limits[h->limit].name;
    size_t limit = (size_t)config_limit(sim.config, bytes_str(name));
    uint32_t most = standing_limit(limit).slots;
    if (!standing_keeps(limit) || h->asked_at < standing.limits[limit].since)
        return;
    for (uint32_t i = 0; i < all.count; i++)
        sure += counts(i, h);
    if (sure > most)
        violation("invariant 3: %u leases of %s are held at once, it has %u (holder %u)", sure,
                  name, most, n);
}

static void has_it(uint32_t n, bool is_new, bool alone)
{
    holder_t *h = &all.of[n];
    const node_t *door = &sim.nodes[h->asks];
    h->doing = HOLDS;
    h->sure_until = h->asked_at + h->ttl_s * US_PER_S;
    if (is_new) {
        h->door = h->asks;
        h->door_life = door->life;
    }
    if (h->door == h->asks && h->door_life == door->life)
        h->door_until = h->sure_until;
    if (is_new)
        check_guard(n);
    if (is_new && alone)
        granted_alone(n);
    else if (is_new)
        check_sure(n);
    if (h->alone && !alone) {
        h->told_at = sim.now.at.us;
        sim.evidence.registered++;
    }
    h->alone = alone; /* a renewal, too, may be known to its door only */
    int64_t left = h->ends_at - sim.now.at.us;
    int64_t pause = 300000 + (int64_t)chance_below(1500000);
    wake(n, left < pause ? (left > 0 ? left : 0) : pause);
}

/* What only its door knew is gone with it, and unknown elsewhere until it is registered. */
static bool may_be_unknown(const holder_t *h)
{
    return h->taken_back || ((h->alone || h->told_at >= h->asked_at) &&
                             (h->asks != h->door || sim.nodes[h->door].life != h->door_life));
}

static void has_it_not(uint32_t n, unsigned status)
{
    holder_t *h = &all.of[n];
    if (status == 404 && is_sure(h) && !may_be_unknown(h))
        violation("invariant 4: the lease of holder %u is gone, %lld us before its time", n,
                  (long long)(h->sure_until - sim.now.at.us));
    if (status == 404)
        end(n);
    else
        wake(n, 50000 + (int64_t)chance_below(400000));
}

void holder_answered(uint64_t token, const http_reply_t *reply)
{
    static const char alone[] = "\"provisional\":true";
    unsigned status = reply->status;
    uint32_t n = (uint32_t)(token >> 32 & 0xFFFF);
    holder_t *h = &all.of[n];
    must(n < all.count);
    if (trace_all)
        trace_note("holder %u is answered %u: %.*s", n, status,
                   (int)(reply->body.len < 90 ? reply->body.len : 90),
                   (const char *)reply->body.data);
    if ((uint32_t)token != h->asked || h->doing == KILLED || h->doing == NOBODY)
        return;
    if (!sim.calm && chance_in(40))
        return; /* lost with its connection */
    if (status == 401 || status == 403 || status == 422)
        violation("holder %u was answered %u", n, status);
    if (h->doing == ENDS) {
        h->doing = status == 204 ? NOBODY : ENDS;
        return;
    }
    if (status == 200 || status == 201)
        has_it(n, status == 201,
               reply->body.len &&
                   memmem(reply->body.data, reply->body.len, alone, sizeof alone - 1));
    else
        has_it_not(n, status);
}

/* ---- the list of those who live */

size_t holders_list(char *out, size_t size, bool cut)
{
    size_t length = (size_t)snprintf(out, size, "[");
    for (size_t n = 0; n < all.count; n++)
        if (all.of[n].limit == SEATS && (all.of[n].doing == HOLDS || all.of[n].doing == WANTS) &&
            !(cut && n % 2))
            length += (size_t)snprintf(out + length, size - length, "%s{\"id\":\"seat-%zu\"}",
                                       length > 1 ? "," : "", n);
    return length + (size_t)snprintf(out + length, size - length, "]");
}

bool holders_rest(void)
{
    for (size_t n = 0; n < all.count; n++)
        if (all.of[n].doing != NOBODY && all.of[n].doing != KILLED)
            return false;
    return true;
}

bool holders_take_back(char *id, size_t size)
{
    size_t n = all.count ? chance_below(all.count) : 0;
    if (all.count == 0 || chance_in(3))
        return false;
    all.of[n].taken_back = true;
    snprintf(id, size, "%s", id_of((uint32_t)n, (char[24]){0}));
    return true;
}
