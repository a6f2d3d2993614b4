#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "actors/birth.h"

static void a_whole_line_is_read(void **state)
{
    (void)state;
    birth_line_t b;
    assert_true(birth_read(
        "instance=2 generation=18446744073709551615 config=3 secrets=4 lock=5 listen=6,7 host=1 "
        "may=12 tls=2 door=kept standby=1",
        &b));
    assert_true(b.standby);
    assert_int_equal(b.instance, 2);
    assert_true(b.generation == UINT64_MAX);
    assert_int_equal(b.config, 3);
    assert_int_equal(b.secrets, 4);
    assert_int_equal(b.lock, 5);
    assert_int_equal(b.host, 1);
    assert_int_equal(b.may, 12);
    assert_int_equal(b.tls, 2);
    assert_int_equal(b.listen_count, 2);
    assert_int_equal(b.listen[0], 6);
    assert_int_equal(b.listen[1], 7);
    assert_true(b.door_kept);
}

static void what_is_not_given_is_absent(void **state)
{
    (void)state;
    birth_line_t b;
    assert_true(birth_read("generation=1 config=0 listen=", &b));
    assert_false(b.door_kept);
    assert_false(b.standby);
    assert_int_equal(b.secrets, -1);
    assert_int_equal(b.lock, -1);
    assert_int_equal(b.instance, 0);
    assert_int_equal(b.listen_count, 0);
}

static void anything_else_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        " ",
        "generation=1",
        "config=3",
        "generation=0 config=3",
        "generation=1 config=",
        "generation=1 config=x",
        "generation=1 config=3 what=1",
        "generation=1 config=3 lock",
        "generation=1config=3",
        "generation=-1 config=3",
        "generation=18446744073709551616 config=3",
        "generation=1 config=65536",
        "generation=1 config=3 instance=65536",
        "generation=1 config=3 door=open",
        "generation=1 config=3 door=keptx",
        "generation=1 config=3 standby=2",
        "generation=1 config=3 listen=1,",
        "generation=1 config=3 listen=,1",
        "generation=1 config=3,4",
        "generation=1 config=3 may=16",
        "=1",
        "generation=1 config=3 listen=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        birth_line_t b = {.config = 99};
        if (birth_read(lines[i], &b))
            fail_msg("taken: '%s'", lines[i]);
        assert_int_equal(b.config, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_line_is_read),
        cmocka_unit_test(what_is_not_given_is_absent),
        cmocka_unit_test(anything_else_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
