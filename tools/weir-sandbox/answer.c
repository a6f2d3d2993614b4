#include <stdio.h>
#include <stdlib.h>

#include "server.h"

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 409:
        return "Conflict";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 503:
        return "Service Unavailable";
    default:
        return "Other";
    }
}

static void reply(conn_t *c, unsigned status, unsigned retry_after, const char *body, size_t len)
{
    char head[256], retry[48] = "";
    if (retry_after)
        snprintf(retry, sizeof retry, "Retry-After: %u\r\n", retry_after);
    int n = snprintf(
        head, sizeof head,
        "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s%s\r\n",
        status, reason_of(status), len, retry, c->close_after ? "Connection: close\r\n" : "");
    conn_put(c, head, (size_t)n);
    conn_put(c, body, len);
}

static void reply_text(conn_t *c, unsigned status, const char *body)
{
    reply(c, status, 0, body, strlen(body));
}

/* ---- what people and tests ask ---- */

static void take_script(server_t *s, conn_t *c, const request_t *r)
{
    if (bytes_is(r->method, "DELETE")) {
        script_clear(s->script);
        reply_text(c, 200, "{\"ok\":true}");
        return;
    }
    if (bytes_is(r->method, "POST")) {
        const char *wrong = script_add(s->script, (const char *)r->body.data, r->body.len);
        char *text = wrong ? script_error(wrong) : NULL;
        reply_text(c, wrong ? 400 : 200, wrong ? text : "{\"ok\":true}");
        free(text);
        return;
    }
    char *list = script_list(s->script);
    reply_text(c, 200, list);
    free(list);
}

static void take_record(server_t *s, conn_t *c, const request_t *r)
{
    const char *since = memmem(r->path.data, r->path.len, "since=", 6);
    size_t len;
    char *lines = record_since(s->record, since ? strtoull(since + 6, NULL, 10) : 0, &len);
    reply(c, 200, 0, lines, len);
    free(lines);
}

static bool is_page(bytes_t path, const char *page)
{
    size_t len = strlen(page);
    return path.len >= len && memcmp(path.data, page, len) == 0 &&
           (path.len == len || path.data[len] == '?');
}

static void control(server_t *s, conn_t *c, const request_t *r)
{
    if (is_page(r->path, "/_script"))
        take_script(s, c, r);
    else if (is_page(r->path, "/_record"))
        take_record(s, c, r);
    else if (is_page(r->path, "/_summary")) {
        record_flush(s->record); /* whoever counts may then read the file too */
        char *text = record_summary(s->record, s->most_at_once);
        reply_text(c, 200, text);
        free(text);
    } else if (is_page(r->path, "/_health"))
        reply_text(c, 200, "{\"ok\":true}");
    else
        reply_text(
            c, 404,
            "{\"ok\":false,\"error\":\"no such page: /_summary /_record /_script /_health\"}");
}

/* ---- what is stood in for ---- */

static const char *const fault_names[] = {
    [FAULT_NONE] = "",
    [FAULT_STATUS] = "status",
    [FAULT_RESET_BEFORE] = "reset-before",
    [FAULT_RESET_AFTER] = "reset-after",
    [FAULT_HANG] = "hang",
    [FAULT_SLOW] = "slow",
    [FAULT_GARBAGE] = "garbage",
};

static int64_t latency(server_t *s)
{
    int64_t from = s->options->latency_from_us, to = s->options->latency_to_us;
    return to > from ? from + (int64_t)rand_below(&s->chance, (uint64_t)(to - from + 1)) : from;
}

static void wait_or_send(server_t *s, conn_t *c, int64_t delay_us)
{
    s->at_once++;
    if (s->at_once > s->most_at_once)
        s->most_at_once = s->at_once;
    c->state = CONN_WAITING;
    delay_add(s, c, s->now_us + delay_us);
}

static void refuse(server_t *s, conn_t *c, const request_t *r, int64_t wait_us)
{
    unsigned seconds = (unsigned)((wait_us + US_PER_S - 1) / US_PER_S);
    record_refused(s->record, wait_us == 0);
    record_add(s->record, &(seen_t){r, c->came_us, false, 429, wait_us ? "limit" : "slots"});
    static const char body[] = "{\"ok\":false,\"error\":\"rate_limited\"}";
    reply(c, 429, seconds ? seconds : 1, body, sizeof body - 1);
}

static void carry_out(conn_t *c, const fault_t *f)
{
    static const char ok[] = "{\"ok\":true}", no[] = "{\"ok\":false,\"error\":\"scripted\"}";
    switch (f->kind) {
    case FAULT_NONE:
    case FAULT_SLOW:
        reply(c, 200, 0, ok, sizeof ok - 1);
        break;
    case FAULT_STATUS:
        if (f->body)
            reply(c, f->status, f->retry_after, f->body, strlen(f->body));
        else if (f->status < 300)
            reply(c, f->status, f->retry_after, ok, sizeof ok - 1);
        else
            reply(c, f->status, f->retry_after, no, sizeof no - 1);
        break;
    case FAULT_GARBAGE:
        conn_put(c, "\x01garbage\r\n\r\n", 12);
        c->close_after = true;
        break;
    case FAULT_RESET_BEFORE:
    case FAULT_RESET_AFTER:
        c->close_after = c->reset_after = true;
        break;
    case FAULT_HANG:
        break;
    }
}

static unsigned status_of(const fault_t *f)
{
    bool answered = f->kind == FAULT_NONE || f->kind == FAULT_SLOW;
    return answered ? 200 : f->kind == FAULT_STATUS ? f->status : 0;
}

static bool has_effect(const fault_t *f)
{
    return f->kind != FAULT_HANG && f->kind != FAULT_RESET_BEFORE &&
           (f->kind != FAULT_STATUS || f->status < 300);
}

static void stand_in(server_t *s, conn_t *c, const request_t *r)
{
    int64_t wait_us = s->limit ? limit_take(s->limit, s->now_us) : 0;
    if (wait_us > 0 || (s->options->slots && s->at_once >= s->options->slots)) {
        refuse(s, c, r, wait_us);
        return;
    }
    fault_t fault = script_next(s->script, r->path);
    c->call_us = boot_us();
    c->call = record_add(s->record, &(seen_t){r, c->came_us, has_effect(&fault), status_of(&fault),
                                              fault_names[fault.kind]});
    int64_t delay_us = latency(s) + (fault.kind == FAULT_SLOW ? fault.slow_us : 0);
    carry_out(c, &fault);
    if (fault.kind == FAULT_HANG) {
        c->state = CONN_HUNG;
        s->at_once++;
    } else if (delay_us > 0 || (c->close_after && c->out_len == 0))
        wait_or_send(s, c, delay_us);
    else
        record_ended(s->record, c->call, c->call_us, boot_us(), true);
}

void answer(server_t *s, conn_t *c, const request_t *r)
{
    if (r->path.len > 2 && r->path.data[1] == '_')
        control(s, c, r);
    else
        stand_in(s, c, r);
}
