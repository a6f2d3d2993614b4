/* /v1/leases at the door: orders, their way to the limiter, the guard. */
#include "tests/unit/door_rig.h"

static uint64_t post(steps_t *s, const char *body)
{
    return door_ask(s, &(ask_t){.path = "/v1/leases", .key = "k-phones", .body = body});
}

static uint64_t at(steps_t *s, const char *method, const char *id, const char *key)
{
    char path[200];
    snprintf(path, sizeof path, "/v1/leases/%s", id);
    return door_ask(s, &(ask_t){.method = method, .path = path, .key = key});
}

static const msg_lease_t *order(const steps_t *s, size_t n)
{
    const msg_lease_t *lease = steps_sent(s, MESSAGE_LEASE, n);
    assert_non_null(lease);
    return lease;
}

static size_t orders(const steps_t *s) { return steps_sent_count(s, MESSAGE_LEASE); }

static const char held[] = "[{\"name\":\"calls\",\"shown\":\"sem:calls\",\"cost\":1,\"in_use\":4,"
                           "\"slots\":10}]";

static void told(steps_t *s, uint64_t number, grant_t grant, const char *limits)
{
    steps_message(s, ACTOR_LIMITER, MESSAGE_LEASED,
                  &(msg_leased_t){.number = number,
                                  .grant = grant,
                                  .fence = 17,
                                  .left_ms = 60900,
                                  .retry_after_ms = 2500,
                                  .limits = bytes_str(grant == GRANT_GRANTED ? limits : NULL),
                                  .limit = bytes_str("calls"),
                                  .shown = bytes_str("sem:calls"),
                                  .in_use = 4,
                                  .slots = 10,
                                  .reason = bytes_str("because")});
}

static void limiter_is(steps_t *s, bool here)
{
    if (here) {
        steps_limiter(s, EVENT_PEER_UP);
        return;
    }
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_PEERS,
                  &(msg_peers_t){.actor = ACTOR_LIMITER, .generation = 1, .life = LIFE_DEAD});
}

static void a_lease_is_taken_and_answered_with_what_it_holds(void **state)
{
    steps_t *s = *state;
    uint64_t token = post(s, "{\"id\":\"call 1\",\"limits\":[\"calls\"],\"ttl_s\":60,"
                             "\"holder\":\"dialer\"}");
    const msg_lease_t *lease = order(s, 0);
    assert_true(bytes_is(lease->id, "call 1") && bytes_is(lease->who, "key:phones"));
    assert_true(bytes_is(lease->holder, "dialer"));
    assert_int_equal(lease->ttl_ms, 60000);
    assert_int_equal(lease->order, LEASE_ACQUIRE);
    assert_null(steps_reply(s, token));
    told(s, lease->number, GRANT_GRANTED, held);
    const wish_t *reply = assert_status(s, token, 201, "\"shown\":\"sem:calls\"");
    assert_contains(reply->text, "Location: /v1/leases/call%201");
    assert_contains(reply->text, "\"id\":\"call 1\",\"expires_in_s\":60,");
    assert_contains(reply->text, "\"fence\":17");
    steps_forget(s);
    told(s, 1, GRANT_GRANTED, held); /* said twice */
    assert_null(steps_find(s, ENTRY_REPLY, 0));
}

static void the_same_id_again_is_the_same_lease(void **state)
{
    steps_t *s = *state;
    uint64_t token = post(s, "{\"id\":\"c\",\"limits\":[\"calls\"]}");
    steps_message(s, ACTOR_LIMITER, MESSAGE_LEASED,
                  &(msg_leased_t){.number = order(s, 0)->number,
                                  .grant = GRANT_GRANTED,
                                  .repeated = 1,
                                  .limits = bytes_str(held)});
    assert_status(s, token, 200, "\"id\":\"c\"");
}

static void without_an_id_one_is_made(void **state)
{
    steps_t *s = *state;
    post(s, "{\"limits\":[\"calls\"]}");
    post(s, "{\"limits\":[\"calls\"]}");
    assert_int_equal(order(s, 0)->id.len, 26);
    assert_false(bytes_equal(order(s, 0)->id, order(s, 1)->id));
}

static void each_refusal_has_its_status_and_code(void **state)
{
    static const struct {
        grant_t grant;
        unsigned status;
        const char *code;
    } rows[] = {
        {GRANT_LIMITED, 429, "\"code\":\"rate_limit_exceeded\""},
        {GRANT_CAPPED, 429, "\"code\":\"usage_cap_exceeded\""},
        {GRANT_REFUSED, 422, "\"code\":\"unprocessable\""},
        {GRANT_DRAINING, 503, "\"code\":\"draining\""},
        {GRANT_UNAVAILABLE, 503, "\"code\":\"unavailable\""},
        {GRANT_CONFLICT, 409, "\"code\":\"conflict\""},
    };
    steps_t *s = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        steps_forget(s);
        uint64_t token = post(s, "{\"limits\":[\"calls\"]}");
        told(s, order(s, 0)->number, rows[i].grant, held);
        const wish_t *reply = assert_status(s, token, rows[i].status, rows[i].code);
        assert_contains(reply->text, rows[i].grant == GRANT_LIMITED
                                         ? "limit calls is full: 4 of 10 in use"
                                         : "\"detail\":\"because\"");
        if (rows[i].status != 429)
            continue;
        assert_contains(reply->text, "Retry-After: 3");
        assert_contains(reply->text, "\"limit\":\"calls\",\"shown\":\"sem:calls\","
                                     "\"refused_by\":\"limit\",\"in_use\":4,\"slots\":10");
    }
}

static void renewing_releasing_and_looking_are_answered(void **state)
{
    static const struct {
        const char *method;
        lease_order_t order;
        grant_t grant;
        unsigned status;
    } rows[] = {{"PUT", LEASE_RENEW, GRANT_GRANTED, 200},
                {"PUT", LEASE_RENEW, GRANT_ABSENT, 404},
                {"GET", LEASE_LOOK, GRANT_GRANTED, 200},
                {"GET", LEASE_LOOK, GRANT_ABSENT, 404},
                {"DELETE", LEASE_RELEASE, GRANT_RELEASED, 204},
                {"DELETE", LEASE_RELEASE, GRANT_ABSENT, 204}};
    steps_t *s = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        steps_forget(s);
        uint64_t token = at(s, rows[i].method, "c%201", "k-boss");
        assert_int_equal(order(s, 0)->order, rows[i].order);
        assert_true(bytes_is(order(s, 0)->id, "c 1"));
        told(s, order(s, 0)->number, rows[i].grant, held);
        assert_status(s, token, rows[i].status, "");
    }
}

static void who_may_only_some_limits_is_let_only_where_the_lease_holds_those(void **state)
{
    steps_t *s = *state;
    uint64_t token = at(s, "DELETE", "c", "k-phones");
    assert_int_equal(order(s, 0)->order, LEASE_LOOK);
    told(s, order(s, 0)->number, GRANT_GRANTED, "[{\"name\":\"secret\"}]");
    assert_status(s, token, 403, "leases:secret");
    assert_int_equal(orders(s), 1);
    token = at(s, "DELETE", "d", "k-phones");
    told(s, order(s, 1)->number, GRANT_GRANTED, held);
    assert_int_equal(order(s, 2)->order, LEASE_RELEASE);
    told(s, order(s, 2)->number, GRANT_RELEASED, "");
    assert_status(s, token, 204, "");
    token = post(s, "{\"limits\":[\"calls\",\"secret\"]}");
    assert_status(s, token, 403, "the key phones does not have the scope leases:secret");
    assert_status(s, at(s, "DELETE", "c", NULL), 401, "send an API key");
    assert_status(s, at(s, "PUT", "c", "k-ops"), 403, "the scope leases");
}

static void what_is_no_order_is_refused_and_sends_nothing(void **state)
{
    static const refusal_t rows[] = {
        {"POST", "/v1/leases", "", 422, "no JSON object"},
        {"POST", "/v1/leases", "{", 400, "\"line\":1"},
        {"POST", "/v1/leases", "{\"limits\":[\"calls\"],\"limits\":[]}", 400, "malformed"},
        {"POST", "/v1/leases", "{\"limits\":[\"no\"]}", 422, "\"pointer\":\"/limits/0\""},
        {"POST", "/v1/leases", "{\"leases\":[]}", 422, "1 to 64"},
        {"POST", "/v1/leases", "{\"leases\":{}}", 422, "1 to 64"},
        {"POST", "/v1/leases", "{\"leases\":[{}],\"ttl_s\":1}", 422, "/leases"},
        {"GET", "/v1/leases", NULL, 405, "Allow: POST"},
        {"POST", "/v1/leases/x", "{}", 405, "Allow: GET, HEAD, PUT, DELETE"},
        {"GET", "/v1/leases/", NULL, 404, "no id of a lease"},
        {"GET", "/v1/leases/a/b", NULL, 404, "no id of a lease"},
        {"GET", "/v1/leases/%00", NULL, 404, "no id of a lease"},
        {"GET", "/v1/leasesx", NULL, 404, "not_found"},
        {"PUT", "/v1/leases/x", "{\"ttl_s\":\"long\"}", 422, "/ttl_s"},
        {"PUT", "/v1/leases/x", "nonsense", 400, "malformed"},
    };
    door_refuses(*state, "k-boss", rows, COUNT_OF(rows));
}

static void a_batch_is_answered_once_with_each_by_itself(void **state)
{
    steps_t *s = *state;
    uint64_t token =
        post(s, "{\"leases\":[{\"id\":\"a\",\"limits\":[\"calls\"]},"
                "{\"id\":\"b\",\"limits\":[\"nothing\"]},{\"order\":\"release\",\"id\":\"c\"},"
                "{\"id\":\"d\",\"limits\":[\"calls\"]},7]}");
    assert_int_equal(orders(s), 2);
    told(s, order(s, 1)->number, GRANT_ABSENT, "");
    told(s, order(s, 2)->number, GRANT_LIMITED, held);
    assert_null(steps_reply(s, token));
    told(s, order(s, 0)->number, GRANT_GRANTED, held);
    const char *text = assert_status(s, token, 200, "{\"leases\":[{\"id\":\"a\"")->text;
    assert_contains(text, "\"fence\":17,\"status\":201},{\"type\"");
    assert_contains(text, "\"status\":422");
    assert_contains(text, "{\"id\":\"c\",\"status\":204}");
    assert_contains(text, "\"status\":429");
    assert_contains(text, "\"retry_after_s\":3");
}

static void a_batch_keeps_its_order_though_a_lease_is_looked_at_first(void **state)
{
    steps_t *s = *state;
    post(s,
         "{\"leases\":[{\"order\":\"release\",\"id\":\"a\"},{\"order\":\"release\",\"id\":\"b\"},"
         "{\"id\":\"c\",\"limits\":[\"calls\"]}]}");
    assert_int_equal(orders(s), 1);
    assert_int_equal(order(s, 0)->order, LEASE_LOOK);
    told(s, order(s, 0)->number, GRANT_GRANTED, held);
    assert_int_equal(order(s, 1)->order, LEASE_RELEASE);
    assert_int_equal(orders(s), 3); /* c waits for b */
    told(s, order(s, 2)->number, GRANT_ABSENT, "");
    assert_int_equal(order(s, 3)->order, LEASE_ACQUIRE);
    assert_true(bytes_is(order(s, 3)->id, "c"));
}

static void an_order_is_said_again_on_a_new_link_in_its_order(void **state)
{
    steps_t *s = *state;
    uint64_t token = post(s, "{\"id\":\"a\",\"limits\":[\"calls\"]}");
    post(s, "{\"id\":\"b\",\"limits\":[\"calls\"]}");
    uint64_t number = order(s, 0)->number;
    limiter_is(s, false);
    post(s, "{\"id\":\"c\",\"limits\":[\"calls\"]}");
    assert_int_equal(orders(s), 2);
    steps_forget(s);
    limiter_is(s, true);
    assert_int_equal(orders(s), 3);
    assert_true(bytes_is(order(s, 0)->id, "a") && bytes_is(order(s, 2)->id, "c"));
    told(s, number, GRANT_GRANTED, held);
    assert_status(s, token, 201, "\"id\":\"a\"");
}

static void without_a_limiter_the_answer_is_unavailable_and_never_a_limit(void **state)
{
    steps_t *s = *state;
    limiter_is(s, false);
    uint64_t token = post(s, "{\"id\":\"a\",\"limits\":[\"calls\"]}");
    steps_pass(s, 2 * US_PER_S - 1);
    assert_null(steps_reply(s, token));
    steps_pass(s, 1);
    assert_contains(assert_status(s, token, 503, "\"code\":\"unavailable\"")->text,
                    "Retry-After: 1");
    limiter_is(s, true);
    assert_int_equal(orders(s), 0); /* nobody waits for it */
}

static void a_release_is_delivered_though_nobody_waits_any_more(void **state)
{
    steps_t *s = *state;
    limiter_is(s, false);
    uint64_t token = at(s, "DELETE", "a", "k-boss");
    steps_pass(s, 2 * US_PER_S);
    assert_status(s, token, 503, "unavailable");
    limiter_is(s, true);
    assert_int_equal(order(s, 0)->order, LEASE_RELEASE);
}

static void what_nobody_knows_the_id_of_is_given_back(void **state)
{
    steps_t *s = *state;
    uint64_t token = post(s, "{\"limits\":[\"calls\"]}");
    post(s, "{\"id\":\"mine\",\"limits\":[\"calls\"]}");
    steps_pass(s, 8 * US_PER_S);
    assert_status(s, token, 503, "unavailable");
    steps_pass(s, 1);
    assert_int_equal(orders(s), 3);
    assert_int_equal(order(s, 2)->order, LEASE_RELEASE);
    assert_true(bytes_equal(order(s, 2)->id, order(s, 0)->id));
}

static uint64_t minute(steps_t *s, const char *id)
{
    char body[100];
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"limits\":[\"minutes\"]}", id);
    return post(s, body);
}

static uint64_t agent(steps_t *s, const char *id)
{
    char body[100];
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"limits\":[\"agents\"]}", id);
    return post(s, body);
}

static void the_guard_refuses_here_whatever_the_limiter_does(void **state)
{
    steps_t *s = *state;
    minute(s, "a");
    minute(s, "b");
    minute(s, "b"); /* the same lease */
    assert_int_equal(orders(s), 3);
    const char *text = assert_status(s, minute(s, "c"), 429, "\"refused_by\":\"guard\"")->text;
    assert_contains(text, "\"limit\":\"minutes\"");
    assert_contains(text, "Retry-After: 1");
    assert_int_equal(orders(s), 3);
    told(s, order(s, 0)->number, GRANT_LIMITED, held);
    assert_null(steps_reply(s, minute(s, "c"))); /* a was refused: there is room */
    told(s, order(s, 1)->number, GRANT_GRANTED, held);
    told(s, order(s, 3)->number, GRANT_GRANTED, held);
    assert_status(s, minute(s, "d"), 429, "guard");
    told(s, (at(s, "DELETE", "b", "k-phones"), order(s, 4)->number), GRANT_RELEASED, "");
    assert_null(steps_reply(s, minute(s, "d")));
}

static void the_guard_goes_on_counting_a_lease_that_somebody_else_is_refused(void **state)
{
    static const grant_t grants[] = {GRANT_CONFLICT, GRANT_UNAVAILABLE};
    steps_t *s = *state;
    minute(s, "a");
    minute(s, "b");
    for (size_t n = 0; n < 2; n++)
        told(s, order(s, n)->number, GRANT_GRANTED, held);
    for (size_t n = 0; n < COUNT_OF(grants); n++) {
        minute(s, "b");
        told(s, order(s, 2 + n)->number, grants[n], held);
        assert_status(s, minute(s, "c"), 429, "guard");
    }
}

static void the_guard_forgets_what_has_expired(void **state)
{
    steps_t *s = *state;
    minute(s, "a");
    minute(s, "b");
    told(s, order(s, 0)->number, GRANT_GRANTED, held);
    told(s, order(s, 1)->number, GRANT_GRANTED, held);
    steps_pass(s, 60 * US_PER_S);
    assert_status(s, minute(s, "c"), 429, "guard");
    steps_pass(s, US_PER_S); /* they lasted 60.9 s */
    assert_null(steps_reply(s, minute(s, "c")));
}

static void the_guard_forgets_what_ended_elsewhere_but_not_what_is_granted_alone(void **state)
{
    steps_t *s = *state;
    for (size_t n = 0; n < 2; n++)
        told(s, (minute(s, n ? "b" : "a"), order(s, n)->number), GRANT_GRANTED, held);
    assert_status(s, minute(s, "c"), 429, "guard");
    steps_message(s, ACTOR_LIMITER, MESSAGE_ENDED, &(msg_ended_t){.id = bytes_str("b")});
    steps_message(s, ACTOR_LIMITER, MESSAGE_ENDED, &(msg_ended_t){.id = bytes_str("stranger")});
    assert_null(steps_reply(s, minute(s, "c")));
    assert_status(s, minute(s, "d"), 429, "guard");
    limiter_is(s, false);
    agent(s, "x");
    agent(s, "y");
    steps_pass(s, 250 * US_PER_MS);
    limiter_is(s, true); /* an earlier lease of that id: ours is used and is being registered */
    steps_message(s, ACTOR_LIMITER, MESSAGE_ENDED, &(msg_ended_t){.id = bytes_str("x")});
    assert_status(s, agent(s, "z"), 429, "guard");
}

static void the_guard_learns_leases_of_an_earlier_life_when_they_are_renewed(void **state)
{
    steps_t *s = *state;
    for (int i = 0; i < 2; i++) {
        at(s, "PUT", i ? "y" : "x", "k-boss");
        told(s, order(s, (size_t)i)->number, GRANT_GRANTED, "[{\"name\":\"minutes\"}]");
    }
    assert_status(s, minute(s, "c"), 429, "guard");
}

static void while_the_limiter_is_away_a_provisional_lease_is_granted_and_registered(void **state)
{
    steps_t *s = *state;
    limiter_is(s, false);
    uint64_t a = agent(s, "a"), b = agent(s, "b");
    assert_status(s, agent(s, "c"), 429, "guard");
    steps_pass(s, 249 * US_PER_MS);
    assert_null(steps_reply(s, a));
    steps_pass(s, US_PER_MS);
    assert_contains(assert_status(s, a, 201, "\"provisional\":true")->text, "\"expires_in_s\":30");
    assert_status(s, b, 201, "\"provisional\":true");
    uint64_t renewed = at(s, "PUT", "a", "k-phones");
    steps_pass(s, 250 * US_PER_MS);
    assert_status(s, renewed, 200, "\"provisional\":true");
    assert_status(s, at(s, "DELETE", "b", "k-phones"), 204, "");
    limiter_is(s, true);
    assert_int_equal(orders(s), 1);
    assert_int_equal(order(s, 0)->provisional, 1);
    told(s, order(s, 0)->number, GRANT_GRANTED, held);
    assert_null(steps_reply(s, agent(s, "d")));
    assert_status(s, agent(s, "e"), 429, "guard");
}

static void a_provisional_lease_that_is_not_registered_is_told(void **state)
{
    steps_t *s = *state;
    agent(s, "a"); /* on its way when the limiter falls silent */
    steps_limiter(s, EVENT_PEER_SILENT);
    steps_pass(s, 250 * US_PER_MS);
    told(s, order(s, 0)->number, GRANT_LIMITED, held);
    steps_limiter(s, EVENT_PEER_BACK);
    assert_int_equal(order(s, 1)->provisional, 1); /* it is in use: to be registered all the same */
    steps_forget(s);
    told(s, 2, GRANT_REFUSED, "");
    assert_contains(s->lines, "lease a was granted while the limiter was away");
    assert_null(steps_find(s, ENTRY_REPLY, 0));
}

static steps_t *retiring_with_a_provisional(void **state)
{
    steps_t *s = *state;
    limiter_is(s, false);
    agent(s, "a");
    steps_pass(s, 250 * US_PER_MS);
    steps_order(s, ORDER_RETIRE, 60000);
    steps_plain(s, EVENT_CLOSED);
    steps_pass(s, US_PER_S);
    assert_null(steps_find(s, ENTRY_STOP, 0));
    return s;
}

static void who_retires_waits_until_the_limiter_knows_what_was_granted_without_it(void **state)
{
    steps_t *s = retiring_with_a_provisional(state);
    limiter_is(s, true);
    told(s, order(s, 0)->number, GRANT_GRANTED, held);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

static void who_retires_tells_what_the_limiter_never_heard_of(void **state)
{
    steps_t *s = retiring_with_a_provisional(state);
    steps_pass(s, 54 * US_PER_S);
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
    assert_contains(s->lines, "lease a was granted while the limiter was away, and this ingress "
                              "ends before the limiter knows of it");
}

static void orders_on_their_way_are_bounded(void **state)
{
    steps_t *s = *state;
    uint64_t token = 0;
    for (size_t i = 0; i < 1024; i++)
        token = post(s, "{\"limits\":[\"calls\"]}");
    assert_null(steps_reply(s, token));
    assert_status(s, post(s, "{\"limits\":[\"calls\"]}"), 503, "too many orders");
}

static void a_stop_answers_who_waits(void **state)
{
    steps_t *s = *state;
    steps_message(s, ACTOR_LIMITER, MESSAGE_MODE, &(msg_mode_t){.stopping = 1});
    uint64_t sent = post(s, "{\"id\":\"a\",\"limits\":[\"calls\"]}");
    limiter_is(s, false);
    uint64_t waiting = post(s, "{\"id\":\"b\",\"limits\":[\"calls\"]}");
    steps_order(s, 1, 2000);
    assert_status(s, waiting, 503, "draining");
    assert_status(s, post(s, "{\"limits\":[\"calls\"]}"), 503, "draining");
    steps_pass(s, US_PER_S);
    assert_status(s, sent, 503, "it may have happened");
    assert_non_null(steps_find(s, ENTRY_STOP, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_lease_is_taken_and_answered_with_what_it_holds),
        T(the_same_id_again_is_the_same_lease),
        T(without_an_id_one_is_made),
        T(each_refusal_has_its_status_and_code),
        T(renewing_releasing_and_looking_are_answered),
        T(who_may_only_some_limits_is_let_only_where_the_lease_holds_those),
        T(what_is_no_order_is_refused_and_sends_nothing),
        T(a_batch_is_answered_once_with_each_by_itself),
        T(a_batch_keeps_its_order_though_a_lease_is_looked_at_first),
        T(an_order_is_said_again_on_a_new_link_in_its_order),
        T(without_a_limiter_the_answer_is_unavailable_and_never_a_limit),
        T(a_release_is_delivered_though_nobody_waits_any_more),
        T(what_nobody_knows_the_id_of_is_given_back),
        T(the_guard_refuses_here_whatever_the_limiter_does),
        T(the_guard_goes_on_counting_a_lease_that_somebody_else_is_refused),
        T(the_guard_forgets_what_has_expired),
        T(the_guard_forgets_what_ended_elsewhere_but_not_what_is_granted_alone),
        T(the_guard_learns_leases_of_an_earlier_life_when_they_are_renewed),
        T(while_the_limiter_is_away_a_provisional_lease_is_granted_and_registered),
        T(a_provisional_lease_that_is_not_registered_is_told),
        T(who_retires_waits_until_the_limiter_knows_what_was_granted_without_it),
        T(who_retires_tells_what_the_limiter_never_heard_of),
        T(orders_on_their_way_are_bounded),
        T(a_stop_answers_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
