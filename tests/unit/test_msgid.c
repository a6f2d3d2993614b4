/* Ids and their text, with vectors worked out by hand from the ULID form. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/msgid.h"
#include "core/rand.h"

static msgid_t filled(uint8_t b)
{
    msgid_t id;
    memset(id.b, b, sizeof id.b);
    return id;
}

static void known_ids_have_their_known_texts(void **state)
{
    (void)state;
    static const uint8_t zeros[MSGID_CHANCE_BYTES], last[MSGID_CHANCE_BYTES] = {[9] = 31};
    const struct {
        msgid_t id;
        const char *text;
    } rows[] = {
        {filled(0), "00000000000000000000000000"},
        {filled(0xff), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"},
        {msgid_make(1469918176385, zeros), "01ARYZ6S410000000000000000"}, /* ULID's own example */
        {msgid_make(0, last), "0000000000000000000000000Z"},
        {msgid_make(32, zeros), "00000000100000000000000000"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[MSGID_TEXT];
        msgid_t back;
        msgid_text(&rows[i].id, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(msgid_parse(bytes_str(text), &back), 0);
        assert_true(msgid_equal(&back, &rows[i].id));
    }
}

static void any_id_comes_back_from_its_text(void **state)
{
    (void)state;
    rand_t r = rand_seeded(4711);
    for (int i = 0; i < 10000; i++) {
        msgid_t id, back;
        char text[MSGID_TEXT];
        for (size_t k = 0; k < sizeof id.b; k++)
            id.b[k] = (uint8_t)rand_next(&r);
        msgid_text(&id, text);
        assert_int_equal(strlen(text), 26);
        assert_int_equal(msgid_parse(bytes_str(text), &back), 0);
        assert_true(msgid_equal(&id, &back));
    }
}

static void case_and_look_alikes_do_not_matter(void **state)
{
    (void)state;
    msgid_t a, b;
    assert_int_equal(msgid_parse(bytes_str("01ARYZ6S41TSV4RRFFQ69G5FAV"), &a), 0);
    assert_int_equal(msgid_parse(bytes_str("o1aryz6s4ITSV4rrffq69g5fav"), &b), 0);
    assert_true(msgid_equal(&a, &b));
    assert_int_equal(msgid_parse(bytes_str("OlARYZ6S4iTSV4RRFFQ69G5FAV"), &b), 0);
    assert_true(msgid_equal(&a, &b));
}

static void what_is_no_id_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "0",
        "0000000000000000000000000",
        "000000000000000000000000000", /* 25 and 27 */
        "80000000000000000000000000",
        "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", /* over 128 bits */
        "0000000000000U000000000000",
        "0000000000000u000000000000",
        "0000000000000-000000000000",
        "000000000000 0000000000000",
        "0000000000000\xc3\xa9" "00000000000",
        "U0000000000000000000000000",
        "0000000000000@000000000000",
        "0000000000000[000000000000",
        "0000000000000`000000000000",
        "0000000000000\x10" "000000000000",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        msgid_t id = filled(0x5a), before = id;
        assert_int_equal(msgid_parse(bytes_str(texts[i]), &id), -EINVAL);
        assert_true(msgid_equal(&id, &before));
    }
}

static void ids_sort_by_the_time_they_carry(void **state)
{
    (void)state;
    uint8_t most[MSGID_CHANCE_BYTES], least[MSGID_CHANCE_BYTES] = {0};
    memset(most, 0xff, sizeof most);
    msgid_t early = msgid_make(1700000000000, most), late = msgid_make(1700000000001, least);
    char a[MSGID_TEXT], b[MSGID_TEXT];
    msgid_text(&early, a);
    msgid_text(&late, b);
    assert_true(strcmp(a, b) < 0);
    assert_true(msgid_wall_ms(&early) == 1700000000000 && msgid_wall_ms(&late) == 1700000000001);
    assert_true(msgid_wall_ms(&(msgid_t){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}) ==
                (1ull << 48) - 1);
}

static void only_the_zero_id_is_zero(void **state)
{
    (void)state;
    msgid_t id = filled(0);
    assert_true(msgid_is_zero(&id));
    id.b[15] = 1;
    assert_false(msgid_is_zero(&id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_ids_have_their_known_texts),
        cmocka_unit_test(any_id_comes_back_from_its_text),
        cmocka_unit_test(case_and_look_alikes_do_not_matter),
        cmocka_unit_test(what_is_no_id_is_refused_and_changes_nothing),
        cmocka_unit_test(ids_sort_by_the_time_they_carry),
        cmocka_unit_test(only_the_zero_id_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
