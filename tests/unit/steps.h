/* steps.h: an actor's step, driven by hand: events in, its wishes out as a list that a test looks
 * through. Nothing is carried out. Frames are encoded and decoded on the way, so a wish that does
 * not fit the table fails. */
#ifndef WEIR_TESTS_STEPS_H
#define WEIR_TESTS_STEPS_H

#include "core/bugs.h"
#include "tests/unit/steps_out.h"

static inline bytes_t steps_secret(void *arg, const char *name)
{
    steps_t *s = arg;
    for (size_t i = 0; i < COUNT_OF(s->secrets) && s->secrets[i][0]; i++)
        if (strcmp(s->secrets[i][0], name) == 0)
            return bytes_str(s->secrets[i][1]);
    return bytes_of(NULL, 0);
}

static inline void steps_log(void *arg, const log_line_t *line)
{
    steps_t *s = arg;
    size_t used = strlen(s->lines);
    snprintf(s->lines + used, sizeof s->lines - used, "%s (%.*s)\n", line->text,
             (int)line->reason.len, line->reason.len ? (const char *)line->reason.data : "");
}

static inline void steps_report(void *arg, const char *line)
{
    char *said = arg;
    size_t used = strlen(said);
    snprintf(said + used, 2048 - used, "%s\n", line);
}

/* `yaml` is a whole configuration. */
static inline config_t *steps_config(const char *yaml)
{
    char path[] = "/tmp/weir-steps-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    assert_non_null(f);
    fputs(yaml, f);
    fclose(f);
    json_t *json = NULL;
    char said[2048] = "";
    int r = config_read(path, &json, steps_report, said);
    remove(path);
    if (r != 0)
        fail_msg("the test's configuration is refused:\n%s", said);
    config_t *config = config_load(json);
    json_decref(json);
    return config;
}

static inline void steps_begin(steps_t *s, const actor_spec_t *spec, const char *yaml)
{
    s->spec = spec;
    s->config = steps_config(yaml);
    s->now = (now_t){{1000 * US_PER_S}, {1700000000 * US_PER_S}};
    s->metrics = metrics_new();
    s->effects = effects_new(NULL, s->metrics);
    s->effects->log = steps_log;
    s->effects->log_arg = s;
    s->birth = (birth_t){.config = s->config,
                         .actor = spec->kind,
                         .generation = 7,
                         .metrics = s->metrics,
                         .seed = 4711,
                         .secret = steps_secret,
                         .secret_arg = s};
    s->self = spec->create(&s->birth);
}

static inline void steps_forget(steps_t *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->wishes[i].text);
        free(s->wishes[i].frame);
        free(s->wishes[i].item);
    }
    s->count = 0;
    s->lines[0] = '\0';
}

static inline void steps_end(steps_t *s)
{
    steps_forget(s);
    s->spec->destroy(&s->self);
    assert_null(s->self);
    effects_destroy(&s->effects);
    metrics_destroy(&s->metrics);
    config_destroy(&s->config);
}

/* The teardown of a test whose set-up allocated its steps. */
static inline int steps_close(void **state)
{
    steps_end(*state);
    free(*state);
#ifdef WEIR_PLANT
    planted_bug = BUG_NONE;
#endif
    return 0;
}

/* ---- events in */

static inline void steps_plain(steps_t *s, enum event_kind kind)
{
    steps_event(s, &(event_t){.kind = kind});
}

static inline void steps_limiter(steps_t *s, enum event_kind kind)
{
    static const msg_welcome_t welcome = {.link = 1, .epoch = 1};
    event_t e = {.kind = kind, .from = {.peer = PEER_LIMITER, .actor = ACTOR_LIMITER}};
    if (kind == EVENT_PEER_UP)
        e.up.welcome = &welcome;
    steps_event(s, &e);
}

static inline void steps_messages(steps_t *s, actor_kind_t from, enum message_type type,
                                  const void *items, size_t count)
{
    message_t m = {.head = {.version = 1, .type = (uint8_t)type},
                   .spec = message_spec(type),
                   .items = items,
                   .count = count};
    steps_event(s,
                &(event_t){.kind = EVENT_MESSAGE,
                           .from = {.peer = from == ACTOR_LIMITER ? PEER_LIMITER : PEER_SUPERVISOR,
                                    .actor = from},
                           .message = &m});
}

static inline void steps_message(steps_t *s, actor_kind_t from, enum message_type type,
                                 const void *item)
{
    steps_messages(s, from, type, item, 1);
}

/* Time goes on; the actor's timer rings if it is due by then. */
static inline void steps_pass(steps_t *s, int64_t us)
{
    s->now.at.us += us;
    s->now.wall.us += us;
    if (!instant_before(s->now.at, s->effects->timer)) {
        s->effects->timer = INSTANT_NEVER;
        steps_plain(s, EVENT_TIMER);
    }
    while (s->effects->again) {
        s->effects->again = false;
        steps_plain(s, EVENT_AGAIN);
    }
}

static inline void steps_order(steps_t *s, unsigned order, unsigned deadline_ms)
{
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_ORDER,
                  &(msg_order_t){.order = order, .deadline_ms = deadline_ms});
}

/* A successor, as it stands while its predecessor works: ready, and silent. */
static inline void steps_standby(steps_t *s)
{
    s->spec->destroy(&s->self);
    s->birth.standby = true;
    s->self = s->spec->create(&s->birth);
    steps_plain(s, EVENT_START);
    assert_non_null(steps_find(s, ENTRY_READY, 0));
    assert_false(s->effects->link);
}

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        const char *text_ = (text), *part_ = (part);                                               \
        if (!text_ || !strstr(text_, part_))                                                       \
            fail_msg("\"%s\" is not in:\n%s", part_, text_ ? text_ : "(nothing)");                 \
    } while (0)
#define assert_lacks(text, part)                                                                   \
    do {                                                                                           \
        const char *text_ = (text), *part_ = (part);                                               \
        if (text_ && strstr(text_, part_))                                                         \
            fail_msg("\"%s\" is in:\n%s", part_, text_);                                           \
    } while (0)

static inline const wish_t *assert_status(const steps_t *s, uint64_t token, unsigned status,
                                          const char *part)
{
    const wish_t *reply = steps_reply(s, token);
    if (!reply)
        fail_msg("no answer; %u was expected", status);
    if (reply->status != status)
        fail_msg("%u was expected, not:\n%s", status, reply->text);
    assert_contains(reply->text, part);
    return reply;
}

#endif
