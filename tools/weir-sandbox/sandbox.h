/* sandbox.h: a stand-in downstream with a strict limit and scripted faults, which writes down what
 * it saw. What it records is evidence independent of Weir: it knows nothing but the requests that
 * arrived. One thread, one epoll. Everything it keeps has a maximum. */
#ifndef WEIR_SANDBOX_H
#define WEIR_SANDBOX_H

#include "core/base.h"
#include "core/rand.h"

/* ---- one request as it came (everything lent from the connection's buffer) ---- */

typedef struct request {
    bytes_t method, path; /* path with query */
    bytes_t message, idempotency, key, attempt,
        maybe; /* Weir-Message, Idempotency-Key, Weir-Key ... */
    bytes_t body;
    size_t length; /* of the whole request in the buffer */
    bool close;    /* the client asked for it */
} request_t;
/* 1: a whole request; 0: more is needed (*head_end: where its head ends, 0: not yet); -1: it is not
 * HTTP. */
int request_parse(const char *data, size_t len, request_t *out, size_t *head_end);

/* ---- options ---- */

#define SCRIPT_RULES_MAX 64
typedef struct options {
    unsigned port;
    const char *host, *record, *ends; /* record, ends: files to append to; NULL: none */
    unsigned limit;
    int64_t limit_us;   /* so many in any window of so long; 0: no limit */
    int64_t penalty_us; /* refused for so long after one refusal */
    unsigned slots;     /* more at once are refused; 0: any number */
    int64_t latency_from_us, latency_to_us;
    uint64_t seed;
    unsigned connections;
    size_t keep, remember; /* events for /_record; calls told apart in /_summary */
    const char *script[SCRIPT_RULES_MAX];
    size_t script_count;
    bool quiet;
} options_t;
/* 0 go on; else exit with code - 1. */
int options_parse(options_t *o, int argc, char **argv);

/* ---- the strict limit ---- */

typedef struct limit limit_t;
limit_t *limit_new(unsigned most, int64_t window_us, int64_t penalty_us);
void limit_destroy(limit_t **limit);
/* 0: within the limit, counted. Else how long to wait, in microseconds; the refusal itself is not
 * counted. */
int64_t limit_take(limit_t *limit, int64_t now_us);

/* ---- scripted faults ---- */

enum fault_kind {
    FAULT_NONE,
    FAULT_STATUS,       /* answer with this status; no effect */
    FAULT_RESET_BEFORE, /* connection reset; no effect */
    FAULT_RESET_AFTER,  /* the effect happens, then the connection is reset without an answer */
    FAULT_HANG,         /* no effect, no answer, until the client goes away */
    FAULT_SLOW,         /* the effect happens, the answer comes `ms` later */
    FAULT_GARBAGE,      /* the effect happens, the answer is not HTTP */
};
typedef struct fault {
    enum fault_kind kind;
    unsigned status, retry_after;
    int64_t slow_us;
    const char *body; /* the script's; NULL: the usual one */
} fault_t;
typedef struct script script_t;
script_t *script_new(uint64_t seed);
void script_destroy(script_t **script);
/* NULL, or what is wrong with it. */
const char *script_add(script_t *script, const char *json, size_t len);
void script_clear(script_t *script);
fault_t script_next(script_t *script, bytes_t path);
char *script_error(const char *wrong);     /* the answer to a refused rule, to be freed */
char *script_list(const script_t *script); /* JSON, to be freed */

/* ---- what was seen ---- */

typedef struct seen {
    const request_t *request;
    int64_t at_us;     /* boot clock: the kernel had its first bytes */
    bool effect;       /* it took effect here */
    unsigned status;   /* that was or will be answered; 0: none */
    const char *fault; /* its name; "" for none */
} seen_t;
typedef struct record record_t;
record_t *record_new(const char *path, const char *ends, size_t keep, size_t remember);
void record_destroy(record_t **record); /* flushes */
/* Its number, for record_ended. */
uint64_t record_add(record_t *record, const seen_t *seen);
/* It was in flight from when it was seen until now; answered: else the client went away first. */
void record_ended(record_t *record, uint64_t n, int64_t seen_us, int64_t until_us, bool answered);
void record_refused(record_t *record, bool slots);
int record_flush(record_t *record);
char *record_since(const record_t *record, uint64_t since,
                   size_t *len); /* JSON lines, at most 10,000 */
char *record_summary(const record_t *record, unsigned most_at_once);

/* ---- connections ---- */

typedef struct server server_t;
int server_run(const options_t *options, script_t *script, limit_t *limit, record_t *record);

#endif
