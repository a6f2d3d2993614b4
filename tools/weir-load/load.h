/* load.h: sends messages at a held rate (open loop: latency counts from the intended time) or as
 * fast as they are answered (closed loop), and writes down what was acknowledged. One thread, one
 * epoll. It ends by itself: after --seconds or --count, and at most --drain-s later. Every list has
 * a maximum. With --leases each connection takes a lease and gives it back, in turn. */
#ifndef WEIR_LOAD_H
#define WEIR_LOAD_H

#include <stdio.h>

#include "core/base.h"
#include "core/rand.h"

/* ---- options ---- */

#define HEADERS_MAX 16
/* How a lease is asked for: as Weir has it, or by POST of a key, and of it and a token. */
enum dialect { DIALECT_WEIR, DIALECT_ADMISSION };
#define COUNT_MOST 20000000u
typedef struct options {
    const char *url;
    char host[64], path[512];
    unsigned port;
    double rate, seconds, drain_s;
    double lose; /* percent of the leases that are not given back */
    uint64_t count;
    unsigned connections, keys, size, timeout_ms, resend_ms, resend_max_ms;
    bool resend, quiet, leases;
    enum dialect dialect;
    const char *body, *lines, *prefix, *record, *secret_file, *bearer_file, *event;
    const char *id_field, *key_field;
    const char *headers[HEADERS_MAX];
    size_t header_count;
    uint64_t seed;
} options_t;
/* 0 go on; else exit with code - 1. */
int options_parse(options_t *o, int argc, char **argv);

/* ---- what is sent: a pure function of the message's number ---- */

typedef struct plan plan_t;
/* NULL: it said why on stderr. */
plan_t *plan_new(const options_t *options);
void plan_destroy(plan_t **plan);
uint64_t plan_count(const plan_t *plan); /* lines of a file; 0: no end of its own */
#define ID_BYTES 160
void plan_id(const plan_t *plan, uint64_t n, char out[ID_BYTES]);
void plan_key(const plan_t *plan, uint64_t n, char out[ID_BYTES]);
/* The whole request. Lent until the next call. */
bytes_t plan_request(plan_t *plan, uint64_t n);
/* --leases: gives back what the answer to request n granted. Lent likewise. */
bytes_t plan_release(plan_t *plan, uint64_t n, const char *lease);

/* ---- a histogram of log buckets: 32 to a doubling, so 3 % exact from 1 us to 70 minutes ---- */

#define HISTOGRAM_BUCKETS 1024
typedef struct histogram {
    uint64_t bucket[HISTOGRAM_BUCKETS], count, most_us;
} histogram_t;
void histogram_add(histogram_t *h, int64_t us);
/* Upper edge of the bucket in which the given part (0..1) of all is reached; 0 when empty. */
double histogram_ms(const histogram_t *h, double part);

/* ---- the run ---- */

typedef struct counts {
    uint64_t sent, resent, accepted, duplicates, conflicts, unacknowledged, unsent;
    uint64_t timeouts, connect_failed, closed, garbled;
    uint64_t acquired, limited, released, lost; /* leases */
    uint64_t status[600]; /* refusals, by status */
    histogram_t latency;  /* of accepted and duplicate, or acquired and refused with 429, from the
                             intended time */
    histogram_t release;  /* of released leases */
    double seconds, cpu_s;
} counts_t;
int load_run(const options_t *options, plan_t *plan, FILE *record, counts_t *out);
void result_print(const options_t *options, const counts_t *counts);

#endif
