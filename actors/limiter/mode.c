/* mode.c: the mode of work and what goes with it (safe, the pace, whether new work is refused,
 * which routes drain alone), as the drainer orders it; kept over restarts when it is meant to last.
 */
#include "actors/limiter/parts.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUTE_SETTING "drain." /* and the route's name */

bool mode_starts_work(const limiter_t *l)
{
    return !l->stopping && (l->mode != MODE_MAINTENANCE || BUG(MAINTENANCE_IGNORED));
}

static char *drained(const limiter_t *l, const route_t *r)
{
    return r && l->drained ? l->drained[r - l->config->routes] : NULL;
}

enum mode_gate mode_gate(const limiter_t *l, const route_t *r)
{
    if (l->mode == MODE_MAINTENANCE)
        return GATE_MAINTENANCE;
    if (l->mode == MODE_DRAINING || drained(l, r))
        return GATE_DRAINING;
    return l->refuse ? GATE_REFUSED : GATE_OPEN;
}

/* One line: what is kept has a line each. */
static void copy_line(char *out, size_t size, bytes_t text)
{
    size_t length = text.len < size - 1 ? text.len : size - 1;
    for (size_t n = 0; n < length; n++)
        out[n] = text.data[n] < ' ' ? ' ' : (char)text.data[n];
    out[length] = '\0';
}

/* ---- saying it ---- */

static void announce_routes(limiter_t *l)
{
    for (size_t n = 0; n < l->config->route_count; n++)
        if (l->drained[n])
            wish_send(l->e, l->drainer, MESSAGE_MODE,
                      &(msg_mode_t){.mode = MODE_DRAINING,
                                    .who = bytes_str(""),
                                    .why = bytes_str(l->drained[n]),
                                    .route = bytes_str(l->config->routes[n].name)});
}

void mode_announce(limiter_t *l, peer_t to)
{
    wish_send(l->e, to, MESSAGE_MODE,
              &(msg_mode_t){.mode = l->mode,
                            .stopping = l->stopping,
                            .who = bytes_str(l->mode_who),
                            .why = bytes_str(l->mode_why),
                            .safe = l->safe,
                            .safe_why = bytes_str(l->safe_why),
                            .pace_percent = l->pace_percent,
                            .refuse = l->refuse,
                            .by_hand = l->by_hand,
                            .since_us = (uint64_t)l->mode_since.us,
                            .cancel = l->cancel.ordered,
                            .cancelling = l->cancel.runs,
                            .cancelled = l->cancel.calls,
                            .unknown = l->cancel.unknown});
    if (to == l->drainer)
        announce_routes(l);
}

static void announce_all(limiter_t *l)
{
    for (size_t n = 0; n < l->intake_count; n++)
        if (l->intakes[n].welcomed)
            mode_announce(l, l->intakes[n].peer);
    if (l->drainer != PEER_NOBODY)
        mode_announce(l, l->drainer);
}

json_t *mode_shown(const limiter_t *l)
{
    json_t *routes = json_array(),
           *shown = json_pack("{s:s, s:s, s:s, s:b, s:I, s:b, s:s, s:i, s:b}", "mode",
                              mode_name(l->mode), "who", l->mode_who, "why", l->mode_why, "by_hand",
                              l->by_hand, "since_us", (json_int_t)l->mode_since.us, "safe", l->safe,
                              "safe_why", l->safe_why, "pace_percent", (int)l->pace_percent,
                              "refuse", l->refuse);
    must(shown && routes);
    for (size_t n = 0; n < l->config->route_count; n++)
        if (l->drained[n])
            json_array_append_new(routes, json_string(l->config->routes[n].name));
    json_object_set_new(shown, "routes_drained", routes);
    return shown;
}

void mode_gauges(limiter_t *l)
{
    bytes_t none = bytes_of(NULL, 0);
    size_t count = 0;
    for (size_t n = 0; n < l->config->route_count; n++)
        count += l->drained[n] != NULL;
    wish_gauge(l->e, METRIC_PACE, none, l->pace_percent / 100.0);
    wish_gauge(l->e, METRIC_REFUSING, none, l->refuse);
    wish_gauge(l->e, METRIC_SAFE, none, l->safe);
    wish_gauge(l->e, METRIC_ROUTES_DRAINED, none, (double)count);
}

/* ---- keeping it ---- */

static void setting_keep(limiter_t *l, const char *name, const char *value)
{
    wish_change(l->e, &(change_t){.kind = CHANGE_SETTING,
                                  .setting = {.name = bytes_str(name), .value = bytes_str(value)}});
}

/* "draining\nwho\nwhy\nsince by_hand safe pace refuse cancel\nwhy safe" */
static void mode_keep(limiter_t *l)
{
    char value[sizeof l->mode_who + sizeof l->mode_why + sizeof l->safe_why + 96];
    snprintf(value, sizeof value, "%s\n%s\n%s\n%lld %d %d %u %d %d\n%s", mode_name(l->mode),
             l->mode_who, l->mode_why, (long long)l->mode_since.us, l->by_hand, l->safe,
             l->pace_percent, l->refuse, l->cancel.ordered, l->safe_why);
    setting_keep(l, "mode", value);
}

static bytes_t line_of(bytes_t *rest)
{
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    bytes_t line = end ? bytes_of(rest->data, (size_t)(end - rest->data)) : *rest;
    *rest = end ? bytes_of(end + 1, rest->len - line.len - 1) : bytes_of(NULL, 0);
    return line;
}

static void mode_kept(limiter_t *l, bytes_t rest)
{
    char numbers[80];
    long long since = 0;
    int by_hand = 0, safe = 0, refuse = 0, cancel = 0;
    unsigned pace = 100;
    int mode = mode_of(line_of(&rest));
    l->mode = mode < 0 ? MODE_NORMAL : (uint8_t)mode;
    copy_line(l->mode_who, sizeof l->mode_who, line_of(&rest));
    copy_line(l->mode_why, sizeof l->mode_why, line_of(&rest));
    copy_line(numbers, sizeof numbers, line_of(&rest));
    /* of an earlier version: without cancel, or without any */
    if (sscanf(numbers, "%lld %d %d %u %d %d", &since, &by_hand, &safe, &pace, &refuse, &cancel) <
        5)
        by_hand = l->mode != MODE_NORMAL; /* only people changed it */
    l->mode_since.us = since;
    l->by_hand = by_hand;
    l->safe = safe;
    l->pace_percent = pace >= 1 && pace <= 100 ? pace : 100;
    l->refuse = refuse;
    l->cancel.ordered = l->cancel.runs = cancel != 0;
    copy_line(l->safe_why, sizeof l->safe_why, line_of(&rest));
}

static void route_set(limiter_t *l, const route_t *r, bytes_t why)
{
    char **at = &l->drained[r - l->config->routes];
    free(*at);
    *at = NULL;
    if (why.len == 0)
        return;
    *at = calloc(1, why.len + 1);
    must(*at);
    copy_line(*at, why.len + 1, why);
}

static void setting_kept(void *arg, const store_setting_t *setting)
{
    limiter_t *l = arg;
    size_t prefix = strlen(ROUTE_SETTING);
    if (bytes_is(setting->name, "mode"))
        mode_kept(l, setting->value);
    if (setting->name.len <= prefix || memcmp(setting->name.data, ROUTE_SETTING, prefix) != 0)
        return;
    const route_t *r =
        config_route(l->config, bytes_of(setting->name.data + prefix, setting->name.len - prefix));
    if (r)
        route_set(l, r, setting->value);
}

void mode_load(limiter_t *l, store_t *store)
{
    l->drained = calloc(l->config->route_count + 1, sizeof *l->drained);
    must(l->drained);
    if (store)
        store_settings(store, setting_kept, l);
}

void mode_end(limiter_t *l)
{
    for (size_t n = 0; n < l->config->route_count; n++)
        free(l->drained[n]);
    free(l->drained);
}

/* ---- changing it ---- */

static void repace(limiter_t *l, bucket_t *b, void *arg)
{
    const unsigned *before = arg;
    if (b->of->limit->rate.shape != RATE_NONE && !b->window && !b->of->pinned) {
        gcra_repace(&b->gcra, l->now.at, *before, l->pace_percent);
        bucket_changed_late(l, b);
    }
    bucket_look(l, b);
}

static void take_effect(limiter_t *l, unsigned pace_before)
{
    if (l->phase == LOADED)
        unpark_begin(l);
    if (pace_before != l->pace_percent)
        buckets_each(l, repace, &pace_before);
    l->look = true;
    for (size_t n = 0; n < l->config->pool_count; n++)
        l->pools[n].look = true;
}

static void route_told(limiter_t *l, const msg_mode_t *mode)
{
    char why[sizeof l->mode_who + sizeof l->mode_why], name[NAME_BYTES_MAX + 8];
    const route_t *r = config_route(l->config, mode->route);
    bool drains = mode->mode == MODE_DRAINING;
    if (!r)
        return;
    snprintf(why, sizeof why, "%.*s: %.*s", (int)mode->who.len, (const char *)mode->who.data,
             (int)mode->why.len, mode->why.len ? (const char *)mode->why.data : "");
    snprintf(name, sizeof name, ROUTE_SETTING "%s", r->name);
    route_set(l, r, drains ? bytes_str(why) : bytes_of(NULL, 0));
    setting_keep(l, name, drains ? why : "");
    wish_log(l->e, &(log_line_t){.event = LOG_MODE,
                                 .text = drains ? "a route takes no new messages: it drains"
                                                : "a route takes new messages again",
                                 .route = bytes_str(r->name),
                                 .reason = bytes_str(why)});
    take_effect(l, l->pace_percent);
    wish_send(l->e, l->drainer, MESSAGE_MODE,
              &(msg_mode_t){.mode = mode->mode,
                            .who = bytes_str(""),
                            .why = bytes_str(drains ? why : ""),
                            .route = bytes_str(r->name)});
}

static void log_change(limiter_t *l, const msg_mode_t *mode, unsigned pace)
{
    char text[200];
    size_t n =
        (size_t)snprintf(text, sizeof text, "mode %s -> %s%s", mode_name(l->mode),
                         mode_name((unsigned)mode->mode), mode->stopping ? ", stopping" : "");
    if (mode->cancel)
        n += (size_t)snprintf(text + n, sizeof text - n, "; calls in flight are cancelled: %llu",
                              (unsigned long long)l->assigned);
    if (pace != l->pace_percent)
        n += (size_t)snprintf(text + n, sizeof text - n, "; pace %u %% -> %u %%", l->pace_percent,
                              pace);
    if ((mode->refuse != 0) != l->refuse)
        n += (size_t)snprintf(text + n, sizeof text - n, "; new work is %s",
                              mode->refuse ? "refused" : "taken again");
    if ((mode->safe != 0) != l->safe)
        snprintf(text + n, sizeof text - n, "; safe mode %s", mode->safe ? "on" : "off");
    bool safety = mode->mode == l->mode && (mode->safe != 0) != l->safe,
         same = mode->mode == l->mode && !safety;
    wish_log(l->e, &(log_line_t){.event = LOG_MODE,
                                 .text = text,
                                 .reason = safety ? mode->safe_why
                                           : same ? bytes_str("")
                                                  : mode->why});
}

void mode_told(limiter_t *l, const msg_mode_t *mode)
{
    if (mode->mode >= MODE_COUNT)
        return;
    if (mode->route.len > 0) {
        route_told(l, mode);
        return;
    }
    unsigned pace = mode->pace_percent ? (unsigned)mode->pace_percent : 100;
    unsigned before = l->pace_percent;
    log_change(l, mode, pace);
    if (l->mode != mode->mode || l->mode_since.us == 0)
        l->mode_since = l->now.wall;
    l->mode = (uint8_t)mode->mode;
    l->stopping = mode->stopping != 0;
    l->safe = mode->safe != 0;
    l->refuse = mode->refuse != 0;
    l->by_hand = mode->by_hand != 0;
    l->pace_percent = pace;
    copy_line(l->mode_who, sizeof l->mode_who, mode->who);
    copy_line(l->mode_why, sizeof l->mode_why, mode->why);
    copy_line(l->safe_why, sizeof l->safe_why, mode->safe_why);
    l->cancel.ordered = mode->cancel && mode->mode == MODE_MAINTENANCE;
    if (mode->lasting && !BUG(MODE_NOT_KEPT))
        mode_keep(l);
    cancel_begin(l);
    take_effect(l, before);
    announce_all(l);
}
