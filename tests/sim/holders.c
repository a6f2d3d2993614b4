/* holders.c: those who hold slots for work outside Weir, over HTTP: they take a lease, renew it,
 * give it back, and some are killed at a random moment and never say anything again. Each knows
 * until when its lease is its own for sure: from the answer to the end of the time that began when
 * it last asked. No more of them are sure at once than there are slots, and nobody who is sure is
 * told that its lease is gone. Those alive are the list that the limit's truth answers with. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/parts.h"

#define HOLDERS 64u
#define LIMIT "seats"

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
    if (sscanf(text, "seat-%u", &n) != 1 || n >= all.count)
        return false;
    *killed = all.of[n].doing == KILLED;
    return true;
}

/* ---- asking */

static void ask(uint32_t n, const char *method)
{
    char path[40], body[120] = "";
    holder_t *h = &all.of[n];
    node_t *to = &sim.nodes[2 + chance_below(sim.config->actors.ingress)];
    bool takes = strcmp(method, "POST") == 0;
    h->asked++;
    h->asked_at = sim.now.at.us;
    wake(n, 400000 + (int64_t)chance_below(300000)); /* no answer */
    if (!to->alive || to->frozen)
        return;
    snprintf(path, sizeof path, takes ? "/v1/leases" : "/v1/leases/seat-%u", n);
    if (takes)
        snprintf(body, sizeof body, "{\"id\":\"seat-%u\",\"limits\":[\"" LIMIT "\"],\"ttl_s\":%d}",
                 n, h->ttl_s);
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
    all.of[n] = (holder_t){.doing = WANTS,
                           .ends_at = after((int64_t)chance_below(6 * US_PER_S)),
                           .ttl_s = chance_in(2) ? 3 : 600,
                           .is_killed = chance_in(3)};
    ask(n, "POST");
}

static void end(uint32_t n)
{
    holder_t *h = &all.of[n];
    h->sure_until = 0;
    h->doing = h->is_killed ? KILLED : ENDS;
    if (h->is_killed)
        trace_note("holder seat-%u is killed", n);
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

void holder_event(const sim_event_t *event)
{
    uint32_t n = event->op;
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

static void check_sure(uint32_t n)
{
    unsigned sure = 0;
    size_t limit = (size_t)config_limit(sim.config, bytes_str(LIMIT));
    uint32_t most = standing_limit(limit).slots;
    if (!standing_keeps(limit) || all.of[n].asked_at < standing.limits[limit].since)
        return; /* who had one keeps it, whatever the limit is now */
    for (size_t i = 0; i < all.count; i++)
        sure += is_sure(&all.of[i]) && !all.of[i].taken_back;
    if (sure > most)
        violation("invariant 3: %u leases of " LIMIT " are held at once, it has %u (seat-%u)", sure,
                  most, n);
}

static void has_it(uint32_t n, bool is_new)
{
    holder_t *h = &all.of[n];
    h->doing = HOLDS;
    h->sure_until = h->asked_at + h->ttl_s * US_PER_S;
    if (is_new)
        check_sure(n);
    int64_t left = h->ends_at - sim.now.at.us;
    int64_t pause = 300000 + (int64_t)chance_below(1500000);
    wake(n, left < pause ? (left > 0 ? left : 0) : pause);
}

static void has_it_not(uint32_t n, unsigned status)
{
    holder_t *h = &all.of[n];
    if (status == 404 && is_sure(h) && !h->taken_back)
        violation("invariant 4: the lease seat-%u is gone, %lld us before its time", n,
                  (long long)(h->sure_until - sim.now.at.us));
    if (status == 404)
        end(n);
    else
        wake(n, 50000 + (int64_t)chance_below(400000));
}

void holder_answered(uint64_t token, unsigned status)
{
    uint32_t n = (uint32_t)(token >> 32 & 0xFFFF);
    holder_t *h = &all.of[n];
    must(n < all.count);
    if ((uint32_t)token != h->asked || h->doing == KILLED || h->doing == NOBODY)
        return;
    if (!sim.calm && chance_in(40))
        return; /* lost with its connection */
    if (status == 401 || status == 403 || status == 422)
        violation("holder seat-%u was answered %u", n, status);
    if (h->doing == ENDS) {
        h->doing = status == 204 ? NOBODY : ENDS;
        return;
    }
    if (status == 200 || status == 201)
        has_it(n, status == 201);
    else
        has_it_not(n, status);
}

/* ---- the list of those who live */

size_t holders_list(char *out, size_t size, bool cut)
{
    size_t length = (size_t)snprintf(out, size, "[");
    for (size_t n = 0; n < all.count; n++)
        if ((all.of[n].doing == HOLDS || all.of[n].doing == WANTS) && !(cut && n % 2))
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
    snprintf(id, size, "seat-%zu", n);
    return true;
}
