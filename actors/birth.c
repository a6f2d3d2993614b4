#include "actors/birth.h"

#include <ctype.h>
#include <stdlib.h>

#include "sys/jail.h"

#define DESCRIPTOR_MAX 65535

/* Decimal digits up to `most`; moves *at behind them. */
static bool read_number(const char **at, uint64_t most, uint64_t *out)
{
    uint64_t n = 0;
    const char *s = *at;
    if (!isdigit((unsigned char)*s))
        return false;
    for (; isdigit((unsigned char)*s); s++) {
        uint64_t digit = (uint64_t)(*s - '0');
        if (digit > most || n > (most - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *at = s;
    *out = n;
    return true;
}

static bool read_descriptor(const char **at, int *out)
{
    uint64_t n;
    if (!read_number(at, DESCRIPTOR_MAX, &n))
        return false;
    *out = (int)n;
    return true;
}

static bool read_listeners(const char **at, birth_line_t *b)
{
    if (**at == '\0' || **at == ' ')
        return true; /* "listen=": none */
    do {
        if (b->listen_count == BIRTH_LISTENERS_MAX ||
            !read_descriptor(at, &b->listen[b->listen_count]))
            return false;
        b->listen_count++;
    } while (**at == ',' && (*at)++);
    return true;
}

static bool is_word(const char *at, const char *word, size_t len)
{
    return strlen(word) == len && strncmp(at, word, len) == 0;
}

static bool read_value(const char *name, size_t len, const char **at, birth_line_t *b)
{
    uint64_t n;
    if (is_word(name, "generation", len))
        return read_number(at, UINT64_MAX, &b->generation);
    if (is_word(name, "config", len))
        return read_descriptor(at, &b->config);
    if (is_word(name, "secrets", len))
        return read_descriptor(at, &b->secrets);
    if (is_word(name, "lock", len))
        return read_descriptor(at, &b->lock);
    if (is_word(name, "listen", len))
        return read_listeners(at, b);
    if (is_word(name, "door", len) && is_word(*at, "kept", strcspn(*at, " "))) {
        *at += strlen("kept");
        return b->door_kept = true;
    }
    if (is_word(name, "instance", len) && read_number(at, UINT16_MAX, &n)) {
        b->instance = (uint16_t)n;
        return true;
    }
    if (is_word(name, "may", len) && read_number(at, MAY_ALL, &n)) {
        b->may = (unsigned)n;
        return true;
    }
    if (is_word(name, "standby", len) && read_number(at, 1, &n)) {
        b->standby = n == 1;
        return true;
    }
    if (is_word(name, "tls", len) && read_number(at, UINT32_MAX, &n)) {
        b->tls = (uint32_t)n;
        return true;
    }
    if (is_word(name, "host", len) && read_number(at, UINT32_MAX, &n)) {
        b->host = (unsigned)n;
        return true;
    }
    return false;
}

bool birth_read(const char *text, birth_line_t *out)
{
    birth_line_t b = {.config = -1, .secrets = -1, .lock = -1};
    for (const char *at = text; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, "= ");
        const char *name = at;
        at += len;
        if (*at++ != '=' || !read_value(name, len, &at, &b) || (*at != ' ' && *at != '\0'))
            return false;
    }
    if (b.generation == 0 || b.config < 0)
        return false;
    *out = b;
    return true;
}
