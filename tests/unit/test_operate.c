/* What people do to limits, routes, downstreams and messages while Weir runs. */
#include "tests/unit/limiter_peers.h"

static const char CONFIG[] =
    "{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\","
    "\"sources\":{\"s\":{\"auth\":\"none-on-loopback\"}},"
    "\"downstreams\":{\"d\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true,"
    "\"idempotent\":true}},"
    "\"limits\":{\"two\":{\"slots\":2},\"paced\":{\"rate\":{\"count\":10,\"per_ms\":1000}},"
    "\"per\":{\"slots\":1,\"per\":[\"key\"]},\"pair\":{\"slots\":1,\"per\":[\"key\",\"source\"]}},"
    "\"routes\":{"
    "\"plain\":{\"path\":\"/plain\",\"source\":\"s\",\"key\":\"/message/k\",\"steps\":[{\"name\":"
    "\"go\",\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]},"
    "\"narrow\":{\"path\":\"/narrow\",\"source\":\"s\",\"steps\":[{\"name\":\"go\",\"limits\":["
    "\"two\"],\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]}}}";

static int begin(void **state)
{
    rig_t *r = rig_new(CONFIG);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100);
    *state = r;
    return 0;
}

/* The answer's body, the caller's. */
static json_t *ask(rig_t *r, const char *verb, const char *args, unsigned status)
{
    static uint64_t number = 100;
    rig_say(r, CONN_INGRESS, MESSAGE_QUERY,
            &(msg_query_t){.number = ++number,
                           .verb = bytes_str(verb),
                           .args = bytes_str(args),
                           .who = bytes_str("uid 7")});
    const msg_answer_t *a = rig_next(r, CONN_INGRESS, MESSAGE_ANSWER);
    assert_non_null(a);
    assert_int_equal(a->number, number);
    if (a->status != status)
        fail_msg("%s %s: %u %.*s", verb, args, (unsigned)a->status, (int)a->body.len,
                 (const char *)a->body.data);
    json_t *body = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
    assert_non_null(body);
    return body;
}

static void change(rig_t *r, const char *verb, const char *args)
{
    json_t *body = ask(r, verb, args, 200);
    assert_non_null(json_object_get(body, "before"));
    assert_non_null(json_object_get(body, "after"));
    json_decref(body);
}

static void refuse(rig_t *r, const char *verb, const char *args, unsigned status, const char *says)
{
    json_t *body = ask(r, verb, args, status);
    char text[600];
    snprintf(text, sizeof text, "%s; %s", json_string_value(json_object_get(body, "error")),
             json_string_value(json_object_get(body, "hint")));
    if (!strstr(text, says))
        fail_msg("%s: %s", verb, text);
    json_decref(body);
}

static void on_one(rig_t *r, const char *verb, unsigned n, const char *more, unsigned status)
{
    char id[MSGID_TEXT], args[200];
    msgid_t which = rig_id(n);
    msgid_text(&which, id);
    snprintf(args, sizeof args, "{\"id\":\"%s\"%s}", id, more);
    json_decref(ask(r, verb, args, status));
}

static json_t *why(rig_t *r, unsigned n)
{
    char id[MSGID_TEXT], args[64];
    msgid_t which = rig_id(n);
    msgid_text(&which, id);
    snprintf(args, sizeof args, "{\"id\":\"%s\"}", id);
    json_t *body = ask(r, "why", args, 200), *told = json_object_get(body, "why");
    assert_non_null(told);
    json_incref(told);
    json_decref(body);
    return told;
}

static unsigned running(rig_t *r)
{
    unsigned n = 0;
    while (rig_assign(r, CONN_RESPONDER))
        n++;
    return n;
}

static void submit(rig_t *r, const char *route, unsigned from, unsigned to)
{
    for (unsigned n = from; n <= to; n++)
        rig_submit(r, route, n, "");
}

static void more_slots_are_in_force_at_once_and_fewer_end_nothing(void **state)
{
    rig_t *r = *state;
    submit(r, "narrow", 1, 6);
    assert_int_equal(running(r), 2);
    change(r, "limits.set", "{\"name\":\"two\",\"slots\":5,\"why\":\"more lines\"}");
    assert_int_equal(running(r), 3);
    change(r, "limits.set", "{\"name\":\"two\",\"slots\":1}");
    assert_int_equal(running(r), 0);
    json_t *body = ask(r, "limits.ls", "{\"name\":\"two\"}", 200);
    json_t *row = json_array_get(json_object_get(body, "limits"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "in_use")), 5);
    assert_int_equal(json_integer_value(json_object_get(row, "slots")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "waiting")), 1);
    assert_string_equal(json_string_value(json_object_get(json_object_get(row, "by_hand"), "who")),
                        "uid 7");
    json_decref(body);
    change(r, "limits.reset", "{\"name\":\"two\"}");
    body = ask(r, "limits.export", "{}", 200);
    assert_int_equal(json_integer_value(json_object_get(body, "limits")), 0);
    json_decref(body);
}

static void what_is_set_by_hand_stays_over_kill_and_can_be_exported(void **state)
{
    rig_t *r = *state;
    change(r, "limits.set", "{\"name\":\"two\",\"slots\":1,\"why\":\"night\"}");
    change(r, "limits.set", "{\"name\":\"per\",\"slots\":3,\"value\":\"acme\"}");
    change(r, "limits.set", "{\"name\":\"pair\",\"slots\":3,\"value\":\"acme, s\"}");
    change(r, "limits.set", "{\"name\":\"paced\",\"rate\":5,\"per_ms\":2000}");
    change(r, "route.stop", "{\"name\":\"plain\"}");
    rig_crash(r);
    rig_start(r);
    memset(r->link, 0, sizeof r->link);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 100);
    submit(r, "narrow", 1, 3);
    rig_submit(r, "plain", 9, "k");
    assert_int_equal(running(r), 1);
    json_t *body = ask(r, "limits.export", "{}", 200);
    const char *yaml = json_string_value(json_object_get(body, "yaml"));
    assert_non_null(strstr(yaml, "\"two\":  # by \"uid 7\": \"night\"\n    slots: 1\n"));
    assert_non_null(strstr(yaml, "overrides:\n      \"acme\": 3\n"));
    assert_non_null(strstr(yaml, "overrides:\n      \"acme, s\": 3\n"));
    assert_non_null(strstr(yaml, "rate:\n      count: 5\n      per_ms: 2000\n"));
    json_decref(body);
    change(r, "route.start", "{\"name\":\"plain\"}");
    assert_int_equal(running(r), 1);
}

static void a_wrong_change_is_refused_and_changes_nothing(void **state)
{
    rig_t *r = *state;
    refuse(r, "limits.set", "{\"name\":\"twoo\",\"slots\":3}", 404, "did you mean two?");
    refuse(r, "limits.set", "{\"name\":\"two\",\"slots\":-1}", 400, "0 to 1000000");
    refuse(r, "limits.set", "{\"name\":\"two\",\"slots\":\"3\"}", 400, "0 to 1000000");
    refuse(r, "limits.set", "{\"name\":\"two\"}", 400, "nothing to set");
    refuse(r, "limits.set", "{\"name\":\"two\",\"rate\":3}", 400, "no rate");
    refuse(r, "limits.set", "{\"name\":\"paced\",\"slots\":3}", 400, "no slots");
    refuse(r, "limits.set", "{\"name\":\"two\",\"slots\":3,\"value\":\"x\"}", 400, "no labels");
    refuse(r, "limits.set", "{\"name\":\"per\",\"slots\":3,\"value\":\"x*\"}", 400, "no value");
    refuse(r, "limits.observe", "{\"name\":\"two\",\"on\":\"maybe\"}", 400, "on or off");
    refuse(r, "limits.set", "{\"slots\":3}", 400, "missing");
    refuse(r, "downstream.pause", "{\"name\":\"e\"}", 404, "did you mean d?");
    refuse(r, "downstream.pause", "{\"name\":\"d\",\"for\":0}", 400, "604800");
    refuse(r, "route.stop", "{\"name\":\"narow\"}", 404, "did you mean narrow?");
    refuse(r, "slots.reclaim", "{\"id\":\"x\"}", 400, "reason");
    refuse(r, "slots.reclaim", "{\"id\":\"x\",\"why\":\"lost\"}", 404, "no lease");
    refuse(r, "hold", "{}", 400, "say which");
    refuse(r, "hold", "{\"route\":\"nowhere\"}", 404, "no such route");
    refuse(r, "shape", "{\"by\":\"colour\"}", 400, "blocker");
    submit(r, "narrow", 1, 3);
    assert_int_equal(running(r), 2);
}

static void a_disabled_or_observing_limit_keeps_nobody(void **state)
{
    rig_t *r = *state;
    submit(r, "narrow", 1, 8);
    assert_int_equal(running(r), 2);
    change(r, "limits.observe", "{\"name\":\"two\",\"on\":\"on\"}");
    assert_int_equal(running(r), 6);
    json_t *body = ask(r, "limits.ls", "{\"name\":\"two\"}", 200);
    json_t *row = json_array_get(json_object_get(body, "limits"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "would_keep")), 6);
    json_decref(body);
    change(r, "limits.observe", "{\"name\":\"two\",\"on\":\"off\"}");
    submit(r, "narrow", 11, 12);
    assert_int_equal(running(r), 0);
    change(r, "limits.disable", "{\"name\":\"two\"}");
    assert_int_equal(running(r), 2);
    change(r, "limits.enable", "{\"name\":\"two\"}");
    change(r, "limits.pin", "{\"name\":\"two\"}");
    change(r, "limits.unpin", "{\"name\":\"two\"}");
}

static void a_paused_downstream_gets_nothing_but_a_probe(void **state)
{
    rig_t *r = *state;
    change(r, "downstream.pause", "{\"name\":\"d\",\"why\":\"they migrate\"}");
    submit(r, "narrow", 1, 4);
    assert_int_equal(running(r), 0);
    change(r, "downstream.probe", "{\"name\":\"d\"}");
    const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
    assert_non_null(a);
    assert_null(rig_assign(r, CONN_RESPONDER));
    rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
    assert_int_equal(running(r), 0);
    json_t *body = ask(r, "downstream.ls", "{}", 200);
    json_t *row = json_array_get(json_object_get(body, "downstreams"), 0);
    assert_true(json_is_true(json_object_get(row, "stopped")));
    json_decref(body);
    change(r, "downstream.resume", "{\"name\":\"d\"}");
    assert_int_equal(running(r), 1); /* one goes first */
}

static void a_pause_for_a_time_ends_by_itself(void **state)
{
    rig_t *r = *state;
    change(r, "downstream.pause", "{\"name\":\"d\",\"for\":30}");
    submit(r, "narrow", 1, 2);
    rig_pass(r, 29 * US_PER_S);
    assert_int_equal(running(r), 0);
    json_t *told = why(r, 1);
    assert_non_null(strstr(json_string_value(json_object_get(told, "sentence")), "paused"));
    assert_in_range(json_integer_value(json_object_get(told, "should_start_in_ms")), 900, 1100);
    json_decref(told);
    rig_pass(r, 1 * US_PER_S);
    assert_int_equal(running(r), 1);
}

static void a_message_is_held_released_cancelled_and_given_another_class(void **state)
{
    rig_t *r = *state;
    submit(r, "narrow", 1, 5);
    const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
    on_one(r, "hold", 1, "", 409); /* it runs */
    on_one(r, "cancel", 1, "", 409);
    on_one(r, "hold", 3, ",\"why\":\"wait for the customer\"", 200);
    on_one(r, "hold", 3, "", 409);
    on_one(r, "prioritise", 4, ",\"class\":\"low\"", 200);
    on_one(r, "prioritise", 5, ",\"class\":\"royal\"", 400);
    on_one(r, "release", 4, "", 409);
    running(r);
    rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
    a = rig_assign(r, CONN_RESPONDER);
    assert_non_null(a);
    msgid_t five = rig_id(5);
    assert_true(msgid_equal(&a->id, &five)); /* before 3, which is held, and 4, low now */
    on_one(r, "cancel", 4, ",\"why\":\"no longer wanted\"", 200);
    assert_int_equal(rig_state(r, 4), STATE_DEAD);
    rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
    assert_int_equal(running(r), 0);
    assert_int_equal(rig_state(r, 3), STATE_HELD);
    on_one(r, "release", 3, "", 200);
    assert_int_equal(running(r), 1);
    on_one(r, "release", 5, "", 409); /* done */
}

static void who_is_released_does_not_wait_for_its_old_time(void **state)
{
    rig_t *r = *state;
    submit(r, "narrow", 1, 1);
    const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
    rig_say(r, CONN_RESPONDER, MESSAGE_SETTLE,
            &(msg_settle_t){.seq = a->seq,
                            .attempt = a->attempt,
                            .fence = a->fence,
                            .outcome = OUTCOME_RETRY,
                            .status = 500,
                            .retry_after_ms = 86400000});
    change(r, "downstream.resume", "{\"name\":\"d\"}");
    assert_int_equal(running(r), 0);
    on_one(r, "hold", 1, "", 200);
    on_one(r, "release", 1, "", 200);
    assert_int_equal(running(r), 1);
}

static void a_class_given_by_hand_stays_over_kill(void **state)
{
    rig_t *r = *state;
    submit(r, "narrow", 1, 4);
    running(r);
    on_one(r, "prioritise", 4, ",\"class\":\"low\"", 200);
    rig_crash(r);
    rig_start(r);
    memset(r->link, 0, sizeof r->link);
    rig_peers_up(r);
    json_t *body = ask(r, "shape", "{\"by\":\"class\"}", 200);
    assert_int_equal(json_array_size(json_object_get(body, "rows")), 2);
    json_decref(body);
}

static void those_behind_a_held_one_of_their_key_wait_for_it(void **state)
{
    rig_t *r = *state;
    change(r, "route.stop", "{\"name\":\"plain\"}");
    rig_submit(r, "plain", 1, "k");
    rig_submit(r, "plain", 2, "k");
    on_one(r, "hold", 1, "", 200);
    on_one(r, "hold", 2, "", 200);
    change(r, "route.start", "{\"name\":\"plain\"}");
    on_one(r, "release", 2, "", 200);
    assert_int_equal(running(r), 0);
    json_t *told = why(r, 2);
    assert_non_null(strstr(json_string_value(json_object_get(told, "sentence")), "is held"));
    json_decref(told);
    on_one(r, "cancel", 1, "", 200);
    assert_int_equal(running(r), 1);
}

static void all_messages_of_a_route_are_held_and_released(void **state)
{
    rig_t *r = *state;
    submit(r, "narrow", 1, 1500);
    assert_int_equal(running(r), 2);
    json_t *body = ask(r, "hold", "{\"route\":\"narrow\"}", 200);
    assert_int_equal(json_integer_value(json_object_get(body, "changed")), 1498);
    assert_int_equal(json_integer_value(json_object_get(body, "left_alone")), 2);
    json_decref(body);
    change(r, "limits.disable", "{\"name\":\"two\"}");
    assert_int_equal(running(r), 0);
    body = ask(r, "release", "{\"route\":\"narrow\"}", 200);
    assert_int_equal(json_integer_value(json_object_get(body, "changed")), 1498);
    json_decref(body);
    assert_true(running(r) > 90); /* as far as the connections go */
}

static void why_names_all_that_keeps_a_message_and_who_holds_it(void **state)
{
    rig_t *r = *state;
    submit(r, "narrow", 1, 3);
    running(r);
    change(r, "route.stop", "{\"name\":\"narrow\"}");
    change(r, "downstream.pause", "{\"name\":\"d\"}");
    json_t *told = why(r, 3), *limits = json_object_get(told, "limits");
    assert_int_equal(json_array_size(json_object_get(told, "keeps")), 3);
    assert_int_equal(json_array_size(limits), 2);
    json_t *two = json_array_get(limits, 0);
    assert_string_equal(json_string_value(json_object_get(two, "name")), "two");
    assert_int_equal(json_array_size(json_object_get(two, "holders")), 2);
    assert_string_equal(json_string_value(json_object_get(told, "sure")), "unknown");
    json_decref(told);
    json_t *body = ask(r, "slots.ls", "{\"limit\":\"two\"}", 200);
    assert_int_equal(json_array_size(json_object_get(body, "holders")), 2);
    json_decref(body);
}

static void a_lease_is_taken_back_for_a_reason(void **state)
{
    rig_t *r = *state;
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
            &(msg_lease_t){.number = 1,
                           .order = LEASE_ACQUIRE,
                           .id = bytes_str("call-1"),
                           .holder = bytes_str("dialer"),
                           .limits = bytes_str("[{\"name\":\"two\",\"cost\":2}]")});
    json_t *body = ask(r, "slots.ls", "{}", 200);
    json_t *row = json_array_get(json_object_get(body, "holders"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "lease")), "call-1");
    json_decref(body);
    submit(r, "narrow", 1, 2);
    assert_int_equal(running(r), 0);
    json_decref(ask(r, "slots.reclaim", "{\"id\":\"call-1\",\"why\":\"its phone is dead\"}", 200));
    assert_int_equal(running(r), 2);
}

static void the_acceptance_says_how_many_are_before_it_and_when_it_should_start(void **state)
{
    rig_t *r = *state;
    const msg_verdict_t *v = NULL;
    for (unsigned n = 1; n <= 20; n++) { /* one a second goes */
        rig_submit(r, "narrow", n, "");
        const msg_assign_t *a = rig_assign(r, CONN_RESPONDER);
        rig_pass(r, US_PER_S);
        rig_settle_as(r, CONN_RESPONDER, a, OUTCOME_OK);
    }
    submit(r, "narrow", 21, 32);
    for (const msg_verdict_t *next; (next = rig_verdict(r));)
        v = next;
    assert_int_equal(v->ahead, 9); /* two run */
    assert_int_equal(v->known, TOLD_AHEAD | TOLD_START);
    assert_in_range(v->start_in_ms, 6000, 12000);
}

static void what_begins_at_once_says_so_and_what_nobody_can_tell_is_not_told(void **state)
{
    rig_t *r = *state;
    for (unsigned n = 1; n <= 3; n++) {
        rig_submit(r, "narrow", n, "");
        const msg_verdict_t *v = rig_verdict(r);
        assert_int_equal(v->ahead, 0);
        assert_int_equal(v->start_in_ms, 0);
        assert_int_equal(v->known, n <= 2 ? TOLD_AHEAD | TOLD_START : TOLD_AHEAD); /* two slots */
    }
    rig_submit(r, "narrow", 3, ""); /* the ingress says it again */
    assert_int_equal(rig_verdict(r)->known, 0);
    json_decref(ask(r, "route.stop", "{\"name\":\"narrow\"}", 200));
    rig_submit(r, "narrow", 4, "");
    const msg_verdict_t *v = rig_verdict(r);
    assert_int_equal(v->ahead, 1);
    assert_int_equal(v->known, TOLD_AHEAD);
}

static void a_full_limit_says_when_to_come_again(void **state)
{
    rig_t *r = *state;
    const msg_leased_t *said = NULL;
    char id[16];
    for (unsigned n = 0; n < 12; n++) { /* a slot comes back every 10 s */
        snprintf(id, sizeof id, "l%u", n);
        msg_lease_t m = {.number = n + 1,
                         .order = LEASE_ACQUIRE,
                         .id = bytes_str(id),
                         .limits = bytes_str("[{\"name\":\"two\"}]")};
        rig_say(r, CONN_INGRESS, MESSAGE_LEASE, &m);
        if (n < 2)
            continue;
        rig_pass(r, 10 * US_PER_S);
        snprintf(id, sizeof id, "l%u", n - 2);
        m = (msg_lease_t){.number = 100 + n, .order = LEASE_RELEASE, .id = bytes_str(id)};
        rig_say(r, CONN_INGRESS, MESSAGE_LEASE, &m);
        snprintf(id, sizeof id, "l%u", n);
        m = (msg_lease_t){.number = 200 + n,
                          .order = LEASE_ACQUIRE,
                          .id = bytes_str(id),
                          .limits = bytes_str("[{\"name\":\"two\"}]")};
        rig_say(r, CONN_INGRESS, MESSAGE_LEASE, &m);
    }
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
            &(msg_lease_t){.number = 999,
                           .order = LEASE_ACQUIRE,
                           .id = bytes_str("late"),
                           .limits = bytes_str("[{\"name\":\"two\"}]")});
    for (const msg_leased_t *next; (next = rig_next(r, CONN_INGRESS, MESSAGE_LEASED));)
        said = next;
    assert_int_equal(said->number, 999);
    assert_int_equal(said->grant, GRANT_LIMITED);
    assert_in_range(said->retry_after_ms, 5000, 15000);
}

static const msg_leased_t *lease_of_key(rig_t *r, uint64_t number, const char *id, const char *key)
{
    char limits[100];
    snprintf(limits, sizeof limits, "[{\"name\":\"per\",\"labels\":{\"key\":\"%s\"}}]", key);
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE,
            &(msg_lease_t){.number = number,
                           .order = LEASE_ACQUIRE,
                           .id = bytes_str(id),
                           .limits = bytes_str(limits)});
    const msg_leased_t *said = rig_next(r, CONN_INGRESS, MESSAGE_LEASED);
    assert_non_null(said);
    assert_int_equal(said->number, number);
    return said;
}

static void a_limit_by_key_counts_a_lease_by_the_key_that_its_holder_says(void **state)
{
    rig_t *r = *state;
    assert_int_equal(lease_of_key(r, 1, "a", "acme")->grant, GRANT_GRANTED);
    assert_int_equal(lease_of_key(r, 2, "b", "acme")->grant, GRANT_LIMITED);
    assert_int_equal(lease_of_key(r, 3, "c", "other")->grant, GRANT_GRANTED);
    const msg_leased_t *odd = lease_of_key(r, 4, "d", "5\\\" pipes");
    assert_int_equal(odd->grant, GRANT_GRANTED);
    json_t *limits = json_loadb((const char *)odd->limits.data, odd->limits.len, 0, NULL);
    json_t *row = json_array_get(limits, 0);
    assert_string_equal(json_string_value(json_object_get(row, "name")), "per");
    assert_int_equal(json_integer_value(json_object_get(row, "in_use")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "slots")), 1);
    assert_true(json_is_string(json_object_get(row, "shown")));
    json_decref(limits);
}

#define OPERATE(name) cmocka_unit_test_setup_teardown(name, begin, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPERATE(more_slots_are_in_force_at_once_and_fewer_end_nothing),
        OPERATE(what_is_set_by_hand_stays_over_kill_and_can_be_exported),
        OPERATE(a_wrong_change_is_refused_and_changes_nothing),
        OPERATE(a_disabled_or_observing_limit_keeps_nobody),
        OPERATE(a_paused_downstream_gets_nothing_but_a_probe),
        OPERATE(a_pause_for_a_time_ends_by_itself),
        OPERATE(a_message_is_held_released_cancelled_and_given_another_class),
        OPERATE(who_is_released_does_not_wait_for_its_old_time),
        OPERATE(a_class_given_by_hand_stays_over_kill),
        OPERATE(those_behind_a_held_one_of_their_key_wait_for_it),
        OPERATE(all_messages_of_a_route_are_held_and_released),
        OPERATE(why_names_all_that_keeps_a_message_and_who_holds_it),
        OPERATE(a_lease_is_taken_back_for_a_reason),
        OPERATE(the_acceptance_says_how_many_are_before_it_and_when_it_should_start),
        OPERATE(what_begins_at_once_says_so_and_what_nobody_can_tell_is_not_told),
        OPERATE(a_limit_by_key_counts_a_lease_by_the_key_that_its_holder_says),
        OPERATE(a_full_limit_says_when_to_come_again),
    };
    return cmocka_run_group_tests_name("operate", tests, NULL, NULL);
}
