/* The most specific override holds: the exact one, else the longest text before a star, else the
 * longest pattern, else the first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/match.h"
#include "core/overrides.h"
#include "core/rand.h"

static void the_most_specific_one_holds(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"*",          "acme/*",   "acme/site", "acme/*-api",
                                        "acme/site*", "*/site",   "acme/site", "acme/*-web*",
                                        "other/*a",   "other/*b", "other/*b"};
    static const struct {
        const char *label, *value;
        long place;
    } rows[] = {
        {"exact, the first of two", "acme/site", 2},
        {"longest text before the star", "acme/site2", 4},
        {"longest pattern", "acme/pay-api", 3},
        {"longest pattern of three", "acme/pay-web-api", 7},
        {"prefix", "acme/pay", 1},
        {"star first", "x/site", 5},
        {"nothing else", "x", 0},
        {"the empty value", "", 0},
        {"the first of equal ones", "other/b", 9},
    };
    bytes_t texts[COUNT_OF(TEXTS)];
    for (size_t n = 0; n < COUNT_OF(TEXTS); n++)
        texts[n] = bytes_str(TEXTS[n]);
    overrides_t *o = overrides_new(texts, COUNT_OF(texts));
    for (size_t n = 0; n < COUNT_OF(rows); n++)
        if (overrides_find(o, bytes_str(rows[n].value)) != rows[n].place)
            fail_msg("%s", rows[n].label);
    overrides_destroy(&o);
    assert_null(o);
}

static void without_any_nothing_holds_and_an_empty_text_is_a_value(void **state)
{
    (void)state;
    overrides_t *o = overrides_new(NULL, 0);
    assert_int_equal(overrides_find(o, bytes_str("x")), -1);
    assert_int_equal(overrides_find(o, bytes_of(NULL, 0)), -1);
    overrides_destroy(&o);
    bytes_t empty = bytes_of(NULL, 0);
    o = overrides_new(&empty, 1);
    assert_int_equal(overrides_find(o, bytes_str("")), 0);
    assert_int_equal(overrides_find(o, bytes_str("x")), -1);
    overrides_destroy(&o);
}

static void more_than_there_may_be_are_refused(void **state)
{
    (void)state;
    bytes_t *texts = calloc(OVERRIDES_MAX + 1, sizeof *texts);
    char(*names)[16] = calloc(OVERRIDES_MAX + 1, sizeof *names);
    for (int n = 0; n <= OVERRIDES_MAX; n++) {
        snprintf(names[n], sizeof names[n], "v%d", n);
        texts[n] = bytes_str(names[n]);
    }
    assert_null(overrides_new(texts, OVERRIDES_MAX + 1));
    overrides_t *o = overrides_new(texts, OVERRIDES_MAX);
    for (int n = 0; n < OVERRIDES_MAX; n += 97)
        assert_int_equal(overrides_find(o, texts[n]), n);
    overrides_destroy(&o);
    for (int n = 0; n <= OVERRIDE_PATTERNS_MAX; n++)
        texts[n] = bytes_str("*");
    assert_null(overrides_new(texts, OVERRIDE_PATTERNS_MAX + 1));
    o = overrides_new(texts, OVERRIDE_PATTERNS_MAX);
    assert_int_equal(overrides_find(o, bytes_str("x")), 0);
    overrides_destroy(&o);
    free(names);
    free(texts);
}

static size_t prefix_length(bytes_t text)
{
    size_t n = 0;
    while (n < text.len && text.data[n] != '*')
        n++;
    return n;
}

static long naive_find(const bytes_t *texts, size_t count, bytes_t value)
{
    long best = -1;
    for (size_t i = 0; i < count; i++) {
        if (!glob_matches(texts[i], value))
            continue;
        if (prefix_length(texts[i]) == texts[i].len)
            return (long)i; /* exact; the first of equal ones */
        size_t prefix = prefix_length(texts[i]);
        size_t most = best < 0 ? 0 : prefix_length(texts[best]);
        if (best < 0 || prefix > most || (prefix == most && texts[i].len > texts[best].len))
            best = (long)i;
    }
    return best;
}

static void a_naive_search_agrees(void **state)
{
    (void)state;
    static char text[300][8];
    bytes_t texts[300];
    long found = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        rand_t r = rand_seeded(seed);
        size_t count = rand_below(&r, COUNT_OF(texts));
        for (size_t n = 0; n < count; n++) {
            size_t length = rand_below(&r, 6);
            for (size_t i = 0; i < length; i++)
                text[n][i] = "abc*"[rand_below(&r, seed % 2 ? 4 : 3)];
            texts[n] = bytes_of(text[n], length);
        }
        overrides_t *o = overrides_new(texts, count);
        for (int n = 0; n < 500; n++) {
            char value[8];
            size_t length = rand_below(&r, 6);
            for (size_t i = 0; i < length; i++)
                value[i] = "abcd"[rand_below(&r, 4)];
            long place = overrides_find(o, bytes_of(value, length));
            assert_int_equal(place, naive_find(texts, count, bytes_of(value, length)));
            found += place >= 0;
        }
        overrides_destroy(&o);
    }
    assert_in_range(found, 1000, 49000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_one_holds),
        cmocka_unit_test(without_any_nothing_holds_and_an_empty_text_is_a_value),
        cmocka_unit_test(more_than_there_may_be_are_refused),
        cmocka_unit_test(a_naive_search_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
