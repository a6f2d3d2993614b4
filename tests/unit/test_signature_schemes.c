/* Senders who sign a time too, rotation, and secrets in a header of the operator's choice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/crypto.h"
#include "sys/signature.h"

/* A signed request as its sender publishes it; the fields are changed by the tests. */
typedef struct vector {
    source_t source;
    const char *secret;
    int64_t at_s;
    http_field_t headers[3];
    size_t count;
    bytes_t body;
} vector_t;

static char slack_body[] =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
    "%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
    ".803a0bc887a14d10d2c447fce8b6703c";

/* docs.slack.dev, "Verifying requests from Slack". */
static vector_t slack(void)
{
    return (vector_t){
        .source = {.name = "s", .auth = AUTH_SLACK, .secret = "s"},
        .secret = "8f742231b10e8888abcd99yyyzzz85a5",
        .at_s = 1531420618,
        .headers = {{bytes_str("x-slack-request-timestamp"), bytes_str("1531420618")},
                    {bytes_str("x-slack-signature"),
                     bytes_str(
                         "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")}},
        .count = 2,
        .body = bytes_str(slack_body)};
}

/* The standard's own example. */
static vector_t webhook(void)
{
    return (vector_t){
        .source = {.name = "s", .auth = AUTH_STANDARD_WEBHOOKS, .secret = "s"},
        .secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        .at_s = 1614265330,
        .headers = {{bytes_str("webhook-id"), bytes_str("msg_p5jXN8AQM9LWM0D4loKWxJek")},
                    {bytes_str("webhook-timestamp"), bytes_str("1614265330")},
                    {bytes_str("webhook-signature"),
                     bytes_str("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")}},
        .count = 3,
        .body = bytes_str("{\"test\": 2432232314}")};
}

/* The same, signed with the key of RFC 8032 section 7.1, test 3. */
static vector_t signed_webhook(void)
{
    vector_t v = webhook();
    v.secret = "whpk_/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=";
    v.headers[2].value = bytes_str(
        "v1a,"
        "CbWWbcW7B69jFUBICrevjm7uB16AqaX4X9zprrpWvW4012zWjiDpguw4L1VnBIktLL4pyfhNhZgLFTYi5s10AA==");
    return v;
}

static vector_t hub(void)
{
    return (vector_t){
        .source = {.name = "s", .auth = AUTH_GITHUB, .secret = "s"},
        .secret = "It's a Secret to Everybody",
        .headers = {{bytes_str("x-hub-signature-256"),
                     bytes_str(
                         "sha256="
                         "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")}},
        .count = 1,
        .body = bytes_str("Hello, World!")};
}

static vector_t header(void)
{
    return (vector_t){
        .source = {.name = "s", .auth = AUTH_HEADER, .secret = "s", .header = "x-api-key"},
        .secret = "open-sesame",
        .headers = {{bytes_str("x-api-key"), bytes_str("open-sesame")}},
        .count = 1,
        .body = bytes_str("{}")};
}

static vector_t bearer(void)
{
    return (vector_t){.source = {.name = "s", .auth = AUTH_BEARER, .secret = "s"},
                      .secret = "open-sesame",
                      .headers = {{bytes_str("authorization"), bytes_str("Bearer open-sesame")}},
                      .count = 1};
}

static vector_t (*const vectors[])(void) = {slack, webhook, signed_webhook, hub, header, bearer};

static belief_t belief_at(const vector_t *v, signature_keys_t keys, int64_t wall_us)
{
    const http_request_t r = {.headers = v->headers, .header_count = v->count, .body = v->body};
    return signature_belief(&v->source, &r, keys, (wall_t){wall_us});
}

static belief_t belief(const vector_t *v)
{
    return belief_at(v, (signature_keys_t){.secret = bytes_str(v->secret)}, v->at_s * US_PER_S);
}

/* ---- what is right */

static void every_senders_own_vector_is_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        vector_t v = vectors[i]();
        if (belief(&v) != BELIEF_FULL)
            fail_msg("vector %zu", i);
    }
}

/* ---- what is nearly right */

/* Every bit of `what`, which lies in the vector, is changed once; none may be believed. */
static void refuse_every_bit(vector_t *v, bytes_t *what, const char *name)
{
    bytes_t right = *what;
    uint8_t *changed = malloc(right.len);
    assert_non_null(changed);
    for (size_t bit = 0; bit < right.len * 8; bit++) {
        memcpy(changed, right.data, right.len);
        changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        *what = bytes_of(changed, right.len);
        if (belief(v) != BELIEF_NONE)
            fail_msg("%s: bit %zu changed", name, bit);
    }
    *what = right;
    free(changed);
    assert_int_equal(belief(v), BELIEF_FULL);
}

static void every_bit_changed_is_seen(void **state)
{
    (void)state;
    vector_t s = slack(), w = webhook(), h = header();
    refuse_every_bit(&s, &s.headers[0].value, "slack's time");
    refuse_every_bit(&s, &s.headers[1].value, "slack's signature");
    refuse_every_bit(&s, &s.body, "slack's body");
    refuse_every_bit(&w, &w.headers[0].value, "the webhook's id");
    refuse_every_bit(&w, &w.headers[1].value, "the webhook's time");
    refuse_every_bit(&w, &w.headers[2].value, "the webhook's signature");
    refuse_every_bit(&w, &w.body, "the webhook's body");
    refuse_every_bit(&h, &h.headers[0].value, "the header");
}

static void a_missing_header_is_no_signature(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        vector_t v = vectors[i]();
        for (size_t k = 0; k < v.count; k++) {
            vector_t without = v;
            without.headers[k] = without.headers[--without.count];
            if (belief(&without) != BELIEF_NONE)
                fail_msg("vector %zu without header %zu", i, k);
        }
    }
}

static void without_its_secret_nobody_is_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        vector_t v = vectors[i]();
        assert_int_equal(belief_at(&v, (signature_keys_t){0}, v.at_s * US_PER_S), BELIEF_NONE);
    }
}

static void one_of_several_webhook_signatures_is_enough(void **state)
{
    (void)state;
#define RIGHT "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define OTHER "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
    static const struct {
        const char *list;
        bool good;
    } rows[] = {
        {RIGHT, true},
        {OTHER " " RIGHT, true},
        {RIGHT " " OTHER, true},
        {"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TB"
         "Ag== " RIGHT,
         true},
        {"  " RIGHT " ", true},
        {OTHER, false},
        {"v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", false},
        {"v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", false},
        {"g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", false},
        {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", false},
        {RIGHT "," OTHER, false},
        {"v1,", false},
        {" ", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        vector_t v = webhook();
        v.headers[2].value = bytes_str(rows[i].list);
        if ((belief(&v) == BELIEF_FULL) != rows[i].good)
            fail_msg("\"%s\"", rows[i].list);
    }
}

/* A dot would let id and time be cut another way. */
static void a_dot_in_the_webhooks_id_is_refused(void **state)
{
    (void)state;
    vector_t v = webhook();
    v.headers[0].value = bytes_str("a.1614265330");
    v.body = bytes_str("x");
    uint8_t key[64];
    long length = crypto_base64_decode(bytes_str(v.secret + 6), key, sizeof key);
    bytes_t content = bytes_str("a.1614265330.1614265330.x");
    sha256_t hash = hmac_sha256(bytes_of(key, (size_t)length), content);
    char value[3 + SHA256_BASE64] = "v1,";
    sha256_base64(&hash, value + 3);
    v.headers[2].value = bytes_str(value);
    assert_int_equal(belief(&v), BELIEF_NONE);
}

/* ---- time */

static void a_time_more_than_five_minutes_away_is_stale_not_wrong(void **state)
{
    (void)state;
    static const struct {
        int64_t late_us;
        belief_t wanted;
    } rows[] = {
        {0, BELIEF_FULL},
        {300 * US_PER_S, BELIEF_FULL},
        {300 * US_PER_S + 1, BELIEF_STALE},
        {-300 * US_PER_S, BELIEF_FULL},
        {-300 * US_PER_S - 1, BELIEF_STALE},
        {86400 * US_PER_S, BELIEF_STALE},
    };
    vector_t (*const timed[])(void) = {slack, webhook};
    for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(timed); i++) {
        vector_t v = timed[i % 2]();
        int64_t wall_us = v.at_s * US_PER_S + rows[i / 2].late_us;
        const signature_keys_t keys = {.secret = bytes_str(v.secret)};
        assert_int_equal(belief_at(&v, keys, wall_us), rows[i / 2].wanted);
        v.body = bytes_str("other"); /* to a stranger it is wrong, whatever the time */
        assert_int_equal(belief_at(&v, keys, wall_us), BELIEF_NONE);
    }
}

static void only_plain_seconds_are_a_time(void **state)
{
    (void)state;
    static const char *const times[] = {
        "", "-1531420618", "1531420618.0", "1531420618 ", "0x1", "9999999999999999999999", "now"};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        vector_t v = slack();
        char hex[3 + SHA256_HEX] = "v0=";
        bytes_t parts[] = {bytes_str("v0:"), bytes_str(times[i]), bytes_str(":"), v.body};
        sha256_t hash = hmac_sha256_of(bytes_str(v.secret), parts, COUNT_OF(parts));
        sha256_hex(&hash, hex + 3);
        v.headers[0].value = bytes_str(times[i]);
        v.headers[1].value = bytes_str(hex);
        if (belief(&v) != BELIEF_STALE)
            fail_msg("\"%s\"", times[i]);
    }
}

/* ---- two live secrets */

static void in_a_rotation_either_secret_is_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        vector_t v = vectors[i]();
        bytes_t right = bytes_str(v.secret);
        bytes_t other = bytes_str("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        const struct {
            signature_keys_t keys;
            belief_t wanted;
        } rows[] = {
            {{right, other}, BELIEF_FULL}, {{other, right}, BELIEF_FULL},
            {{right, right}, BELIEF_FULL}, {{bytes_of(NULL, 0), right}, BELIEF_FULL},
            {{other, other}, BELIEF_NONE}, {{other, bytes_of(NULL, 0)}, BELIEF_NONE},
        };
        for (size_t k = 0; k < COUNT_OF(rows); k++)
            if (belief_at(&v, rows[k].keys, v.at_s * US_PER_S) != rows[k].wanted)
                fail_msg("vector %zu, row %zu", i, k);
    }
}

/* ---- secrets of Standard Webhooks */

static void a_webhook_secret_is_base_64_with_or_without_its_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        bool usable, right;
    } rows[] = {
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true, true},
        {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true, true},
        {"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", true, false},
        {"whsec_", false, false},
        {"whpk_", false, false},
        {"whpk_/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=", true, false}, /* signed by v1 */
        {"whpk_/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgA==", false, false},
        {"whsk_xaqN9D+fg3vttEQvMdy3sWbThTUHbwlLhc46LgtEWPc=", false, false},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", false, false},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!", false, false},
        {" MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", false, false},
        {"plain text", false, false},
        {"====", false, false},
        {"AAAA====", false, false},
        {"AB==", false, false}, /* bits that are nobody's */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        vector_t v = webhook();
        v.secret = rows[i].secret;
        if ((belief(&v) == BELIEF_FULL) != rows[i].right ||
            signature_secret_is_usable(&v.source, bytes_str(v.secret)) != rows[i].usable)
            fail_msg("\"%s\"", rows[i].secret);
    }
}

static void base_64_is_that_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        const char *text, *plain; /* RFC 4648 section 10 */
    } rows[] = {{"Zg==", "f"},        {"Zm8=", "fo"},        {"Zm9v", "foo"},
                {"Zm9vYg==", "foob"}, {"Zm9vYmE=", "fooba"}, {"Zm9vYmFy", "foobar"}};
    uint8_t out[16];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        long length = crypto_base64_decode(bytes_str(rows[i].text), out, sizeof out);
        assert_true(length > 0 && bytes_is(bytes_of(out, (size_t)length), rows[i].plain));
    }
    assert_int_equal(crypto_base64_decode(bytes_str(""), out, sizeof out), -1);
    assert_int_equal(crypto_base64_decode(bytes_str("Zm9vYmFy"), out, 5), -1);
}

/* ---- the other side */

static void what_is_made_here_is_believed_here(void **state)
{
    (void)state;
    const wall_t now = {1700000000 * US_PER_S};
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        vector_t v = vectors[i]();
        static signed_fields_t made;
        bytes_t id = bytes_str("m1");
        if (strncmp(v.secret, "whpk_", 5) == 0) { /* the other half is the sender's alone */
            assert_false(signature_make(&v.source, bytes_str(v.secret), id, v.body, now, &made));
            continue;
        }
        assert_true(signature_make(&v.source, bytes_str(v.secret), id, v.body, now, &made));
        http_field_t headers[SIGNED_FIELDS_MAX + 1] = {{bytes_str("webhook-id"), id}};
        char names[SIGNED_FIELDS_MAX][64];
        for (size_t k = 0; k < made.count; k++) {
            for (size_t c = 0; c <= strlen(made.field[k].name); c++)
                names[k][c] = (char)tolower((unsigned char)made.field[k].name[c]);
            headers[k + 1] = (http_field_t){bytes_str(names[k]), bytes_str(made.field[k].value)};
        }
        const http_request_t r = {
            .headers = headers, .header_count = made.count + 1, .body = v.body};
        const signature_keys_t keys = {.secret = bytes_str(v.secret)};
        assert_int_equal(signature_belief(&v.source, &r, keys, now), BELIEF_FULL);
    }
}

static void nothing_is_made_with_a_secret_that_cannot_sign(void **state)
{
    (void)state;
    static signed_fields_t made;
    static char endless[2 * SIGNED_VALUE_BYTES];
    memset(endless, 'x', sizeof endless);
    vector_t w = webhook(), b = bearer();
    const wall_t now = {0};
    bytes_t id = bytes_str("m1"), none = bytes_of(NULL, 0), right = bytes_str(w.secret);
    assert_false(signature_make(&w.source, bytes_str("plain words"), id, w.body, now, &made));
    assert_false(signature_make(&w.source, right, none, w.body, now, &made));
    assert_false(signature_make(&w.source, right, bytes_str("a.b"), w.body, now, &made));
    assert_false(signature_make(&w.source, none, id, w.body, now, &made));
    bytes_t longer = bytes_of(endless, sizeof endless);
    assert_false(signature_make(&b.source, longer, id, b.body, now, &made));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_senders_own_vector_is_believed),
        cmocka_unit_test(every_bit_changed_is_seen),
        cmocka_unit_test(a_missing_header_is_no_signature),
        cmocka_unit_test(without_its_secret_nobody_is_believed),
        cmocka_unit_test(one_of_several_webhook_signatures_is_enough),
        cmocka_unit_test(a_dot_in_the_webhooks_id_is_refused),
        cmocka_unit_test(a_time_more_than_five_minutes_away_is_stale_not_wrong),
        cmocka_unit_test(only_plain_seconds_are_a_time),
        cmocka_unit_test(in_a_rotation_either_secret_is_believed),
        cmocka_unit_test(a_webhook_secret_is_base_64_with_or_without_its_prefix),
        cmocka_unit_test(base_64_is_that_of_the_standard),
        cmocka_unit_test(what_is_made_here_is_believed_here),
        cmocka_unit_test(nothing_is_made_with_a_secret_that_cannot_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
