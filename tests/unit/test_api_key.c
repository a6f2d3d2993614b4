/* Scopes: what they are, and what each allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/api_key.h"

static bool may(const char *scope, enum scope_kind kind, const char *of)
{
    scope_t read;
    assert_true(scope_read(scope, &read));
    const api_key_t key = {.name = "k", .scopes = &read, .scope_count = 1};
    return api_key_may(&key, kind, bytes_str(of));
}

static void a_scope_allows_what_it_says_and_nothing_else(void **state)
{
    static const struct {
        const char *scope;
        enum scope_kind kind;
        const char *of;
        bool may;
    } rows[] = {
        {"admin", SCOPE_ADMIN, "", true},
        {"admin", SCOPE_READ, "", false},
        {"admin", SCOPE_LEASES, "calls", false},
        {"read", SCOPE_READ, "", true},
        {"read", SCOPE_READ_BODIES, "", false},
        {"read:bodies", SCOPE_READ, "", true},
        {"read:bodies", SCOPE_READ_BODIES, "", true},
        {"metrics", SCOPE_METRICS, "", true},
        {"submit:desk", SCOPE_SUBMIT, "desk", true},
        {"submit:desk", SCOPE_SUBMIT, "des", false},
        {"submit:desk", SCOPE_SUBMIT, "desks", false},
        {"submit:desk", SCOPE_LEASES, "desk", false},
        {"submit:*", SCOPE_SUBMIT, "desk", true},
        {"leases:calls", SCOPE_LEASES, "calls", true},
        {"leases:calls", SCOPE_LEASES, "campaign", false},
        {"leases:calls", SCOPE_LEASES, "", false},
        {"leases:*", SCOPE_LEASES, "campaign", true},
        {"leases:*", SCOPE_SUBMIT, "campaign", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (may(rows[i].scope, rows[i].kind, rows[i].of) != rows[i].may)
            fail_msg("%s for %s %s", rows[i].scope, scope_word(rows[i].kind), rows[i].of);
}

static void what_is_no_scope_is_refused(void **state)
{
    static const char *const texts[] = {
        "",         "submit", "submit:", "leases", "read:", "reads",
        "read:all", "admin:", "Admin",   "*",      ":",     " read"};
    scope_t scope;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (scope_read(texts[i], &scope))
            fail_msg("\"%s\" was taken", texts[i]);
}

static void keys_are_asked_for_a_kind(void **state)
{
    scope_t scopes[2];
    (void)state;
    assert_true(scope_read("leases:calls", &scopes[0]) && scope_read("read", &scopes[1]));
    const api_key_t keys[] = {{.name = "a", .scopes = &scopes[0], .scope_count = 1},
                              {.name = "b", .scopes = &scopes[1], .scope_count = 1}};
    assert_true(api_keys_have(keys, 2, SCOPE_LEASES));
    assert_true(api_keys_have(keys, 2, SCOPE_READ));
    assert_false(api_keys_have(keys, 2, SCOPE_ADMIN));
    assert_false(api_keys_have(keys, 1, SCOPE_READ));
    assert_false(api_keys_have(NULL, 0, SCOPE_READ));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scope_allows_what_it_says_and_nothing_else),
        cmocka_unit_test(what_is_no_scope_is_refused),
        cmocka_unit_test(keys_are_asked_for_a_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
