/* lease.h: /v1/leases: orders about leases on their way from a request to the limiter's LEASED.
 * Each goes out as LEASE with a number of its own and is said again on a new link; to the limiter
 * that is harmless, because a lease is known by its id. */
#ifndef WEIR_INGRESS_LEASE_H
#define WEIR_INGRESS_LEASE_H

#include "actors/ingress/lease_guard.h"
#include "actors/ingress/lease_read.h"
#include "core/list.h"
#include "protocol/protocol.h"
#include "sys/http.h"

struct ingress;
struct scene;

#define LEASE_ORDERS_MAX 1024u                /* on their way */
#define PROVISIONAL_WAIT_US (250 * US_PER_MS) /* a limiter away for so long is away */

_Static_assert(LEASE_BATCH_MAX <= 64, "the orders of a batch are bits");

/* What a request gets: of a batch, once every order of it has its answer. */
typedef struct lease_group {
    uint64_t token;
    const api_key_t *key; /* NULL: somebody on this host who only looks */
    size_t left;          /* orders without an answer */
    uint64_t looking;     /* bit n: order n is looked at first; what comes behind it waits */
    json_t *answers;      /* of a batch, in its order; NULL: a single one */
} lease_group_t;

/* One order. It is in one list of lease_desk_t. */
typedef struct lease_ask {
    list_node_t node;
    struct list *in;
    lease_group_t *group; /* NULL: nobody waits for it any more */
    size_t place;         /* in the group */
    lease_order_t order;  /* what was asked: with looks_first not what is being said */
    bool looks_first;     /* whether the key may is seen by what the lease holds */
    bool minted;          /* the id is ours: nobody else can give the lease back */
    bool granted;         /* provisionally: it is only registered any more */
    bool was_guarded;     /* a lease of this id was counted before it was asked for */
    instant_t arrived;
    uint16_t limits[LEASE_DRAWS_MAX];
    size_t limit_count;
    msg_lease_t item; /* points into text */
    uint8_t text[];
} lease_ask_t;

typedef struct lease_desk {
    guard_t *guard;
    list_t waiting; /* no limiter to say it to */
    list_t sent;
    uint64_t last;
    instant_t due; /* of the first that must be looked at */
    size_t unanswered;
} lease_desk_t;

/* What came of an order. */
typedef struct lease_result {
    unsigned status; /* 0: the problem's */
    char *body;      /* JSON; taken; NULL: 204, or the problem */
    problem_t problem;
    uint64_t retry_after_ms;
    char location[3 * LEASE_NAME_BYTES_MAX + 16]; /* empty: none */
} lease_result_t;

/* ---- lease.c */

void lease_begin(struct ingress *self);
void lease_destroy(struct ingress *self);
/* Takes what it needs of `wanted`; answers by itself what ends here. */
void lease_order(const struct scene *s, lease_group_t *group, size_t place,
                 const lease_wanted_t *wanted);
void lease_told(const struct scene *s, const msg_leased_t *leased);
void lease_ended(const struct scene *s, const msg_ended_t *ended, size_t count);
void lease_link_began(const struct scene *s);
void lease_limiter_changed(struct ingress *self); /* here, away, silent */
void lease_send(const struct scene *s);

/* for lease_time.c */
static inline lease_ask_t *lease_ask_of(list_node_t *node)
{
    return list_of(node, lease_ask_t, node);
}
void lease_forget(lease_ask_t *ask);
/* Under a new number, before all that wait. */
void lease_say_again(const struct scene *s, lease_ask_t *ask, lease_order_t order);
guarded_t lease_guarded(const lease_ask_t *ask, uint64_t ttl_ms);
void lease_drop_guard(const struct scene *s, const lease_ask_t *ask);
/* How long it lasts as far as this ingress knows. */
uint64_t lease_ttl_ms(const config_t *config, const lease_ask_t *ask);
void lease_count_provisional(const struct scene *s, const char *outcome);
void lease_unregistered(const struct scene *s, const lease_ask_t *ask, const char *outcome,
                        const char *what, bytes_t reason);

/* ---- lease_time.c */

instant_t lease_look_at_times(const struct scene *s);
void lease_stop(const struct scene *s);
void lease_answer_all(const struct scene *s);
bool lease_is_registering(const struct ingress *self); /* what was granted here alone */

/* ---- lease_door.c: requests */

bool lease_is_path(bytes_t path);
void lease_arrived(const struct scene *s, const http_request_t *request);

/* ---- lease_say.c: answers */

void lease_say(const struct scene *s, lease_group_t *group, size_t place, lease_result_t *result);
void lease_say_problem(const struct scene *s, lease_group_t *group, size_t place,
                       const problem_t *problem, uint64_t retry_after_ms);
void lease_say_leased(const struct scene *s, const lease_ask_t *ask, const msg_leased_t *leased);
void lease_say_provisional(const struct scene *s, const lease_ask_t *ask, uint64_t left_ms);
void lease_say_gone(const struct scene *s, lease_group_t *group, size_t place, bytes_t id);

#endif
