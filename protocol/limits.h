/* limits.h: the maxima of what crosses a link. Every list, string and frame is born with one.
 * Sums that must fit are asserted in protocol.c. */
#ifndef WEIR_PROTOCOL_LIMITS_H
#define WEIR_PROTOCOL_LIMITS_H

#define FRAME_BYTES_MAX (8u << 20)   /* also ZMQ_MAXMSGSIZE */
#define FRAME_NESTING_MAX 16
#define BATCH_ITEMS_MAX 512          /* items in one frame */
#define BODY_BYTES_MAX (4u << 20)    /* one message's body; the configuration may say less */
#define FIELDS_BYTES_MAX (64u << 10) /* what the ingress extracted, as JSON text */
#define RESULTS_BYTES_MAX (64u << 10)
#define NAME_BYTES_MAX 64            /* route, source, step, pool, limit */
#define KEY_BYTES_MAX 512
#define LABELS_BYTES_MAX 4096
#define REASON_BYTES_MAX 512
#define LEASE_NAME_BYTES_MAX 128
#define LEASE_LIMITS_BYTES_MAX 8192
#define SHOWN_BYTES_MAX 300          /* a limit and its labels' values as operators see them */
#define TRACE_BYTES_MAX 64
#define JSON_BYTES_MAX (1u << 20)    /* a query's arguments, an answer's part */
#define STATS_BYTES_MAX (1u << 20)
#define HOLDING_MAX 65536            /* assignments one actor may have in hand */

#endif
