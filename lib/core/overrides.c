#include "core/overrides.h"

#include <stdlib.h>

#include "core/bugs.h"
#include "core/match.h"

typedef struct rule {
    bytes_t text;
    size_t prefix; /* length before its first '*' */
    size_t place;
} rule_t;

struct overrides {
    rule_t *patterns; /* the most specific first */
    size_t pattern_count;
    rule_t *exact; /* open addressing, at most half full; text.data NULL: free */
    size_t mask;
};

/* FNV-1a (Fowler, Noll, Vo). The texts come from the configuration, so nobody chooses collisions.
 */
static size_t hash(bytes_t text)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ text.data[i]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32);
}

static rule_t *exact_place(const overrides_t *o, bytes_t text)
{
    size_t i = hash(text) & o->mask;
    while (o->exact[i].text.data && !bytes_equal(o->exact[i].text, text))
        i = (i + 1) & o->mask;
    return &o->exact[i];
}

static int compare(const void *a, const void *b)
{
    const rule_t *x = a, *y = b;
    if (x->prefix != y->prefix)
        return x->prefix > y->prefix ? -1 : 1;
    if (x->text.len != y->text.len)
        return x->text.len > y->text.len ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static size_t prefix_of(bytes_t text)
{
    const uint8_t *star = text.len ? memchr(text.data, '*', text.len) : NULL;
    return star ? (size_t)(star - text.data) : text.len;
}

overrides_t *overrides_new(const bytes_t *texts, size_t count)
{
    size_t patterns = 0, places = 2;
    for (size_t i = 0; i < count; i++)
        patterns += prefix_of(texts[i]) < texts[i].len;
    if (count > OVERRIDES_MAX || patterns > OVERRIDE_PATTERNS_MAX)
        return NULL;
    while (places < 2 * (count - patterns + 1))
        places *= 2;
    overrides_t *o = calloc(1, sizeof *o);
    must(o);
    o->mask = places - 1;
    o->exact = calloc(places, sizeof *o->exact);
    o->patterns = calloc(patterns + 1, sizeof *o->patterns);
    must(o->exact && o->patterns);
    for (size_t i = 0; i < count; i++) {
        /* an empty text is one, too: it needs an address to be told from a free place */
        rule_t rule = {texts[i].len ? texts[i] : bytes_str(""), prefix_of(texts[i]), i};
        if (rule.prefix < rule.text.len)
            o->patterns[o->pattern_count++] = rule;
        else if (!exact_place(o, rule.text)->text.data)
            *exact_place(o, rule.text) = rule;
    }
    qsort(o->patterns, o->pattern_count, sizeof *o->patterns, compare);
    return o;
}

void overrides_destroy(overrides_t **o)
{
    if (*o) {
        free((*o)->exact);
        free((*o)->patterns);
        free(*o);
        *o = NULL;
    }
}

long overrides_find(const overrides_t *o, bytes_t value)
{
    const rule_t *exact = exact_place(o, value);
    if (exact->text.data)
        return (long)exact->place;
    for (size_t i = 0; i < o->pattern_count; i++) {
        const rule_t *rule = &o->patterns[BUG(OVERRIDE_LEAST) ? o->pattern_count - 1 - i : i];
        if (glob_matches(rule->text, value))
            return (long)rule->place;
    }
    return -1;
}
