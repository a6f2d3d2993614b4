/* ingress.h: the inside of the ingress: HTTP in, submissions that wait for their verdict, questions
 * that wait for their answer. It holds no state that matters: what it forgets, the sender repeats.
 */
#ifndef WEIR_INGRESS_INGRESS_H
#define WEIR_INGRESS_INGRESS_H

#include "actors/actor.h"
#include "actors/ingress/admin.h"
#include "actors/ingress/extract.h"
#include "actors/ingress/lease.h"
#include "actors/ingress/permit.h"
#include "core/credit.h"
#include "core/list.h"

#define SUBMISSIONS_MAX 4096u
#define SUBMISSION_BYTES_MAX (64u << 20) /* of all of them */
#define WAITING_MAX 1024u                /* of these, not yet sent */
#define BUCKETS 4096u
#define QUESTIONS_MAX 256u
#define STATS_TEXTS_MAX 64u

#define CREDIT_WAIT_US (90 * US_PER_MS)         /* a full queue is told within 100 ms */
#define LIMITER_WAIT_US (2 * US_PER_S)          /* a restart of the limiter is not seen outside */
#define VERDICT_WAIT_US (8 * US_PER_S)          /* GitHub waits 10 s for an answer */
#define VERDICT_WAIT_AWAY_US (2500 * US_PER_MS) /* the limiter is away: Slack waits 3 s */
#define ANSWER_WAIT_US (3 * US_PER_S)
#define STOP_WAIT_US US_PER_S
#define FAREWELL_US (500 * US_PER_MS) /* those with kept connections are told that they end */
#define OPENING_WAIT_US (2 * US_PER_S) /* for the limiter's welcome, before READY is said */
#define MISSED_US US_PER_S /* away for so long: not ready; until then, who sends waits */
#define STATS_FRESH_US (15 * US_PER_S)
#define PAGE_FRESH_US (250 * US_PER_MS)

/* One submission, from its request until its VERDICT. It is in exactly one list of the ingress. */
typedef struct submission {
    list_node_t node;
    list_t *in;
    struct submission *next; /* of its bucket */
    uint64_t token;          /* of the HTTP request; 0: answered already */
    const route_t *route;
    instant_t arrived;
    size_t bytes; /* what it takes here */
    credit_t cost;
    msg_submit_t item; /* points into text */
    uint8_t text[];
} submission_t;

/* A GET /v1/messages/{id} that waits for the limiter. */
typedef struct question {
    uint64_t number, token;
    msgid_t id;
    const api_key_t *key; /* who asks; NULL: somebody on this host */
    instant_t until;
} question_t;

typedef struct stats_text {
    uint8_t actor;
    uint16_t instance;
    instant_t at;
    char *text;
    size_t len;
} stats_text_t;

/* The pages of metrics, each as it was last written. */
enum metrics_page { PAGE_TEXT, PAGE_OPEN, PAGE_JSON, PAGE_SUMMARY, PAGE_COUNT };
typedef struct page {
    char *body; /* NULL: not written yet */
    instant_t at;
} page_t;

typedef struct ingress {
    const birth_t *birth;
    uint8_t id_key[32]; /* what ids are drawn from: this life's seed and generation */
    uint64_t ids;
    key_prints_t *keys; /* as config->api_keys */

    peer_t limiter;
    bool is_up, is_silent;  /* the limiter: welcomed and not known to be dead; beats missed */
    instant_t usable_since; /* both in order since then */
    instant_t lost_at;      /* not up: since then, if it ever was */
    credit_purse_t purse;
    instant_t dry_since; /* no credit left since; NEVER: there is some */
    struct {
        work_mode_t mode;
        bool stopping, by_store;
        bool drained; /* it was draining before Weir began to stop, which is told as draining too */
    } mode;

    list_t waiting;  /* not sent yet: no credit or no limiter */
    list_t again;    /* sent on an earlier link: to be repeated first */
    list_t sent;     /* verdict outstanding */
    list_t answered; /* verdict outstanding, but the client was told 503 */
    size_t bytes;
    submission_t *buckets[BUCKETS];

    question_t questions[QUESTIONS_MAX];
    size_t question_count;
    uint64_t last_question;
    admin_desk_t admin;

    lease_desk_t leases;

    stats_text_t stats[STATS_TEXTS_MAX];
    size_t stats_count;
    page_t pages[PAGE_COUNT];

    struct {
        instant_t since;
        unsigned lines;
    } refusals; /* of log lines: bounded a second */
    struct { /* the way to the first request: born in standby, begun, open */
        bool standby, begun, done;
        instant_t by; /* open then, also without the limiter */
    } opening;
    struct { /* stop: everybody is answered now; retire: who is connected is served to the end */
        bool asked, retires, closed, done;
        bool seamless; /* what connects from here on waits for the next life: nobody is refused */
        instant_t from, by;
    } stop;
} ingress_t;

/* What a step is about; handed down instead of three parameters. */
typedef struct scene {
    ingress_t *self;
    now_t now;
    effects_t *effects;
} scene_t;

/* ingress.c: of a secret's name; empty: none, or it was not given. */
bytes_t ingress_secret(const ingress_t *self, const char *name);
/* submit.c: an id that nobody had. */
msgid_t ingress_mint(ingress_t *self, wall_t wall);

/* ---- submit.c: submissions from request to verdict */

bool limiter_is_usable(const ingress_t *self);
void submit_request(const scene_t *s, const http_request_t *request, const route_t *route,
                    const extracted_t *extracted);
void submit_verdict(const scene_t *s, const msg_verdict_t *verdict);
void submit_link_began(const scene_t *s);
void submit_send(const scene_t *s); /* as much as credit allows */
instant_t submit_look_at_times(const scene_t *s);
void submit_stop(const scene_t *s); /* what is not on its way is answered now */
bool submit_answer_all(
    const scene_t *s); /* what is left, because the process ends; false: not all yet */
void submit_destroy(ingress_t *self);

/* ---- request.c: routing */

void request_arrived(const scene_t *s, const http_request_t *request);

/* ---- challenge.c: a sender's question whether somebody is here */

/* Slack's url_verification: answered, and there is nothing to submit. False: it is none. The
 * request is believed already. */
bool challenge_answered(const scene_t *s, const http_request_t *request, const route_t *route);

/* ---- question.c: GET /v1/messages/{id} */

/* `key` is who asks; NULL: somebody on this host. */
void question_ask(const scene_t *s, const http_request_t *request, const api_key_t *key,
                  bytes_t id);
void question_answered(const scene_t *s, const msg_answer_t *answer);
void question_link_began(const scene_t *s);
instant_t question_look_at_times(const scene_t *s);
void question_answer_all(const scene_t *s);

/* ---- health.c: probes and metrics */

void health_live(const scene_t *s, const http_request_t *request);
void health_ready(const scene_t *s, const http_request_t *request);
void health_report(const scene_t *s, const http_request_t *request);
void health_metrics(const scene_t *s, const http_request_t *request);
void health_summary(const scene_t *s, const http_request_t *request);
void health_stats(const scene_t *s, const msg_stats_t *stats);
void health_destroy(ingress_t *self);

/* ---- reply.c: answers */

typedef struct reply_extra {
    uint64_t retry_after_ms; /* said when the status is 429 or 503 */
    const char *location, *allow;
    bool close;
} reply_extra_t;
void reply_json(const scene_t *s, uint64_t token, unsigned status, bytes_t body,
                const reply_extra_t *extra);
void reply_as(const scene_t *s, uint64_t token, unsigned status, const char *content_type,
              bytes_t body);
void reply_problem(const scene_t *s, uint64_t token, const problem_t *problem,
                   const reply_extra_t *extra);
/* The same in one line, for the frequent case. */
void reply_refusal(const scene_t *s, uint64_t token, enum problem_kind kind, const char *detail);
/* A line for the journal, at most some a second. */
void log_refusal(const scene_t *s, const route_t *route, const char *reason);

#endif
