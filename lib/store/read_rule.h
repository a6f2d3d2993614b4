/* read_rule.h: what a read of many rows wants, decided in one place for every store. */
#ifndef WEIR_STORE_READ_RULE_H
#define WEIR_STORE_READ_RULE_H

#include "store/store.h"

#define READ_MOST 4096u       /* rows in one result */
#define READ_EXAMINED 20000u  /* rows looked at for one READ_LIST or READ_FINISHED */
#define READS_OPEN_MAX 256u
#define BATCHES_OPEN_MAX 16u  /* submitted and unfinished */
#define PRINT_GROUPS_DROPPED 256u /* by one CHANGE_DROP_PRINTS */

static inline bool state_is_live(unsigned state)
{
    return state != STATE_DONE && state != STATE_DEAD;
}

/* Of a whole row. route is the envelope's. */
static inline bool read_wants(const read_request_t *r, const progress_t *p, bytes_t route)
{
    if (r->kind == READ_LIVE)
        return state_is_live(p->state);
    if (r->state >= 0 && p->state != (unsigned)r->state)
        return false;
    if (r->kind == READ_FINISHED)
        return !state_is_live(p->state) && p->finished.us < r->finished_before.us;
    return r->route[0] == 0 || bytes_is(route, r->route);
}

static inline bool request_is_sane(const read_request_t *r)
{
    bool many = r->kind >= READ_LIVE && r->kind <= READ_FINISHED;
    return r->kind <= READ_BACKUP && (!many || (r->most >= 1 && r->most <= READ_MOST))
           && memchr(r->route, 0, sizeof r->route);
}

#endif
