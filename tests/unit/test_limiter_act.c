/* What people have done to single dead letters and to many: each counted once, the rest in peace.
 */
#include "limiter_peers.h"

/* So many dead letters, 1..count, of the route. */
static void kill_letters(rig_t *r, const char *route, unsigned from, unsigned count)
{
    rig_credit(r, CONN_RESPONDER, "d", 1000);
    for (unsigned n = from; n < from + count; n++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", n);
        rig_submit(r, route, n, key);
        rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_FAIL);
        assert_int_equal(rig_state(r, n), STATE_DEAD);
    }
}

static void ask_about(rig_t *r, unsigned number, const char *verb, unsigned n)
{
    char id[MSGID_TEXT], args[64];
    msgid_t which = rig_id(n);
    msgid_text(&which, id);
    snprintf(args, sizeof args, "{\"id\":\"%s\"}", id);
    rig_say(r, CONN_INGRESS, MESSAGE_QUERY,
            &(msg_query_t){.number = number, .verb = bytes_str(verb), .args = bytes_str(args)});
}

static unsigned answer_to(rig_t *r, unsigned number)
{
    const msg_answer_t *a = rig_next(r, CONN_INGRESS, MESSAGE_ANSWER);
    assert_non_null(a);
    assert_int_equal(a->number, number);
    return (unsigned)a->status;
}

static int64_t dead_now(rig_t *r)
{
    const msg_answer_t *a = rig_ask(r, "status", "");
    json_t *body = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
    int64_t dead = json_integer_value(json_object_get(body, "dead"));
    json_decref(body);
    return dead;
}

static void one_letter_is_put_back_or_dropped_and_others_are_refused(void **state)
{
    rig_t *r = *state;
    kill_letters(r, "plain", 1, 2);
    rig_submit(r, "plain", 3, "x");
    ask_about(r, 1, "dead.drop", 3); /* it waits */
    assert_int_equal(answer_to(r, 1), 409);
    ask_about(r, 2, "dead.redrive", 9);
    assert_int_equal(answer_to(r, 2), 404);
    ask_about(r, 3, "dead.redrive", 1);
    assert_int_equal(answer_to(r, 3), 200);
    assert_int_not_equal(rig_state(r, 1), STATE_DEAD);
    ask_about(r, 4, "dead.drop", 2);
    assert_int_equal(answer_to(r, 4), 200);
    assert_int_equal(rig_state(r, 2), 255);
    ask_about(r, 5, "dead.drop", 2);
    assert_int_equal(answer_to(r, 5), 404);
    assert_int_equal(dead_now(r), 0);
}

/* The second comes while the first is not on disk: it must not count the letter twice. */
static void a_letter_dropped_twice_at_once_is_counted_once(void **state)
{
    rig_t *r = *state;
    kill_letters(r, "plain", 1, 3);
    r->hold_commits = true;
    ask_about(r, 1, "dead.drop", 1);
    ask_about(r, 2, "dead.drop", 1);
    r->hold_commits = false;
    rig_settle(r);
    unsigned first = answer_to(r, 1), second = answer_to(r, 2);
    assert_int_equal(first, 200);
    assert_true(second == 404 || second == 503);
    assert_int_equal(dead_now(r), 2);
}

static void drop(rig_t *r, const char *route, unsigned most)
{
    rig_say(r, CONN_DRAINER, MESSAGE_DROP,
            &(msg_drop_t){.route = bytes_str(route), .most = most, .who = bytes_str("test")});
}

static void many_are_dropped_by_route_in_slices_each_counted_once(void **state)
{
    rig_t *r = *state;
    rig_hello(r, CONN_DRAINER, ACTOR_DRAINER, 51, NULL);
    kill_letters(r, "plain", 1, 5);
    kill_letters(r, "narrow", 6, 3);
    drop(r, "plain", 2);
    assert_int_equal(dead_now(r), 6);
    r->hold_commits = true;
    drop(r, "plain", 2);
    drop(r, "plain", 2);
    r->hold_commits = false;
    rig_settle(r);
    int64_t dead = dead_now(r);
    assert_true(dead == 4 || dead == 3);
    drop(r, "plain", 100);
    rig_settle(r);
    assert_int_equal(dead_now(r), 3);
    for (unsigned n = 6; n <= 8; n++)
        assert_int_equal(rig_state(r, n), STATE_DEAD);
    drop(r, "", 100);
    assert_int_equal(dead_now(r), 0);
}

/* The memory store has no file: the limiter says so instead of waiting for ever. */
static void a_copy_that_cannot_be_made_is_told_as_failed(void **state)
{
    rig_t *r = *state;
    static const struct {
        const char *verb;
        unsigned status;
    } steps[] = {{"backup.cancel", 409}, {"backup.begin", 200}, {"backup.status", 200}};
    for (unsigned n = 0; n < COUNT_OF(steps); n++) {
        const msg_answer_t *a = rig_ask(r, steps[n].verb, "");
        assert_int_equal(a->status, steps[n].status);
        if (n == 2)
            assert_non_null(memmem(a->body.data, a->body.len, "\"failed\"", 8));
        rig_settle(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_letter_is_put_back_or_dropped_and_others_are_refused),
        TEST(a_letter_dropped_twice_at_once_is_counted_once),
        TEST(many_are_dropped_by_route_in_slices_each_counted_once),
        TEST(a_copy_that_cannot_be_made_is_told_as_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
