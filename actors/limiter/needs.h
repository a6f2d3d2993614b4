/* needs.h: what one level (a step, or the route) takes together, all of it or nothing: a list of
 * buckets with what it costs in each, made from the limits' names and the labels of a message or a
 * lease. It is a user of each of its buckets. */
#ifndef WEIR_LIMITER_NEEDS_H
#define WEIR_LIMITER_NEEDS_H

#include "actors/limiter/bucket.h"

typedef struct needs {
    uint8_t count;
    bool loaded;    /* of an assignment of an earlier life, perhaps by another configuration */
    uint16_t bytes; /* of needs_text(), about */
    char *lease_id; /* what a step's slots will be, once taken; owned; NULL: no lease */
    struct needs *asked_next, *asked_before; /* lease_asked.c: others of the same hash that wait */
    struct item *asked_by;                   /* who waits to take it */
    list_node_t held;                        /* a route's, taken: in l->jobs */
    struct item *held_by;
    need_t of[];
} needs_t;

/* What a limit counts by, of one message or lease. labels: JSON object as text; parsed: the same,
 * lent, where somebody has it already. */
typedef struct label_values {
    bytes_t labels, key, route, source;
    const json_t *parsed;
} label_values_t;

/* NULL: more label values than there may be buckets for now, or needs_too_long(). */
needs_t *needs_new(limiter_t *l, const draw_t *draws, size_t count, const label_values_t *of);
/* These values are more text than the row of a message keeps: they never fit. */
bool needs_too_long(const limiter_t *l, const draw_t *draws, size_t count,
                    const label_values_t *of);
/* How many buckets it would have to make. */
size_t needs_lack(const limiter_t *l, const draw_t *draws, size_t count, const label_values_t *of);
needs_t *needs_room(size_t count);
bool needs_add(limiter_t *l, needs_t *needs, const draw_t *draw, const label_values_t *of);
bool needs_equal(const needs_t *a, const needs_t *b); /* they take the same of the same */
const need_t *needs_too_large(const needs_t *needs, uint8_t class); /* over bucket_most() */
/* How late the first byte may be sent: `within`, or sooner if a window counts on it. */
int64_t needs_start_within_us(const needs_t *needs, int64_t within);
void slack_late(limiter_t *l, const needs_t *needs, int64_t start_by_us); /* slack.c: not begun */
/* How long a lease of them lives: the shortest that its limits of slots say, which are what it
 * holds; where none is, the shortest of all. */
uint64_t needs_ttl_ms(const needs_t *needs);
void needs_free(limiter_t *l, needs_t **needs);
/* The first of them that keeps; -1: none. woken: it waited for one of its limits; NULL: who comes
 * while others wait, waits behind them. */
int needs_keep(const limiter_t *l, const needs_t *needs, uint8_t class, const struct item *woken,
               answer_can_t *why);
bool needs_reject(const needs_t *needs); /* a limit of it refuses at the door */
void needs_take(limiter_t *l, needs_t *needs);
/* How it went, for the slow start that counts it: told once, before it is given back. */
void needs_ended(needs_t *needs, slow_start_end_t end);
void need_ended(need_t *need, slow_start_end_t end);
void needs_give(limiter_t *l, needs_t *needs);
void needs_refund(limiter_t *l, const needs_t *needs);
/* For the row, a line each: level TAB limit TAB cost TAB values [TAB share]. Returns its length. */
size_t needs_text(const needs_t *needs, char level, char *out, size_t size);
bytes_t part_to(bytes_t *rest, char end); /* what stands before it; it is taken off the rest */
/* The lines of this level; what is no longer in the configuration is left out. NULL: none. */
needs_t *needs_parse(limiter_t *l, bytes_t text, char level);
bytes_t bucket_name_parse(bytes_t name, bytes_t *share); /* its values; share: empty, or of whom */
void needs_add_own(limiter_t *l, needs_t **needs, const step_t *step, bool is_retry);
/* A label's value, "" when it has none. out: room for LABEL_VALUE_MAX + 1 bytes. */
void label_value(const label_values_t *of, const char *name, char *out);
/* shown.c: as a JSON array for LEASED. Returns its length, there is no closing NUL; "[]" if it is
 * more than fits. */
size_t needs_shown(const limiter_t *l, const needs_t *needs, char out[LEASE_LIMITS_BYTES_MAX]);

#endif
