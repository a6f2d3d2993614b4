/* sqlite_store.h: the store that processes use. Included by store.h. */
#ifndef WEIR_STORE_SQLITE_STORE_H
#define WEIR_STORE_SQLITE_STORE_H

#include "store/store.h"

typedef struct sqlite_store_options {
    const char *directory;       /* exists, ours alone; holds weir.db and the reserve */
    uint16_t partition;
    uint64_t reserve_bytes;      /* kept aside so that work in hand can end on a full disk */
    uint64_t wal_bytes_max;      /* the log is checkpointed before it outgrows this */
    uint32_t lock_wait_ms;       /* how long to wait for another life to let go */
} sqlite_store_options_t;
/* Opens (creating if new): takes the exclusive lock, makes durable again what it reads, verifies,
 * migrates, raises the epoch. 0; -EWOULDBLOCK: another process holds it; -EPROTO: a newer schema;
 * -EBADMSG: beyond repair; else negative errno. `why` (of why_size) gets one line for a person. */
int sqlite_store_open(const sqlite_store_options_t *options, store_t **out, store_opened_t *opened,
                      char *why, size_t why_size);

#endif
