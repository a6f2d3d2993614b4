/* lease_read.h: what a request about leases wants, out of its JSON, checked against the
 * configuration. Nothing is kept of what was refused. Pure. */
#ifndef WEIR_INGRESS_LEASE_READ_H
#define WEIR_INGRESS_LEASE_READ_H

#include <jansson.h>

#include "core/problem.h"
#include "protocol/limits.h"
#include "sys/config.h"

#define LEASE_BODY_MAX (256u << 10)
#define LEASE_BATCH_MAX 64u
#define LEASE_DRAWS_MAX 8u /* limits of one lease */
#define LEASE_TTL_S_MAX 604800
#define LEASE_HOLDER_BYTES_MAX 256u

typedef struct lease_wanted {
    lease_order_t order;
    char id[LEASE_NAME_BYTES_MAX];
    size_t id_len;                    /* 0: none was given */
    uint16_t limits[LEASE_DRAWS_MAX]; /* indexes into the configuration's, each once */
    size_t limit_count;
    char text[LEASE_LIMITS_BYTES_MAX]; /* as LEASE says them */
    size_t text_len;                   /* 0: there are none */
    uint32_t ttl_ms;                   /* 0: not given */
    char holder[LEASE_HOLDER_BYTES_MAX];
    size_t holder_len;
} lease_wanted_t;

/* Why not; what the problem says lies in it. */
typedef struct lease_doubt {
    problem_t problem;
    char detail[300], pointer[200];
} lease_doubt_t;

/* The body of one order; `body` may be NULL where it may be left out (every order but acquire).
 * False and *why, or true and *out. A batch's elements say their order, and all but acquire name
 * the lease; else both are given. */
bool lease_read(const config_t *config, const json_t *body, lease_order_t order,
                lease_wanted_t *out, lease_doubt_t *why);
bool lease_read_element(const config_t *config, const json_t *element, lease_wanted_t *out,
                        lease_doubt_t *why);

/* An id out of a path: percent-decoded UTF-8 without control characters. False: it is none. */
bool lease_id_of_path(bytes_t path, lease_wanted_t *out);
/* The other way: what stands for this id in a path. `out` has room for 3 bytes each and a NUL. */
void lease_id_to_path(bytes_t id, char *out);

#endif
