/* match.h: conditions, tables of pointer and patterns. Pure; no code runs, nothing backtracks
 * without bound. */
#ifndef WEIR_CORE_MATCH_H
#define WEIR_CORE_MATCH_H

#include "core/document.h"

/* One condition: a pointer into the message document and the patterns of which one must match.
 * Patterns: JSON scalars compare exactly; a string with '*' matches like a glob; null matches
 * absent. */
typedef struct condition {
    const char *pointer;
    json_t *patterns; /* array */
} condition_t;
typedef struct match {
    condition_t *conditions;
    size_t count;
} match_t; /* all must hold; empty: always */

bool match_holds(const match_t *match, document_t *document);
/* value NULL: absent. An array in the message matches when one of its elements does. */
bool match_value(const json_t *pattern, const json_t *value);
/* '*' stands for any bytes, also none; everything else for itself. Time: length of pattern x text.
 */
bool glob_matches(bytes_t pattern, bytes_t text);

#endif
