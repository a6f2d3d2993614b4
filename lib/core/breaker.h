/* breaker.h: stops calls to what does not answer, and finds out when it answers again (the circuit
 * breaker: Nygard, "Release It!", chapter 5). With nobody else to call it is a pause that holds
 * work, never a failure of it.
 *
 *   closed     calls go. Opens on `percent` failures of at least `calls_min` calls in the window,
 *              or on `consecutive` failures in a row.
 *   open       none goes until its time is up: open_us, doubled each time it opens again, up to
 *              open_us_max, and up to a quarter more by chance (not all come back at once).
 *   half-open  one probe goes. It succeeds: closed (and whoever calls begins with slow_start.h).
 *              It fails: open, twice as long.
 *
 * What has been closed for as long as it was open begins again with open_us. A call that began
 * before the last change of state says nothing about the present one: its end is not counted. */
#ifndef WEIR_CORE_BREAKER_H
#define WEIR_CORE_BREAKER_H

#include "core/base.h"

typedef struct breaker_rules {
    unsigned percent, calls_min; /* percent 0: this way is off */
    unsigned consecutive;        /* 0: this way is off */
    int64_t window_us, open_us, open_us_max;
} breaker_rules_t;
#define BREAKER_DEFAULTS ((breaker_rules_t){50, 10, 5, 10 * US_PER_S, 5 * US_PER_S, 300 * US_PER_S})

typedef enum breaker_state {
    BREAKER_CLOSED,
    BREAKER_OPEN,
    BREAKER_HALF_OPEN,
    BREAKER_STATE_COUNT
} breaker_state_t;

/* What changed it, or nothing. */
typedef enum breaker_event {
    BREAKER_UNCHANGED,
    BREAKER_SHARE_FAILED, /* percent */
    BREAKER_ROW_FAILED,   /* consecutive */
    BREAKER_TIME_UP,      /* a probe may go */
    BREAKER_PROBE_OK,
    BREAKER_PROBE_FAILED,
    BREAKER_EVENT_COUNT
} breaker_event_t;

#define BREAKER_SLICES 10
/* Zeroed: closed. */
typedef struct breaker {
    uint8_t state;
    bool probing;    /* half-open: the probe is out */
    unsigned opened; /* times in a row: the doublings and one */
    unsigned in_row;
    int64_t changed_us, open_until_us, open_for_us, slice;
    struct {
        uint32_t calls, failed;
    } slices[BREAKER_SLICES];
} breaker_t;

/* May a call begin? */
bool breaker_allows(const breaker_t *b, instant_t now);
/* One begins (it must be allowed): the first after the open time is the probe. */
breaker_event_t breaker_began(breaker_t *b, instant_t now);
/* One that began at `started` ended. "Later" (429) is neither ok nor a failure: see breaker_lost.
 * chance: 64 random bits. */
breaker_event_t breaker_ended(breaker_t *b, const breaker_rules_t *rules, instant_t started,
                              instant_t now, bool ok, uint64_t chance);
/* One that began at `started` says nothing of the far side's health (unbegun, its holder died,
 * 429): if it was the probe, another may go. */
void breaker_lost(breaker_t *b, instant_t started);
/* When time alone lets a call go that is not allowed now; never: not time alone. */
instant_t breaker_due(const breaker_t *b);
const char *breaker_state_name(breaker_state_t state);
const char *breaker_event_text(breaker_event_t event); /* for the log: why it changed */

#endif
