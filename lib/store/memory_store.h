/* memory_store.h: the store that the simulator uses, and its hand on it. Included by store.h. */
#ifndef WEIR_STORE_MEMORY_STORE_H
#define WEIR_STORE_MEMORY_STORE_H

#include "store/store.h"

/* The memory store. `disk` outlives it: what was synced. Everything else is lost by
 * memory_store_crash(). */
typedef struct memory_disk memory_disk_t;
memory_disk_t *memory_disk_new(void);
void memory_disk_destroy(memory_disk_t **disk);
int memory_store_open(memory_disk_t *disk, store_t **out, store_opened_t *opened);
/* The simulator's hand: finishes the oldest submitted batch (error 0), or fails it (-EIO poisons,
 * -ENOSPC holds it), or answers the oldest read. False: there was none. */
bool memory_store_commit(store_t *store, int error);
bool memory_store_answer(store_t *store);
size_t memory_store_pending(store_t *store);  /* batches submitted and not durable */
size_t memory_store_reading(store_t *store);  /* reads not answered */
void memory_store_crash(store_t **store);     /* without finishing anything */
/* For the invariants: what is durable. NULL: no such message. Lent until the next commit. */
const stored_message_t *memory_disk_find(const memory_disk_t *disk, const msgid_t *id);
void memory_disk_each(const memory_disk_t *disk, void (*each)(void *, const stored_message_t *),
                      void *arg);
void memory_disk_leases(const memory_disk_t *disk, void (*each)(void *, const stored_lease_t *),
                        void *arg);
void memory_disk_paces(const memory_disk_t *disk, void (*each)(void *, const stored_pace_t *),
                       void *arg);

#endif
