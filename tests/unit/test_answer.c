/* What an answer means for the step: one row a case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/answer.h"

static const wall_t wall = {1700000000LL * US_PER_S};

static void each_status_has_its_meaning(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *retry_after;
        outcome_t outcome;
        uint32_t ms;
    } rows[] = {
        {200, NULL, OUTCOME_OK, 0},        {201, NULL, OUTCOME_OK, 0},
        {204, "9", OUTCOME_OK, 0},         {299, NULL, OUTCOME_OK, 0},
        {301, NULL, OUTCOME_FAIL, 0},      {302, "9", OUTCOME_FAIL, 0},
        {304, NULL, OUTCOME_FAIL, 0},      {400, NULL, OUTCOME_FAIL, 0},
        {401, NULL, OUTCOME_FAIL, 0},      {403, "9", OUTCOME_FAIL, 0},
        {404, NULL, OUTCOME_FAIL, 0},      {408, NULL, OUTCOME_RETRY, 0},
        {409, NULL, OUTCOME_FAIL, 0},      {422, NULL, OUTCOME_FAIL, 0},
        {425, NULL, OUTCOME_RETRY, 0},     {429, NULL, OUTCOME_RETRY, 0},
        {429, "30", OUTCOME_DEFER, 30000}, {429, "x", OUTCOME_RETRY, 0},
        {500, NULL, OUTCOME_RETRY, 0},     {500, "2", OUTCOME_RETRY, 2000},
        {502, NULL, OUTCOME_RETRY, 0},     {503, NULL, OUTCOME_RETRY, 0},
        {503, "1", OUTCOME_DEFER, 1000},   {504, NULL, OUTCOME_RETRY, 0},
        {599, NULL, OUTCOME_RETRY, 0},     {600, NULL, OUTCOME_FAIL, 0},
        {100, NULL, OUTCOME_FAIL, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        answer_seen_t seen = {.end = SEEN_ANSWER,
                              .wrote = true,
                              .status = rows[i].status,
                              .retry_after = bytes_str(rows[i].retry_after)};
        answer_judged_t judged = answer_judge(&seen, wall);
        if (judged.outcome != rows[i].outcome || judged.retry_after_ms != rows[i].ms)
            fail_msg("%u with Retry-After %s: %s, %u ms", rows[i].status,
                     rows[i].retry_after ? rows[i].retry_after : "(none)",
                     outcome_name(judged.outcome), judged.retry_after_ms);
    }
}

static void without_an_answer_it_counts_whether_a_byte_was_written(void **state)
{
    (void)state;
    static const struct {
        int end;
        bool wrote;
        outcome_t outcome;
    } rows[] = {
        {SEEN_FAILURE, false, OUTCOME_RETRY},    {SEEN_FAILURE, true, OUTCOME_UNKNOWN},
        {SEEN_LATE, false, OUTCOME_UNBEGUN},     {SEEN_CANCELLED, false, OUTCOME_UNBEGUN},
        {SEEN_CANCELLED, true, OUTCOME_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        answer_seen_t seen = {.wrote = rows[i].wrote, .retry_after = bytes_str("9")};
        seen.end = rows[i].end;
        answer_judged_t judged = answer_judge(&seen, wall);
        assert_int_equal(judged.outcome, rows[i].outcome);
        assert_int_equal(judged.retry_after_ms, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_meaning),
        cmocka_unit_test(without_an_answer_it_counts_whether_a_byte_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
