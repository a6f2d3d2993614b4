#include "core/fair.h"

#include <stdlib.h>

/* In the ring of its class's flows that have somebody, in the order of their turns. */
typedef struct fair_flow {
    list_t nodes;
    uint64_t id;
    struct fair_flow *next, *prev;
    struct fair_flow *chain; /* in its place of the table */
    agenda_entry_t head;     /* among its class's, by when it was accepted */
    uint8_t class, weight;
    uint8_t left; /* of its quantum: nodes that it may still send in this turn */
} fair_flow_t;

_Static_assert(sizeof(fair_node_t) == 24 && sizeof(fair_t) == 96, "there are millions and tens of "
                                                                  "thousands of them");
_Static_assert(FAIR_WEIGHT_MAX <= UINT8_MAX, "a quantum fits");

void fair_init(fair_t *f, const fair_rules_t *rules) { *f = (fair_t){.rules = rules}; }

/* The finaliser of splitmix64: ids are hashes already, but not all bits of those need be good. */
static size_t hash(unsigned class, uint64_t id)
{
    uint64_t x = id + class * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (size_t)(x ^ x >> 31);
}

static fair_flow_t *find_in_ring(fair_flow_t *turn, uint64_t id)
{
    fair_flow_t *flow = turn;
    do {
        if (!flow || flow->id == id)
            return flow;
        flow = flow->next;
    } while (flow != turn);
    return NULL;
}

static fair_flow_t *find(const fair_t *f, unsigned class, uint64_t id)
{
    if (!f->table)
        return find_in_ring(f->turn[class], id);
    fair_flow_t *flow = f->table[hash(class, id) & f->table_mask];
    while (flow && !(flow->id == id && flow->class == class))
        flow = flow->chain;
    return flow;
}

static void table_add(fair_t *f, fair_flow_t *flow)
{
    fair_flow_t **place = &f->table[hash(flow->class, flow->id) & f->table_mask];
    flow->chain = *place;
    *place = flow;
}

static void table_drop(fair_t *f, fair_flow_t *flow)
{
    fair_flow_t **place = &f->table[hash(flow->class, flow->id) & f->table_mask];
    while (*place != flow)
        place = &(*place)->chain;
    *place = flow->chain;
}

/* places: a power of two, or 0 for none. */
static void table_resize(fair_t *f, uint32_t places)
{
    free(f->table);
    f->table = NULL;
    f->table_mask = 0;
    if (places == 0)
        return;
    f->table = calloc(places, sizeof(fair_flow_t *));
    must(f->table);
    f->table_mask = places - 1;
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        fair_flow_t *flow = f->turn[c];
        do {
            if (!flow)
                break;
            table_add(f, flow);
            flow = flow->next;
        } while (flow != f->turn[c]);
    }
}

static uint32_t table_places(const fair_t *f) { return f->table ? f->table_mask + 1 : 0; }

/* ---- the oldest of a class */

static fair_node_t *head_of(const fair_flow_t *flow)
{
    return list_of(list_first(&flow->nodes), fair_node_t, place);
}

static void head_changed(fair_t *f, fair_flow_t *flow)
{
    agenda_t *heads = f->heads[flow->class];
    if (!heads)
        return;
    agenda_remove(heads, &flow->head);
    agenda_add(heads, &flow->head, (instant_t){f->rules->accepted_us(head_of(flow))});
}

/* There is a second flow from now on. */
static void heads_begin(fair_t *f, fair_flow_t *first)
{
    f->heads[first->class] = agenda_new(UINT32_MAX);
    head_changed(f, first);
}

static void heads_drop(fair_t *f, fair_flow_t *flow)
{
    agenda_t **heads = &f->heads[flow->class];
    if (!*heads)
        return;
    agenda_remove(*heads, &flow->head);
    if (agenda_count(*heads) > 1)
        return;
    agenda_remove(*heads, agenda_first(*heads));
    agenda_destroy(heads);
}

static int64_t oldest_us(const fair_t *f, unsigned class)
{
    const agenda_t *heads = f->heads[class];
    return heads ? agenda_first(heads)->due.us : f->rules->accepted_us(head_of(f->turn[class]));
}

/* ---- flows */

/* Last in its class's round: it waits for everybody's turn once. */
static fair_flow_t *flow_new(fair_t *f, const fair_put_t *as)
{
    fair_flow_t *flow = calloc(1, sizeof *flow);
    must(flow);
    list_init(&flow->nodes);
    flow->id = as->flow;
    flow->class = as->class;
    flow->left = as->weight; /* of its first turn; each later one begins with its weight again */
    flow->next = flow->prev = flow;
    fair_flow_t *turn = f->turn[as->class];
    if (turn) {
        flow->next = turn;
        flow->prev = turn->prev;
        turn->prev->next = flow;
        turn->prev = flow;
        if (!f->heads[as->class])
            heads_begin(f, turn);
    } else {
        f->turn[as->class] = flow;
    }
    f->flows++;
    if (f->flows > FAIR_FLOWS_SCANNED && f->flows > table_places(f))
        table_resize(f, f->table ? table_places(f) * 2 : 2 * FAIR_FLOWS_SCANNED);
    else if (f->table)
        table_add(f, flow);
    return flow;
}

static void turn_to(fair_t *f, fair_flow_t *flow)
{
    f->turn[flow->class] = flow;
    flow->left = flow->weight;
}

static void flow_end(fair_t *f, fair_flow_t *flow)
{
    heads_drop(f, flow);
    if (flow->next == flow)
        f->turn[flow->class] = NULL;
    else if (f->turn[flow->class] == flow)
        turn_to(f, flow->next);
    flow->prev->next = flow->next;
    flow->next->prev = flow->prev;
    if (f->table)
        table_drop(f, flow);
    free(flow);
    f->flows--;
    if (f->flows == 0)
        table_resize(f, 0);
    else if (f->table && f->flows * 8 < table_places(f))
        table_resize(f, f->flows > FAIR_FLOWS_SCANNED / 2 ? table_places(f) / 2 : 0);
}

void fair_put(fair_t *f, fair_node_t *node, fair_put_t as)
{
    must(as.class < CLASS_COUNT && as.weight > 0 && as.weight <= FAIR_WEIGHT_MAX);
    fair_flow_t *flow = find(f, as.class, as.flow);
    if (!flow)
        flow = flow_new(f, &as);
    flow->weight = as.weight;
    if (flow->left > as.weight)
        flow->left = as.weight;
    if (as.front)
        list_push_front(&flow->nodes, &node->place);
    else
        list_push(&flow->nodes, &node->place);
    node->flow = flow;
    f->count++;
    if (head_of(flow) == node)
        head_changed(f, flow);
}

void fair_remove(fair_t *f, fair_node_t *node)
{
    fair_flow_t *flow = node->flow;
    must(flow && f->count > 0);
    bool was_head = head_of(flow) == node;
    list_remove(&flow->nodes, &node->place);
    node->flow = NULL;
    f->count--;
    if (flow->nodes.count == 0)
        flow_end(f, flow);
    else if (was_head)
        head_changed(f, flow);
}

fair_node_t *fair_first(const fair_t *f)
{
    const fair_flow_t *first = NULL;
    int64_t earliest = 0;
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        if (!f->turn[c])
            continue;
        int64_t shifted = oldest_us(f, c) - f->rules->shift_us[c];
        if (!first || shifted < earliest) {
            first = f->turn[c];
            earliest = shifted;
        }
    }
    return first ? head_of(first) : NULL;
}

fair_node_t *fair_first_of(const fair_t *f, class_t class)
{
    return f->turn[class] ? head_of(f->turn[class]) : NULL;
}

fair_node_t *fair_first_in(const fair_t *f, class_t class, uint64_t flow)
{
    const fair_flow_t *found = find(f, class, flow);
    return found ? head_of(found) : NULL;
}

void fair_take_head(fair_t *f, fair_node_t *head)
{
    fair_flow_t *flow = head->flow;
    if (f->turn[flow->class] == flow && --flow->left == 0)
        turn_to(f, flow->next); /* perhaps itself, which begins its next turn */
    fair_remove(f, head);
}

fair_node_t *fair_take(fair_t *f)
{
    fair_node_t *node = fair_first(f);
    if (node)
        fair_take_head(f, node);
    return node;
}
