/* mode.c: the mode of work as the drainer orders it; kept over restarts when it is meant to last.
 */
#include "actors/limiter/parts.h"

#include <stdio.h>

bool mode_starts_work(const limiter_t *l) { return !l->stopping && l->mode != MODE_MAINTENANCE; }

static void copy_text(char *out, size_t size, bytes_t text)
{
    snprintf(out, size, "%.*s", (int)text.len, text.len ? (const char *)text.data : "");
}

void mode_announce(limiter_t *l, peer_t to)
{
    wish_send(l->e, to, MESSAGE_MODE,
              &(msg_mode_t){.mode = l->mode,
                            .stopping = l->stopping,
                            .who = bytes_str(l->mode_who),
                            .why = bytes_str(l->mode_why)});
}

/* "draining\nwho\nwhy" */
static void mode_keep(limiter_t *l)
{
    char value[sizeof l->mode_who + sizeof l->mode_why + 32];
    snprintf(value, sizeof value, "%s\n%s\n%s", mode_name(l->mode), l->mode_who, l->mode_why);
    wish_change(l->e,
                &(change_t){.kind = CHANGE_SETTING,
                            .setting = {.name = bytes_str("mode"), .value = bytes_str(value)}});
}

static bytes_t line_of(bytes_t *rest)
{
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    bytes_t line = end ? bytes_of(rest->data, (size_t)(end - rest->data)) : *rest;
    *rest = end ? bytes_of(end + 1, rest->len - line.len - 1) : bytes_of(NULL, 0);
    return line;
}

static void setting_kept(void *arg, const store_setting_t *setting)
{
    limiter_t *l = arg;
    if (!bytes_is(setting->name, "mode"))
        return;
    bytes_t rest = setting->value;
    int mode = mode_of(line_of(&rest));
    l->mode = mode < 0 ? MODE_NORMAL : (uint8_t)mode;
    copy_text(l->mode_who, sizeof l->mode_who, line_of(&rest));
    copy_text(l->mode_why, sizeof l->mode_why, line_of(&rest));
}

void mode_load(limiter_t *l, store_t *store)
{
    if (store)
        store_settings(store, setting_kept, l);
}

void mode_told(limiter_t *l, const msg_mode_t *mode)
{
    char text[128];
    if (mode->mode >= MODE_COUNT)
        return;
    snprintf(text, sizeof text, "mode %s -> %s%s", mode_name(l->mode),
             mode_name((unsigned)mode->mode), mode->stopping ? ", stopping" : "");
    l->mode = (uint8_t)mode->mode;
    l->stopping = mode->stopping != 0;
    copy_text(l->mode_who, sizeof l->mode_who, mode->who);
    copy_text(l->mode_why, sizeof l->mode_why, mode->why);
    wish_log(l->e, &(log_line_t){.event = LOG_MODE, .text = text, .reason = mode->why});
    if (mode->lasting)
        mode_keep(l);
    if ((l->mode == MODE_NORMAL || l->mode == MODE_DEGRADED) && l->phase == LOADED)
        unpark_all(l);
    l->look = true;
    for (size_t n = 0; n < l->config->pool_count; n++)
        l->pools[n].look = true;
    for (size_t n = 0; n < l->intake_count; n++)
        if (l->intakes[n].welcomed)
            mode_announce(l, l->intakes[n].peer);
    if (l->drainer != PEER_NOBODY)
        mode_announce(l, l->drainer);
}
