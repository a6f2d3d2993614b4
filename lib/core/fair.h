/* fair.h: the order in which those who wait for one thing get it. Four classes, flows inside a
 * class, arrival inside a flow:
 *
 *   class  the one with the earliest shifted time, accepted - shift[class], of any of its flows'
 *          heads; ties go to the higher class. So a class that has a head beats everything that was
 *          accepted later than it by more than the difference of the shifts, until that head is
 *          taken: what waits longer than the difference waits for turns of its own class only.
 *   flow   deficit round robin (Shreedhar and Varghese, "Efficient Fair Queuing using Deficit
 *          Round Robin", SIGCOMM 1995) with quantum = weight and cost 1, where a deficit is always
 *          used up or lost: in any stretch in which two flows of a class never run empty, they get
 *          shares by their weights within one quantum. The class's head is the head of the flow
 *          whose turn it is, which may be younger than the one that the class owes its turn to.
 *   node   first come, first served; one put at the front comes before the others of its flow.
 *
 * Intrusive: the node lives in the thing that waits. A flow's record (88 bytes) is allocated when
 * it gets its first node and freed with its last, so an empty fair_t owns nothing and needs no end.
 * Every operation is O(1), but that a flow's head changes is O(log flows of its class); put and
 * remove at times resize the table of flows (amortised), which exists only above
 * FAIR_FLOWS_SCANNED flows. */
#ifndef WEIR_CORE_FAIR_H
#define WEIR_CORE_FAIR_H

#include "core/agenda.h"
#include "core/list.h"
#include "core/words.h"

#define FAIR_COMMON_FLOW 0 /* the flow of those who name none */
#define FAIR_WEIGHT_MAX 100
#define FAIR_FLOWS_SCANNED 8

/* place.next is NULL while it is in no fair_t. */
typedef struct fair_node {
    list_node_t place;
    struct fair_flow *flow;
} fair_node_t;

/* Shared by any number of fair_t, and outlives them. Shifts are never negative, and greatest for
 * CLASS_CRITICAL. accepted_us: of the thing that the node lives in; it does not change while the
 * node is in. */
typedef struct fair_rules {
    int64_t shift_us[CLASS_COUNT];
    int64_t (*accepted_us)(const fair_node_t *node);
} fair_rules_t;

/* 96 bytes. */
typedef struct fair {
    const fair_rules_t *rules;
    struct fair_flow *turn[CLASS_COUNT]; /* the flow whose turn it is; NULL: the class is empty */
    agenda_t *heads[CLASS_COUNT];        /* of its flows, the oldest first; NULL: it has one flow */
    struct fair_flow **table;            /* by (class, flow); NULL: few enough to look through */
    uint32_t table_mask, flows;
    size_t count;
} fair_t;

typedef struct fair_put {
    class_t class;
    uint8_t weight; /* 1 to FAIR_WEIGHT_MAX; the latest one given is the flow's */
    bool front;     /* it waited before (and was woken in vain): before the others of its flow */
    uint64_t flow;  /* a seeded hash of the label's value, so that nobody can choose it */
} fair_put_t;

void fair_init(fair_t *f, const fair_rules_t *rules);
/* The node must be in no fair_t. */
void fair_put(fair_t *f, fair_node_t *node, fair_put_t as);
/* From anywhere; its flow's turn is not charged. The node must be in this fair_t. */
void fair_remove(fair_t *f, fair_node_t *node);
fair_node_t *fair_first(const fair_t *f); /* stays in; NULL: nobody waits */
fair_node_t *fair_take(fair_t *f);        /* the first one, out of it, charged to its flow's turn */
/* For what some may have and others not: the head of one class, or of one of its flows, and taking
 * such a head, charged only in its flow's turn. */
fair_node_t *fair_first_of(const fair_t *f, class_t class); /* stays in; NULL: none of it waits */
fair_node_t *fair_first_in(const fair_t *f, class_t class, uint64_t flow); /* the same */
void fair_take_head(fair_t *f, fair_node_t *head);
static inline size_t fair_count(const fair_t *f) { return f->count; }

#endif
