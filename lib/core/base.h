/* base.h: the few words every part shares: time as types, borrowed bytes, ids, must().
 * Pure: no clock, no socket, no allocation. Everything here is a value or lends what the caller
 * owns. */
#ifndef WEIR_CORE_BASE_H
#define WEIR_CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

/* A broken promise of our own: says which, aborts (the supervisor restarts us). Never compiled out.
 * must_failed is defined once per program (lib/sys/must.c; tests define their own). */
_Noreturn void must_failed(const char *what, const char *file, int line);
#define must(cond) ((cond) ? (void)0 : must_failed(#cond, __FILE__, __LINE__))

/* Time. An instant is CLOCK_BOOTTIME (it paces, waits and expires); wall is CLOCK_REALTIME (it is
 * shown and written into envelopes). They cannot be mixed, and pure code is always given `now`. */
typedef struct instant { int64_t us; } instant_t;
typedef struct wall { int64_t us; } wall_t;
typedef struct now { instant_t at; wall_t wall; } now_t;

#define INSTANT_NEVER ((instant_t){INT64_MAX})
static inline bool instant_before(instant_t a, instant_t b) { return a.us < b.us; }
static inline bool instant_is_never(instant_t a) { return a.us == INT64_MAX; }
static inline instant_t instant_min(instant_t a, instant_t b) { return a.us < b.us ? a : b; }
/* Saturates at never. */
static inline instant_t instant_after_us(instant_t a, int64_t us)
{
    return (instant_t){us > INT64_MAX - 1 - a.us ? INT64_MAX - 1 : a.us + us};
}
static inline int64_t instant_since_us(instant_t later, instant_t earlier)
{
    return later.us - earlier.us;
}
#define US_PER_MS 1000LL
#define US_PER_S 1000000LL

/* Bytes somebody else owns. data may be NULL only when len is 0. */
typedef struct bytes { const uint8_t *data; size_t len; } bytes_t;
static inline bytes_t bytes_of(const void *data, size_t len)
{
    return (bytes_t){(const uint8_t *)data, len};
}
static inline bytes_t bytes_str(const char *s)
{
    return (bytes_t){(const uint8_t *)s, s ? strlen(s) : 0};
}
static inline bool bytes_equal(bytes_t a, bytes_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool bytes_is(bytes_t a, const char *s) { return bytes_equal(a, bytes_str(s)); }
/* As a C string, cut to size - 1 bytes. */
static inline void bytes_text(bytes_t from, char *out, size_t size)
{
    size_t len = from.len < size - 1 ? from.len : size - 1;
    if (len)
        memcpy(out, from.data, len);
    out[len] = '\0';
}

/* A message's public id: 48 bits of wall-clock milliseconds, 80 bits of chance; written as 26
 * characters of Crockford base 32 (the ULID form). Minted by the ingress, unique for ever. */
typedef struct msgid { uint8_t b[16]; } msgid_t;
static inline bool msgid_equal(const msgid_t *a, const msgid_t *b)
{
    return memcmp(a->b, b->b, 16) == 0;
}
#define MSGID_TEXT 27 /* 26 characters and the closing NUL */

/* Fingerprint of (source, id): the first 16 bytes of a SHA-256. What dedup compares. */
typedef struct dedup_print { uint8_t b[16]; } dedup_print_t;

#endif
