/* prints.h: the dedup window in memory: 24 bytes a remembered id (96 bits of its fingerprint, the
 * message's sequence number, 32 bits of its body's hash), open addressing, bounded. At the maximum
 * the oldest are forgotten first: sequence numbers ascend, so what lies more than `most` behind the
 * newest may go. */
#ifndef WEIR_CORE_PRINTS_H
#define WEIR_CORE_PRINTS_H

#include "core/base.h"

typedef struct prints prints_t;
/* The seed keeps a sender from choosing ids that fall on one place. */
prints_t *prints_new(size_t most, uint64_t seed);
void prints_destroy(prints_t **p);

/* The message that has this print, or 0. *same_body says whether its body's hash agrees. */
int64_t prints_find(const prints_t *p, const dedup_print_t *print, uint64_t body_hash,
                    bool *same_body);
/* Adds it, or gives an existing print its newer message. */
void prints_put(prints_t *p, const dedup_print_t *print, uint64_t body_hash, int64_t seq);
/* Everything older than seq may go. Forgetting is done in slices by prints_sweep (at most `most`
 * places looked at); false: the sweep is through. */
void prints_forget_before(prints_t *p, int64_t seq);
bool prints_sweep(prints_t *p, size_t most);
size_t prints_count(const prints_t *p);
size_t prints_bytes(const prints_t *p); /* memory in use */

#endif
