/* What the limiter says of itself: what waits for what, slots, dead letters. */
#include <unistd.h>

#include "limiter_peers.h"

static const char config[] =
    "{\"state_dir\":\"/tmp/x\",\"run_dir\":\"/tmp/y\","
    "\"sources\":{\"s\":{\"auth\":\"none-on-loopback\"}},"
    "\"downstreams\":{\"d\":{\"url\":\"http://127.0.0.1:9\",\"allow_private\":true}},"
    "\"limits\":{\"two\":{\"slots\":2}},"
    "\"routes\":{\"r\":{\"path\":\"/r\",\"source\":\"s\",\"key\":\"/message/k\",\"steps\":"
    "[{\"name\":\"go\",\"limits\":[\"two\"],\"attempts\":2,\"backoff_base_ms\":100000,"
    "\"backoff_cap_ms\":100000,\"call\":{\"downstream\":\"d\",\"path\":\"/x\"}}]}}}";

static void assert_said(rig_t *r, const char *line)
{
    static char page[1 << 18];
    rig_pass(r, US_PER_S); /* it looks twice a second */
    page[metrics_samples(r->metrics, "limiter", 0, page, sizeof page - 1)] = '\0';
    if (!strstr(page, line))
        fail_msg("\"%s\" is not in\n%s", line, page);
}

#define SAID(name, label, value) name "{actor=\"limiter\",instance=\"0\"" label "} " value "\n"
#define WAITS(blocker, n) SAID("weir_waiting_messages", ",blocker=\"" blocker "\"", n)

static void what_waits_is_told_by_what_it_waits_for(void **state)
{
    (void)state;
    rig_t *r = rig_new(config);
    rig_peers_up(r);
    rig_submit(r, "r", 1, "a");
    rig_submit(r, "r", 2, "b");
    rig_submit(r, "r", 3, "c");
    rig_submit(r, "r", 4, "a");
    assert_said(r, WAITS("connection", "3")); /* nobody calls yet */
    assert_said(r, WAITS("key", "1"));
    assert_said(r, SAID("weir_slots", ",limit=\"two\"", "2"));
    rig_credit(r, CONN_RESPONDER, "d", 9);
    assert_said(r, WAITS("connection", "0"));
    assert_said(r, WAITS("limit", "1"));
    assert_said(r, WAITS("key", "1"));
    assert_said(r, SAID("weir_slots_in_use", ",limit=\"two\"", "2"));
    const msg_assign_t *first = rig_assign(r, CONN_RESPONDER);
    assert_non_null(first);
    rig_settle_as(r, CONN_RESPONDER, first, OUTCOME_RETRY);
    assert_said(r, WAITS("due", "1"));
    assert_said(r, WAITS("limit", "0"));
    rig_destroy(r);
}

static void dead_letters_are_told(void **state)
{
    (void)state;
    rig_t *r = rig_new(config);
    rig_peers_up(r);
    rig_credit(r, CONN_RESPONDER, "d", 9);
    rig_submit(r, "r", 1, "a");
    assert_said(r, SAID("weir_dead_letters", "", "0"));
    rig_settle_as(r, CONN_RESPONDER, rig_assign(r, CONN_RESPONDER), OUTCOME_FAIL);
    assert_said(r, SAID("weir_dead_letters", "", "1"));
    assert_said(r, WAITS("key", "0"));
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_told_by_what_it_waits_for),
        cmocka_unit_test(dead_letters_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
