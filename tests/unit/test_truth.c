/* Leases compared with the list of a limit's truth: what is missing there for long enough ends, and
 * nothing else does, whatever the answer is. */
#include "limiter_peers.h"

static const char CONFIG[] =
    "{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\","
    "\"sources\":{\"s\":{\"auth\":\"none-on-loopback\"}},"
    "\"downstreams\":{\"d\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true}},"
    "\"limits\":{\"calls\":{\"slots\":4,\"ttl_s\":240,\"truth\":{\"downstream\":\"d\","
    "\"path\":\"/live\",\"every_s\":60,\"grace_s\":30}},\"others\":{\"slots\":4,\"ttl_s\":240}},"
    "\"routes\":{\"plain\":{\"path\":\"/plain\",\"source\":\"s\",\"steps\":[{\"name\":\"go\","
    "\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]}}}";

static int begin(void **state)
{
    rig_t *r = rig_new(CONFIG);
    rig_peers_up(r);
    *state = r;
    return 0;
}

static int end(void **state)
{
    rig_destroy(*state);
    return 0;
}

static unsigned ask(rig_t *r, const char *id, lease_order_t order, const char *limits)
{
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
            &(msg_lease_t){.number = 1,
                           .order = order,
                           .id = bytes_str(id),
                           .limits = bytes_str(limits),
                           .who = bytes_str("test")});
    const msg_leased_t *said = rig_next(r, CONN_INGRESS, MESSAGE_LEASED);
    assert_non_null(said);
    return (unsigned)said->grant;
}

static void acquire(rig_t *r, const char *id, const char *limit)
{
    char limits[100];
    snprintf(limits, sizeof limits, "[{\"name\":\"%s\",\"labels\":{},\"cost\":1}]", limit);
    assert_int_equal(ask(r, id, LEASE_ACQUIRE, limits), GRANT_GRANTED);
}

static bool is_held(rig_t *r, const char *id)
{
    return ask(r, id, LEASE_LOOK, "") == GRANT_GRANTED;
}

/* Beats on the way: who is silent is not asked. */
static void pass_s(rig_t *r, unsigned seconds)
{
    for (unsigned n = 0; n < seconds; n++)
        rig_pass(r, US_PER_S);
}

/* The newest that was not looked at. */
static const msg_list_t *question(rig_t *r)
{
    const msg_list_t *q = NULL;
    for (const msg_list_t *next; (next = rig_next(r, CONN_RESPONDER, MESSAGE_LIST));)
        q = next;
    return q;
}

static void answer(rig_t *r, uint64_t number, const char *ids)
{
    rig_say(r, CONN_RESPONDER, MESSAGE_LISTED,
            &(msg_listed_t){.number = number,
                            .limit = bytes_str("calls"),
                            .status = 200,
                            .ids = bytes_str(ids),
                            .whole = ids != NULL,
                            .reason = bytes_str(ids ? "" : "HTTP 503")});
}

static uint64_t drift(rig_t *r)
{
    return metrics_count(r->metrics, METRIC_DRIFT, bytes_str("calls"));
}

static uint64_t next_question(rig_t *r)
{
    for (unsigned n = 0; n < 100; n++) {
        const msg_list_t *q = question(r);
        if (q) {
            assert_true(bytes_is(q->limit, "calls"));
            return q->number;
        }
        pass_s(r, 1);
    }
    fail_msg("nobody is asked");
    return 0;
}

static void what_the_list_has_not_ends_once_it_is_old_enough(void **state)
{
    rig_t *r = *state;
    answer(r, next_question(r), "[]");
    acquire(r, "listed", "calls");
    acquire(r, "lost", "calls");
    acquire(r, "elsewhere", "others");
    pass_s(r, 40);
    acquire(r, "young", "calls");
    answer(r, next_question(r), "[\"listed\",\"nobody's\"]");
    assert_true(is_held(r, "listed") && is_held(r, "young") && is_held(r, "elsewhere"));
    assert_false(is_held(r, "lost"));
    assert_int_equal(drift(r), 1);
    answer(r, next_question(r), "[\"listed\"]");
    assert_false(is_held(r, "young"));
    assert_true(is_held(r, "listed"));
    assert_int_equal(drift(r), 2);
}

static void what_the_list_has_is_renewed_by_it(void **state)
{
    rig_t *r = *state;
    acquire(r, "lives", "calls");
    acquire(r, "elsewhere", "others");
    for (unsigned n = 0; n < 10; n++) { /* ten minutes; its time is four */
        answer(r, next_question(r), "[\"lives\",\"elsewhere\"]");
        assert_true(is_held(r, "lives"));
    }
    assert_false(is_held(r, "elsewhere")); /* of a limit without that truth */
    assert_int_equal(drift(r), 0);
    pass_s(r, 241); /* nobody answers any more */
    assert_false(is_held(r, "lives"));
}

static void without_a_whole_list_nothing_changes(void **state)
{
    rig_t *r = *state;
    answer(r, next_question(r), "[]");
    acquire(r, "a", "calls");
    pass_s(r, 40);
    answer(r, next_question(r), NULL);
    assert_true(is_held(r, "a"));
    uint64_t number = next_question(r);
    answer(r, number - 1, "[]"); /* the answer to another question */
    assert_true(is_held(r, "a"));
    answer(r, number, "[]");
    assert_false(is_held(r, "a"));
    acquire(r, "b", "calls");
    pass_s(r, 40);
    answer(r, number, "[]"); /* said again */
    assert_true(is_held(r, "b"));
    assert_int_equal(drift(r), 1);
}

static void
a_question_that_nobody_answers_is_asked_again_and_its_answer_comes_too_late(void **state)
{
    rig_t *r = *state;
    acquire(r, "a", "calls");
    pass_s(r, 31);
    uint64_t first = next_question(r);
    assert_null(question(r));
    uint64_t second = next_question(r);
    assert_true(second > first);
    answer(r, first, "[]");
    assert_true(is_held(r, "a"));
    answer(r, second, "[\"a\"]");
    assert_true(is_held(r, "a"));
    assert_int_equal(drift(r), 0);
}

static void after_a_crash_leases_are_young_again_and_old_answers_void(void **state)
{
    rig_t *r = *state;
    acquire(r, "a", "calls");
    pass_s(r, 100);
    uint64_t before = next_question(r);
    rig_crash(r);
    rig_start(r);
    rig_peers_up(r);
    answer(r, before, "[]");
    answer(r, next_question(r), "[]");
    assert_true(is_held(r, "a"));
    pass_s(r, 31);
    answer(r, next_question(r), "[]");
    assert_false(is_held(r, "a"));
}

static double age(rig_t *r)
{
    static char text[1 << 20];
    double seconds = -1;
    metrics_samples(r->metrics, "limiter", 0, text, sizeof text);
    const char *at = strstr(text, "weir_limit_truth_age_seconds{");
    if (at)
        sscanf(strstr(at, "} "), "} %lf", &seconds);
    return seconds;
}

static void the_age_of_the_last_comparison_begins_with_this_life(void **state)
{
    rig_t *r = *state;
    pass_s(r, 2);
    assert_true(age(r) >= 1 && age(r) < 10);
    pass_s(r, 100);
    assert_true(age(r) > 90);
}

static void nobody_is_asked_in_maintenance(void **state)
{
    rig_t *r = *state;
    answer(r, next_question(r), "[]");
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    msg_mode_t mode = {.mode = MODE_MAINTENANCE, .who = bytes_str("test")};
    rig_say(r, CONN_DRAINER, MESSAGE_MODE, &mode);
    pass_s(r, 100);
    assert_null(question(r));
    mode.mode = MODE_NORMAL;
    rig_say(r, CONN_DRAINER, MESSAGE_MODE, &mode);
    next_question(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(what_the_list_has_not_ends_once_it_is_old_enough),
        T(what_the_list_has_is_renewed_by_it),
        T(without_a_whole_list_nothing_changes),
        T(a_question_that_nobody_answers_is_asked_again_and_its_answer_comes_too_late),
        T(after_a_crash_leases_are_young_again_and_old_answers_void),
        T(the_age_of_the_last_comparison_begins_with_this_life),
        T(nobody_is_asked_in_maintenance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
