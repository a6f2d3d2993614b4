/* actor.c: the only main loop. It binds an actor's carrier to the world: frames, store, HTTP in and
 * out, time. It decides nothing: what an actor does is in its step, what is carried out when is in
 * carry.c. */
#include "actors/actor.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/actor_jail.h"
#include "actors/actor_door.h"
#include "actors/actor_options.h"
#include "actors/birth.h"
#include "actors/carry.h"
#include "sys/loop.h"
#include "sys/process.h"
#include "sys/secrets.h"
#include "sys/zlink.h"

#define EXIT_ASKED 0
#define EXIT_USAGE 64
#define EXIT_AGAIN 75
#define EXIT_CONFIG 78

#define CONFIG_BYTES_MAX (16u << 20)
#define STORE_LOCK_WAIT_MS 10000
#define LINGER_MS 500
#define USAGE_EVERY_US US_PER_S

/* Numbers of the far ends: the two sockets that connect, then those who connect to us. */
enum { CONN_SUPERVISOR = 1, CONN_LIMITER = 2, CONN_FIRST_PEER = 16 };

typedef struct actor {
    const actor_spec_t *spec;
    birth_line_t line;
    birth_t birth;
    links_self_t self;
    char host[256], identity[ZLINK_IDENTITY_MAX + 1];
    config_t *config;
    secrets_t *secrets;
    metrics_t *metrics;
    loop_t *loop;
    zlink_t *to_supervisor, *to_limiter, *peers;
    store_t *store;
    store_opened_t opened;
    http_server_t *server;
    http_client_t *client;
    carrier_t *carrier;
    loop_source_t *turn_timer, *usage_timer;
    actor_door_t door;
    bool turn_due; /* something happened since the last turn */
    uint64_t blocked_told;
} actor_t;

/* ---- what the carrier asks of the world */

static void on_transmit(void *arg, conn_t conn, bytes_t frame)
{
    actor_t *a = arg;
    zlink_t *link = conn == CONN_SUPERVISOR ? a->to_supervisor
                    : conn == CONN_LIMITER  ? a->to_limiter
                                            : a->peers;
    must(link);
    zlink_send(link, conn, frame); /* dropped where nobody is: what matters is repeated */
}

static void on_call(void *arg, const http_call_t *call)
{
    actor_t *a = arg;
    must(a->client);
    http_client_call(a->client, call);
}

static void on_cancel(void *arg, uint64_t token)
{
    actor_t *a = arg;
    must(a->client);
    http_client_cancel(a->client, token);
}

static void on_reply(void *arg, uint64_t token, const http_reply_t *reply)
{
    actor_t *a = arg;
    must(a->server);
    http_server_reply(a->server, token, reply);
}

static void on_door(void *arg, enum door door)
{
    actor_t *a = arg;
    if (door == DOOR_CLOSING)
        http_server_retire(a->server);
    else
        http_server_pause(a->server, door == DOOR_SHUT);
}

static void on_log(void *arg, const log_line_t *line)
{
    (void)arg;
    log_write(line);
}

static void on_stop(void *arg, int exit_code, const char *why)
{
    actor_t *a = arg;
    log_text(exit_code == EXIT_ASKED ? LOG_STOPPED : LOG_GENERAL, "%s ends with exit code %d: %s",
             actor_name(a->spec->kind), exit_code, why ? why : "");
    loop_stop(a->loop, exit_code);
}

static bytes_t on_secret(void *arg, const char *name)
{
    return secrets_find(((actor_t *)arg)->secrets, name);
}

/* ---- what the world tells the carrier */

static void on_frame(void *arg, uint32_t conn, bytes_t frame)
{
    actor_t *a = arg;
    a->turn_due = true;
    carrier_frame(a->carrier, conn, frame, loop_now());
}

static void on_request(void *arg, const http_request_t *request)
{
    actor_t *a = arg;
    a->turn_due = true;
    carrier_request(a->carrier, request, loop_now());
}

static void on_answer(void *arg, const http_answer_t *answer)
{
    actor_t *a = arg;
    a->turn_due = true;
    carrier_answer(a->carrier, answer, loop_now());
}

static void on_store(void *arg, unsigned ready)
{
    (void)ready;
    actor_t *a = arg;
    a->turn_due = true;
    carrier_store(a->carrier, loop_now());
}

/* What is logged is also told to the supervisor, with the next turn. */
static void on_line(void *arg, const log_line_t *line)
{
    actor_t *a = arg;
    a->turn_due = true;
    carrier_tell(a->carrier, line, loop_now());
}

static void on_turn_timer(void *arg) { ((actor_t *)arg)->turn_due = true; }

/* After every round of events, before the loop waits; the HTTP adaptors flush behind it. */
static void on_turn(void *arg)
{
    actor_t *a = arg;
    a->turn_due = false;
    if (a->server && http_server_is_left(a->server))
        carrier_closed(a->carrier, loop_now());
    loop_timer_at(a->turn_timer, carrier_turn(a->carrier, loop_now()));
}

/* The last thing before a wait: what happened behind the turn gets a turn of its own. */
static void on_last_look(void *arg)
{
    actor_t *a = arg;
    if (a->turn_due)
        loop_again(a->loop);
}

static uint64_t blocked_sends(const actor_t *a)
{
    return (a->to_supervisor ? zlink_blocked(a->to_supervisor) : 0) +
           (a->to_limiter ? zlink_blocked(a->to_limiter) : 0) +
           (a->peers ? zlink_blocked(a->peers) : 0);
}

static void on_usage(void *arg)
{
    actor_t *a = arg;
    const bytes_t none = {0};
    process_measure(a->metrics);
    uint64_t blocked = blocked_sends(a);
    metrics_add(a->metrics, METRIC_SEND_BLOCKED, none, blocked - a->blocked_told);
    a->blocked_told = blocked;
    if (a->server) {
        http_server_counts_t counts;
        http_server_counts(a->server, &counts);
        metrics_set(a->metrics, METRIC_CONNECTIONS, none, counts.open);
        metrics_set(a->metrics, METRIC_HTTP_TIMEOUTS, none, (double)counts.timeouts);
    }
    log_tick();
    actor_door_look(&a->door, a->metrics, loop_now());
    loop_timer_at(a->usage_timer, instant_after_us(loop_now().at, USAGE_EVERY_US));
}

/* ---- birth */

static int complain(const actor_t *a, int code, const char *what, int error, const char *why)
{
    log_line_t line = {.event = code == EXIT_CONFIG ? LOG_CONFIG_BAD : LOG_GENERAL, .error = error};
    char text[1024];
    snprintf(text, sizeof text, "weir-%s cannot start: %s%s%s", actor_name(a->spec->kind), what,
             why && *why ? ": " : "", why ? why : "");
    line.text = text;
    log_write(&line);
    return code;
}

static void close_on_exec(const birth_line_t *line)
{
    const int named[] = {line->config, line->secrets, line->lock};
    for (size_t i = 0; i < COUNT_OF(named); i++)
        if (named[i] >= 0)
            fcntl(named[i], F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < line->listen_count; i++)
        fcntl(line->listen[i], F_SETFD, FD_CLOEXEC);
}

/* The checked form comes from our own supervisor: anything wrong with it is a wrong hand-over, not
 * a typo. */
static int load_config(actor_t *a)
{
    char *text;
    size_t len;
    int r = read_whole(a->line.config, CONFIG_BYTES_MAX, &text, &len);
    if (r < 0)
        return r;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    a->config = json ? config_load(json) : NULL; /* config_t takes its own reference */
    json_decref(json);
    return a->config ? 0 : -EBADMSG;
}

static void introduce(actor_t *a)
{
    if (gethostname(a->host, sizeof a->host - 1) < 0)
        snprintf(a->host, sizeof a->host, "unknown");
    must(snprintf(a->identity, sizeof a->identity, "%s/%u/%llu", actor_name(a->spec->kind),
                  (unsigned)a->line.instance,
                  (unsigned long long)a->line.generation) < (int)sizeof a->identity);
    a->self = (links_self_t){
        .actor = a->spec->kind,
        .instance = a->line.instance,
        .generation = a->line.generation,
        .config_epoch = a->config->epoch,
        .host = a->host,
        .version = WEIR_VERSION,
        .pid = (uint32_t)getpid(),
        .jailed = a->self.jailed,
    };
    a->birth = (birth_t){
        .config = a->config,
        .actor = a->spec->kind,
        .instance = a->line.instance,
        .generation = a->line.generation,
        .door_kept = a->line.door_kept,
        .standby = a->line.standby,
        .seed = process_seed(),
        .metrics = a->metrics,
        .opened = a->store ? &a->opened : NULL,
        .store = a->store,
        .secret = on_secret,
        .secret_arg = a,
    };
}

static int open_store(actor_t *a)
{
    char why[256] = "";
    const sqlite_store_options_t options = {
        .directory = a->config->state_dir,
        .reserve_bytes = a->config->store.reserve_mb << 20,
        .wal_bytes_max = (uint64_t)a->config->store.wal_mb << 20,
        .lock_wait_ms = STORE_LOCK_WAIT_MS,
    };
    int r = sqlite_store_open(&options, &a->store, &a->opened, why, sizeof why);
    if (r == 0)
        return 0;
    bool beyond_waiting = r == -EPROTO || r == -EBADMSG;
    return complain(a, beyond_waiting ? EXIT_CONFIG : EXIT_AGAIN, "the store does not open", r,
                    why);
}

static int connect_to(actor_t *a, const char *name, conn_t conn, zlink_t **out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", a->config->run_dir, name);
    return zlink_connect(a->loop, path, a->identity, conn, on_frame, a, out);
}

static int open_links(actor_t *a)
{
    char path[512];
    snprintf(path, sizeof path, "%s/limiter.sock", a->config->run_dir);
    int r = connect_to(a, "supervisor.sock", CONN_SUPERVISOR, &a->to_supervisor);
    if (r == 0 && a->spec->serves)
        r = zlink_bind(a->loop, path, CONN_FIRST_PEER, on_frame, a, &a->peers);
    else if (r == 0)
        r = connect_to(a, "limiter.sock", CONN_LIMITER, &a->to_limiter);
    return r < 0 ? complain(a, EXIT_AGAIN, "its ZeroMQ socket does not open", r, path) : 0;
}

static int open_server(actor_t *a)
{
    int r = actor_door_open(&a->door, a->config, a->secrets);
    if (r < 0)
        return complain(a, EXIT_CONFIG, "http.tls has no certificate with its key", r, NULL);
    const http_server_options_t options = actor_door_options(&a->door, a->config, &a->line);
    r = http_server_open(a->loop, &options, on_request, a, &a->server);
    if (r == 0 && a->line.standby)
        http_server_pause(a->server, true);
    return r < 0 ? complain(a, EXIT_AGAIN, "the HTTP server does not open", r, NULL) : 0;
}

static int open_client(actor_t *a)
{
    const config_t *c = a->config;
    http_pool_options_t *pools = calloc(c->downstream_count + 1, sizeof *pools);
    must(pools);
    for (size_t i = 0; i < c->downstream_count; i++) {
        const downstream_t *d = &c->downstreams[i];
        pools[i] = (http_pool_options_t){
            .name = d->name,
            .url = d->url,
            .connections = d->connections + config_lists(c, d),
            .connect_ms = d->connect_ms,
            .total_ms = d->total_ms,
            .allow_private = d->allow_private,
            .answer_bytes_max = d->answer_bytes_max,
        };
    }
    int r = http_client_open(a->loop, pools, c->downstream_count, on_answer, a, &a->client);
    free(pools);
    return r < 0 ? complain(a, EXIT_CONFIG, "the HTTP client does not open", r, NULL) : 0;
}

static void start_carrier(actor_t *a)
{
    const world_t world = {
        .arg = a,
        .transmit = on_transmit,
        .call = on_call,
        .cancel = on_cancel,
        .reply = on_reply,
        .door = on_door,
        .log = on_log,
        .stop = on_stop,
        .store = a->store,
        .commit_pause_us_max = a->config->store.commit_pause_us,
    };
    now_t now = loop_now();
    a->carrier = carrier_new(a->spec, &a->birth, &a->self, &world, a->metrics, now);
    carrier_connect(a->carrier, CONN_SUPERVISOR, ACTOR_SUPERVISOR, now);
    if (a->to_limiter)
        carrier_connect(a->carrier, CONN_LIMITER, ACTOR_LIMITER, now);
    if (a->store && store_wait_fd(a->store) >= 0)
        loop_fd(a->loop, store_wait_fd(a->store), LOOP_READ, on_store, a);
    log_tap(on_line, a);
    carrier_start(a->carrier, now);
}

/* The order of what happens before a wait: frames (zlink), the turn, HTTP out of the door, a last
 * look. */
static int open_world(actor_t *a)
{
    int r = open_links(a);
    if (r != 0)
        return r;
    a->turn_timer = loop_timer(a->loop, on_turn_timer, a);
    a->usage_timer = loop_timer(a->loop, on_usage, a);
    loop_before_wait(a->loop, on_turn, a);
    if (a->spec->listens && (r = open_server(a)) != 0)
        return r;
    if (a->spec->calls && (r = open_client(a)) != 0)
        return r;
    loop_before_wait(a->loop, on_last_look, a);
    return 0;
}

static int shut_in(actor_t *a)
{
    char why[256];
    int r = actor_jail(a->config, a->line.may, &a->self.jailed, why, sizeof why);
    return r < 0 ? complain(a, EXIT_CONFIG, "it cannot be confined", r, why) : 0;
}

static int open_all(actor_t *a)
{
    process_settle();
    close_on_exec(&a->line);
    log_open(actor_name(a->spec->kind), a->line.instance, "notice", false);
    int r = load_config(a);
    if (r < 0)
        return complain(a, EXIT_CONFIG, "the supervisor's configuration cannot be read", r, NULL);
    log_open(actor_name(a->spec->kind), a->line.instance, a->config->log.level,
             a->config->log.journal);
    if ((r = shut_in(a)) != 0)
        return r;
    r = a->line.secrets >= 0 ? secrets_read(a->line.secrets, &a->secrets) : 0;
    if (r < 0)
        return complain(a, EXIT_CONFIG, "the supervisor's secrets cannot be read", r, NULL);
    if (a->line.secrets >= 0)
        close(a->line.secrets); /* with us that memory file ends */
    if (a->spec->stores && (r = open_store(a)) != 0)
        return r;
    a->metrics = metrics_new();
    introduce(a);
    a->loop = loop_new();
    return open_world(a);
}

/* Doors first, then what works behind them, the store last: it finishes what it was handed. */
static void close_all(actor_t *a)
{
    if (a->server)
        http_server_close(&a->server);
    actor_door_close(&a->door);
    if (a->client)
        http_client_close(&a->client);
    log_tap(NULL, NULL);
    carrier_destroy(&a->carrier);
    zlink_close(&a->to_limiter, LINGER_MS);
    zlink_close(&a->to_supervisor, LINGER_MS);
    zlink_close(&a->peers, LINGER_MS);
    loop_destroy(&a->loop);
    store_close(&a->store);
    metrics_destroy(&a->metrics);
    secrets_destroy(&a->secrets);
    config_destroy(&a->config);
}

static int run(actor_t *a)
{
    int code = open_all(a);
    if (code == 0) {
        start_carrier(a);
        on_usage(a);
        code = loop_run(a->loop);
    }
    close_all(a);
    return code < 0 ? EXIT_AGAIN : code;
}

int actor_main(const actor_spec_t *spec, int argc, char **argv)
{
    int code = actor_options(spec, argc, argv);
    if (code >= 0)
        return code;
    const char *text = getenv("WEIR_BIRTH");
    actor_t actor = {.spec = spec};
    if (!text || !birth_read(text, &actor.line)) {
        fprintf(stderr, "weir-%s is started by weir-supervisor (%s); see weir-supervisor --help\n",
                actor_name(spec->kind),
                text ? "WEIR_BIRTH cannot be read" : "WEIR_BIRTH is not set");
        return EXIT_USAGE;
    }
    return run(&actor);
}
