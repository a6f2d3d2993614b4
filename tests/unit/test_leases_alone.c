/* What a door that is alone says of a lease: for how long it is held. */
#include "tests/unit/door_rig.h"

static uint64_t take(steps_t *s, const char *id, unsigned ttl_s)
{
    char body[100];
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"limits\":[\"agents\"],\"ttl_s\":%u}", id, ttl_s);
    return door_ask(s, &(ask_t){.path = "/v1/leases", .key = "k-phones", .body = body});
}

static uint64_t renew(steps_t *s, const char *id, const char *body)
{
    char path[50];
    snprintf(path, sizeof path, "/v1/leases/%s", id);
    return door_ask(s, &(ask_t){.method = "PUT", .path = path, .key = "k-phones", .body = body});
}

static void lasts(steps_t *s, uint64_t token, unsigned status, const char *left)
{
    steps_pass(s, 250 * US_PER_MS);
    assert_contains(assert_status(s, token, status, "\"provisional\":true")->text, left);
}

static steps_t *alone(void **state)
{
    steps_t *s = *state;
    steps_message(s, ACTOR_SUPERVISOR, MESSAGE_PEERS,
                  &(msg_peers_t){.actor = ACTOR_LIMITER, .generation = 1, .life = LIFE_DEAD});
    return s;
}

static void a_renewal_lasts_as_long_as_its_lease_or_as_it_asks_for(void **state)
{
    steps_t *s = alone(state);
    lasts(s, take(s, "a", 3), 201, "\"expires_in_s\":3,");
    lasts(s, renew(s, "a", NULL), 200, "\"expires_in_s\":3,");
    lasts(s, renew(s, "a", "{\"ttl_s\":5}"), 200, "\"expires_in_s\":5,");
    lasts(s, renew(s, "a", NULL), 200, "\"expires_in_s\":5,");
}

static void nothing_lasts_longer_than_its_limit_allows(void **state)
{
    steps_t *s = alone(state);
    lasts(s, take(s, "a", 600), 201, "\"expires_in_s\":30,");
    lasts(s, renew(s, "a", "{\"ttl_s\":60}"), 200, "\"expires_in_s\":30,");
}

static void the_guard_forgets_what_was_renewed_when_that_is_over(void **state)
{
    steps_t *s = alone(state);
    lasts(s, take(s, "a", 3), 201, "");
    lasts(s, take(s, "b", 30), 201, "");
    lasts(s, renew(s, "a", NULL), 200, "");
    assert_status(s, take(s, "c", 3), 429, "guard");
    steps_pass(s, 4 * US_PER_S);
    lasts(s, take(s, "c", 3), 201, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_renewal_lasts_as_long_as_its_lease_or_as_it_asks_for),
        T(nothing_lasts_longer_than_its_limit_allows),
        T(the_guard_forgets_what_was_renewed_when_that_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
