/* config.h: the checked configuration. The supervisor reads YAML (config_read), checks it against
 * the table config_keys.def and hands the checked form (JSON text) to the actors, who load it with
 * config_load. Everything in config_t is owned by it, never changes, and has its default filled in.
 */
#ifndef WEIR_SYS_CONFIG_H
#define WEIR_SYS_CONFIG_H

#include <jansson.h>

#include "core/base.h"
#include "core/match.h"
#include "core/words.h"
#include "sys/api_key.h"
#include "sys/config_limit.h"
#include "sys/config_modes.h"

/* New messages in a drain, in maintenance, or when a rule of modes refuses. */
enum at_drain {
    AT_DRAIN_HOLD,   /* until it is over */
    AT_DRAIN_REFUSE, /* with 503 */
    AT_DRAIN_DEAD,   /* with 503, and they are kept as dead letters */
};

typedef struct source {
    const char *name;
    enum auth {
        AUTH_NONE_ON_LOOPBACK, AUTH_GITHUB, AUTH_BEARER, AUTH_SLACK, AUTH_STANDARD_WEBHOOKS,
        AUTH_HEADER, AUTH_API_KEY, AUTH_COUNT
    } auth;
    const char *secret;       /* name of the secret; NULL for none */
    const char *secret_next;  /* of the one that takes its place; NULL: no rotation */
    const char *header;       /* AUTH_HEADER: which holds the secret, in lower case; else NULL */
    enum at_drain at_drain;
    bool conflict_is_duplicate; /* same id, other body: duplicate instead of 409 */
    unsigned share_percent;     /* of queue.messages_max, at most */
} source_t;

typedef struct header { const char *name, *value; } header_t;

typedef struct downstream {
    const char *name;
    const char *url;          /* scheme://host[:port], no path */
    unsigned connections;     /* most at once */
    unsigned connect_ms, total_ms;
    bool idempotent; /* repeating a call is harmless (or the Idempotency-Key makes it so) */
    bool allow_private;       /* private, loopback and link-local addresses are allowed */
    const char *secret;       /* bearer token's name; NULL: none */
    const header_t *headers; size_t header_count;
    size_t answer_bytes_max;
    draw_t draws[9]; size_t draw_count; /* of every call; the last is its own limit */
    draw_t retry;             /* of a call that failed before, too; cost 0: there is no budget */
    unsigned retry_percent, retry_least;
    breaker_config_t breaker;
} downstream_t;

typedef struct rule { match_t when; const char *outcome; } rule_t;

enum step_kind { STEP_CLASSIFY, STEP_CALL, STEP_ACQUIRE, STEP_RELEASE };
typedef enum unknown_policy { UNKNOWN_RETRY, UNKNOWN_DEAD, UNKNOWN_HOLD } unknown_policy_t;
typedef struct step {
    const char *name;
    enum step_kind kind;
    match_t when;             /* not held: skipped, result absent */
    size_t pool;              /* whose connections: index into config_t.pools */
    draw_t draws[DRAWS_MAX]; size_t draw_count; /* taken together for one assignment */
    enum in_mode degraded, safe;
    const char *lease_id;     /* template: of acquire and release; of a call whose slots become a
                                 lease when it has succeeded; else NULL */
    uint64_t lease_ttl_ms;    /* 0: as its limits say */
    unsigned attempts;        /* failed attempts before it is dead */
    unsigned backoff_base_ms, backoff_cap_ms;
    unsigned start_within_ms; /* of the assignment: nothing is sent later */
    unknown_policy_t on_unknown;
    /* classify */
    rule_t *rules; size_t rule_count;
    const char *otherwise;    /* outcome when no rule matches */
    /* call */
    const downstream_t *downstream;
    const char *method;
    const char *path;         /* template */
    json_t *body;             /* template; NULL: the message's body as it came */
    const header_t *headers; size_t header_count; /* values are templates */
    bool needs_body;          /* the assignment must carry the raw body; false with body NULL (GET,
                                 DELETE): the call has none */
} step_t;

#define ROUTE_POINTERS_MAX 256
enum on_failure { ON_FAILURE_DEAD, ON_FAILURE_BLOCK, ON_FAILURE_SKIP };
typedef struct route {
    const char *name;
    const char *path;         /* POST here, "/tickets" */
    enum body_kind { BODY_JSON, BODY_FORM } body; /* how /message is read from the body */
    const source_t *source;
    const char *key;          /* pointer; NULL: no order */
    const char *id;           /* pointer to the sender's id; NULL: SHA-256 of the raw body */
    const header_t *labels; size_t label_count; /* name, pointer */
    uint8_t class;            /* when none of classes holds */
    const struct class_rule { match_t when; uint8_t class; } *classes; size_t class_count;
    draw_t draws[8]; size_t draw_count; /* held from the first step to the end */
    bool keep_slots_in_backoff;
    const char *fair_by;      /* a label; NULL: nobody takes turns */
    const override_t *weights; size_t weight_count;
    unsigned loop_per_minute; /* 0: nothing is a loop */
    bool merge;               /* who has not begun ends in the next of its key */
    unsigned parallel;        /* messages of one key at once (1) */
    unsigned accepted_status; /* 202 or 200 */
    size_t body_bytes_max;
    uint64_t max_age_ms;      /* older than this it is dead, reason "expired"; 0: never */
    enum on_failure on_failure;
    bool log_full;            /* log_wanted.h */
    step_t *steps; size_t step_count;
    const char **pointers; size_t pointer_count; /* into /message or /headers, of its steps */
} route_t;

typedef struct config {
    uint64_t epoch;           /* fingerprint of the checked form */
    json_t *json;             /* the checked form itself, defaults filled in */
    json_t *origins, *files;  /* config_found.h; NULL in the actors */
    const char *state_dir, *run_dir;
    struct {
        const char **listen; size_t listen_count; /* "127.0.0.1:8080", "[::1]:8080" */
        const char **listen_tls; size_t listen_tls_count;
        const char **trusted_proxies; size_t trusted_proxy_count; /* addresses and networks */
        bool rfc7239; /* they say it in Forwarded */
        const char *tls_certificate, *tls_key; /* names or files; NULL: no TLS */
        unsigned connections, reserved_connections, connections_per_client;
        unsigned header_ms, body_ms, idle_ms;     /* deadlines of our own */
        unsigned body_rate_min;                   /* bytes a second, 0: none */
        size_t header_bytes_max;
    } http;
    struct {
        uint64_t messages_max, bytes_max;         /* of messages not finished */
        unsigned intake_messages, intake_bytes_mb;/* intake credit window of one ingress */
        uint64_t cache_bytes;                     /* bodies kept at hand */
        uint32_t buckets_max, leases_max;
        int64_t head_start_us[CLASS_COUNT];
    } queue;
    struct {
        uint64_t reserve_mb, low_mb; /* reserve kept aside; below low_mb free, refuse new work */
        unsigned commit_pause_us, wal_mb;
        uint64_t keep_done_s, keep_dead_s, keep_prints_s;
    } store;
    struct {
        unsigned restart_min_ms, restart_max_ms, forget_ms, burst, burst_ms, failed_retry_ms;
        unsigned ready_ms;                        /* a child must be ready within it */
        unsigned hang_ms;                         /* no beat for so long: killed; 0: never */
        unsigned stop_ms;                         /* orderly stop takes at most this */
        unsigned drain_ms;                        /* of that, for finishing what is in hand */
        const char *user; /* to run actors as when started as root; "": as we are */
        /* ctl permissions; "": root and own uid only */
        const char *viewer_group, *operator_group, *admin_group;
        enum { JAIL_OFF, JAIL_BEST_EFFORT, JAIL_REQUIRED } jail;
    } supervisor;
    struct { unsigned ingress, classifier, responder; } actors; /* how many of each */
    struct {
        const char *level; bool journal; /* error, warning, notice, info, debug */
        unsigned sample; /* log_wanted.h */
    } log;
    modes_config_t modes;
    api_key_t *api_keys; size_t api_key_count;    /* http.api_token is one of them */
    source_t *sources; size_t source_count;
    downstream_t *downstreams; size_t downstream_count;
    limit_t *limits; size_t limit_count, named_limits; /* of the file; then own ones: one a
                                              downstream, one a route */
    const char **pools; size_t pool_count; /* 0 is "rules" (the classifier's); then downstreams;
                                              the last is "own": what the limiter does itself */
    route_t *routes; size_t route_count;
} config_t;

/* Reads the file and its conf.d drop-ins, checks everything. 0 and *json (checked form, owned by
 * the caller); else -EINVAL and up to 20 lines "file:line:column: what; hint" through `report`. */
int config_read(const char *path, json_t **json, void (*report)(void *, const char *line),
                void *arg);
/* The same from memory, without drop-ins; `name` stands for the file in errors. */
int config_read_text(bytes_t text, const char *name, json_t **json,
                     void (*report)(void *, const char *line), void *arg);
/* From the checked form. Only our own bug makes it fail. */
config_t *config_load(json_t *json);
/* The same with the sources of its values, which it takes over. */
struct config_found;
config_t *config_load_found(struct config_found *found);
void config_destroy(config_t **config);

const route_t *config_route(const config_t *c, bytes_t name);       /* NULL: none */
const route_t *config_route_at(const config_t *c, bytes_t path);
const step_t *route_step(const route_t *r, bytes_t name);
/* How many limits ask it for a list: each has a connection for it, besides `connections`. */
unsigned config_lists(const config_t *c, const downstream_t *downstream);
long config_pool(const config_t *c, bytes_t name);                  /* -1: none */
long config_limit(const config_t *c, bytes_t name);                 /* -1: none */

#endif
