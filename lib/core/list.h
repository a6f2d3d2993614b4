/* list.h: an intrusive doubly-linked list that knows its length. The node lives in the thing; a
 * thing is in at most one list per node. list_of() gives the thing back. */
#ifndef WEIR_CORE_LIST_H
#define WEIR_CORE_LIST_H

#include "core/base.h"

typedef struct list_node { struct list_node *next, *prev; } list_node_t;
typedef struct list { list_node_t head; size_t count; } list_t;

#define list_of(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

static inline void list_init(list_t *l)
{
    l->head.next = l->head.prev = &l->head;
    l->count = 0;
}
static inline void list_insert(list_t *l, list_node_t *after, list_node_t *n)
{
    must(n->next == NULL);
    n->prev = after;
    n->next = after->next;
    after->next->prev = n;
    after->next = n;
    l->count++;
}
static inline void list_push(list_t *l, list_node_t *n) { list_insert(l, l->head.prev, n); }
static inline void list_push_front(list_t *l, list_node_t *n) { list_insert(l, &l->head, n); }
static inline void list_remove(list_t *l, list_node_t *n)
{
    must(n->next != NULL && l->count > 0);
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->next = n->prev = NULL;
    l->count--;
}
static inline list_node_t *list_first(const list_t *l) { return l->count ? l->head.next : NULL; }
static inline list_node_t *list_next(const list_t *l, const list_node_t *n)
{
    return n->next == &l->head ? NULL : n->next;
}
static inline list_node_t *list_pop(list_t *l)
{
    list_node_t *n = list_first(l);
    if (n)
        list_remove(l, n);
    return n;
}

#endif
