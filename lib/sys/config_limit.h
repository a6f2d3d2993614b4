/* config_limit.h: the checked form of a limit, and who draws from it. */
#ifndef WEIR_SYS_CONFIG_LIMIT_H
#define WEIR_SYS_CONFIG_LIMIT_H

#include <jansson.h>

#include "core/calendar.h"
#include "core/words.h"

/* One entry of a table: a label's value, or a pattern of values with '*', and its number. */
typedef struct override { const char *pattern; uint32_t value; } override_t;

/* The numbers of a limit that some values of its labels may have others of: its slots, its rate's
 * count, its cap's. */
enum limit_number { OF_SLOTS, OF_RATE, OF_CAP, LIMIT_NUMBERS };
typedef struct limit_word { const char *text; uint32_t most; } limit_word_t;
extern const limit_word_t limit_words[LIMIT_NUMBERS];
/* What an override says of it: a plain number is of `plain`, an object has each under its word.
 * -1: nothing. */
json_int_t override_says(const json_t *said, enum limit_number plain, enum limit_number of);

enum rate_shape { RATE_NONE, RATE_BUCKET, RATE_SPACING, RATE_WINDOW };

/* What to ask a downstream so that leases agree with what really lives there. */
typedef struct truth {
    const struct downstream *downstream; /* NULL: nobody is asked */
    const char *path, *list, *id;        /* list, id: pointers, or "" */
    unsigned every_s, grace_s;
} truth_t;

typedef struct limit {
    const char *name;
    bool own;             /* every downstream has one, "downstream:NAME", without a maximum: what
                             pauses, breaks and starts slowly when its calls fail; every route
                             has one, "route:NAME": its switch; every downstream with a budget of
                             retries has one of it, "retries:NAME" */
    struct {              /* of such a budget: slots for calls that failed before */
        unsigned percent, least; /* of the slots in use of `of`, but `least` in any case */
        uint16_t of;      /* the downstream's own limit */
    } retries;            /* percent 0: it is none */
    uint32_t slots;       /* 0: any number at once */
    struct {
        enum rate_shape shape;
        uint32_t count;       /* headroom taken off */
        uint32_t burst;       /* 0: as many as the count */
        int64_t period_us;
    } rate;
    calendar_cap_t cap;   /* zone NULL: none */
    const char *per[4]; size_t per_count; /* names of labels, or key, route, source */
    struct { const override_t *of; size_t count; } overrides[LIMIT_NUMBERS]; /* of rates
                             the headroom is taken off */
    enum limit_number plain; /* what an override that is one number is of */
    bool reject;          /* at the enqueue, in its commit; else it waits at dispatch */
    bool observe, strict, learns;
    const char *share_by; /* a label; NULL: no share */
    unsigned max_share_percent;
    uint32_t reserved; uint8_t reserved_class;
    uint64_t ttl_ms;      /* of leases */
    uint32_t guard; bool provisional;
    const char *shown;    /* with {label} for values; NULL: the name */
    struct { bool on; uint32_t floor, start, step; int64_t stay_us; } adaptive;
    truth_t truth;
} limit_t;

/* What one step, or a route for the whole message, takes of a limit. */
typedef struct draw { uint16_t limit; uint16_t cost; } draw_t;
#define DRAWS_MAX 17 /* a step's 8, its downstream's 8 and the downstream's own */

typedef struct breaker_config {
    unsigned percent, least, consecutive, open_ms, open_max_ms; /* percent 0: none */
} breaker_config_t;

enum in_mode { IN_MODE_RUN, IN_MODE_SKIP, IN_MODE_ONLY };

#endif
