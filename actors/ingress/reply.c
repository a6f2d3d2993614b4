/* reply.c: answers over HTTP, each counted by its status. */
#include <stdlib.h>

#include "actors/ingress/ingress.h"
#include "core/retry_after.h"
#include "core/text.h"

#define RETRY_AFTER_DEFAULT_MS 1000u
#define REFUSAL_LINES_MAX 10u /* a second */

static void reply(const scene_t *s, uint64_t token, const http_reply_t *what)
{
    char room[8];
    text_t code = text_in(room, sizeof room);
    text_put_number(&code, what->status);
    wish_count(s->effects, METRIC_REQUESTS, text_so_far(&code), 1);
    wish_reply(s->effects, token, what);
}

static void add(http_field_t *headers, size_t *count, const char *name, const char *value)
{
    if (value)
        headers[(*count)++] = (http_field_t){bytes_str(name), bytes_str(value)};
}

static void reply_with(const scene_t *s, uint64_t token, const http_reply_t *base,
                       const reply_extra_t *extra)
{
    http_field_t headers[4];
    char room[24];
    text_t seconds = text_in(room, sizeof room);
    http_reply_t what = *base;
    what.headers = headers;
    if (what.status == 429 || what.status == 503) {
        uint64_t ms = extra->retry_after_ms ? extra->retry_after_ms : RETRY_AFTER_DEFAULT_MS;
        text_put_number(&seconds, retry_after_seconds(ms));
        must(text_close(&seconds));
        add(headers, &what.header_count, "Retry-After", room);
    }
    add(headers, &what.header_count, "Location", extra->location);
    add(headers, &what.header_count, "Allow", extra->allow);
    add(headers, &what.header_count, "WWW-Authenticate", what.status == 401 ? "Bearer" : NULL);
    what.close = extra->close || s->self->stop.asked;
    reply(s, token, &what);
}

void reply_json(const scene_t *s, uint64_t token, unsigned status, bytes_t body,
                const reply_extra_t *extra)
{
    const http_reply_t base = {.status = status, .content_type = "application/json", .body = body};
    reply_with(s, token, &base, extra ? extra : &(reply_extra_t){0});
}

void reply_as(const scene_t *s, uint64_t token, unsigned status, const char *content_type,
              bytes_t body)
{
    const http_reply_t base = {.status = status, .content_type = content_type, .body = body};
    reply_with(s, token, &base, &(reply_extra_t){0});
}

void reply_problem(const scene_t *s, uint64_t token, const problem_t *problem,
                   const reply_extra_t *extra)
{
    char *body = problem_text(problem);
    const http_reply_t base = {.status = problem_status(problem->kind),
                               .content_type = PROBLEM_CONTENT_TYPE,
                               .body = bytes_str(body)};
    reply_with(s, token, &base, extra ? extra : &(reply_extra_t){0});
    free(body);
}

void reply_refusal(const scene_t *s, uint64_t token, enum problem_kind kind, const char *detail)
{
    reply_problem(s, token, &(problem_t){.kind = kind, .detail = bytes_str(detail)}, NULL);
}

void log_refusal(const scene_t *s, const route_t *route, const char *reason)
{
    ingress_t *self = s->self;
    if (instant_since_us(s->now.at, self->refusals.since) >= US_PER_S) {
        self->refusals.since = s->now.at;
        self->refusals.lines = 0;
    }
    if (self->refusals.lines++ >= REFUSAL_LINES_MAX)
        return;
    wish_log(s->effects, &(log_line_t){.event = LOG_REFUSED,
                                       .text = "a submission was refused; the sender was told why",
                                       .route = bytes_str(route ? route->name : NULL),
                                       .reason = bytes_str(reason)});
}
