/* Believing senders: the vectors of the vendors, and everything that is nearly right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/crypto.h"
#include "sys/signature.h"

static const char secret[] = "It's a Secret to Everybody";
static const char body[] = "Hello, World!";
static const char signature[] =
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

static const source_t github = {.name = "hub", .auth = AUTH_GITHUB, .secret = "s"};
static const source_t bearer = {.name = "api", .auth = AUTH_BEARER, .secret = "s"};
static const source_t local = {.name = "desk", .auth = AUTH_NONE_ON_LOOPBACK};

static bool holds(const source_t *source, const char *name, bytes_t value, bytes_t content,
                  const char *key)
{
    http_field_t field = {bytes_str(name), value};
    http_request_t r = {.headers = &field, .header_count = name ? 1 : 0, .body = content};
    return signature_belief(source, &r, (signature_keys_t){.secret = bytes_str(key)},
                            (wall_t){0}) == BELIEF_FULL;
}

static void githubs_own_vector_is_believed(void **state)
{
    (void)state;
    assert_true(
        holds(&github, "x-hub-signature-256", bytes_str(signature), bytes_str(body), secret));
}

static void every_bit_changed_in_the_body_is_seen(void **state)
{
    (void)state;
    char changed[sizeof body];
    for (size_t bit = 0; bit < (sizeof body - 1) * 8; bit++) {
        memcpy(changed, body, sizeof body);
        changed[bit / 8] ^= (char)(1 << bit % 8);
        assert_false(holds(&github, "x-hub-signature-256", bytes_str(signature),
                           bytes_of(changed, sizeof body - 1), secret));
    }
}

static void every_bit_changed_in_the_signature_is_seen(void **state)
{
    (void)state;
    char changed[sizeof signature];
    for (size_t bit = 0; bit < (sizeof signature - 1) * 8; bit++) {
        memcpy(changed, signature, sizeof signature);
        changed[bit / 8] ^= (char)(1 << bit % 8);
        assert_false(holds(&github, "x-hub-signature-256", bytes_of(changed, sizeof signature - 1),
                           bytes_str(body), secret));
    }
}

static void what_is_nearly_a_signature_is_none(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",
        "sha256=",
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha1=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e177",
        "sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17"};
    for (size_t i = 0; i < COUNT_OF(values); i++)
        assert_false(
            holds(&github, "x-hub-signature-256", bytes_str(values[i]), bytes_str(body), secret));
    assert_false(holds(&github, NULL, bytes_str(NULL), bytes_str(body), secret));
    assert_false(holds(&github, "x-hub-signature", bytes_str(signature), bytes_str(body), secret));
}

static void without_its_secret_nobody_is_believed(void **state)
{
    (void)state;
    bytes_t empty = bytes_of(NULL, 0);
    sha256_t of_empty = hmac_sha256(empty, bytes_str(body));
    char value[7 + SHA256_HEX] = "sha256=";
    sha256_hex(&of_empty, value + 7);
    assert_false(holds(&github, "x-hub-signature-256", bytes_str(value), bytes_str(body), NULL));
    assert_false(holds(&bearer, "authorization", bytes_str("Bearer "), bytes_str(body), NULL));
    assert_false(holds(&bearer, "authorization", bytes_str("Bearer"), bytes_str(body), NULL));
}

static void a_bearer_token_is_compared_whole(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool good;
    } rows[] = {
        {"Bearer open-sesame", true},
        {"bearer open-sesame", true},
        {"Bearer open-sesam", false},
        {"Bearer open-sesame ", false},
        {"Bearer  open-sesame", false},
        {"open-sesame", false},
        {"Basic open-sesame", false},
        {"Bearer Open-sesame", false},
        {"Bearer", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (holds(&bearer, "authorization", bytes_str(rows[i].value), bytes_str(""),
                  "open-sesame") != rows[i].good)
            fail_msg("\"%s\"", rows[i].value);
}

static void a_source_without_a_secret_is_believed_on_this_host_only(void **state)
{
    (void)state;
    http_request_t r = {.loopback = true};
    assert_int_equal(signature_belief(&local, &r, (signature_keys_t){0}, (wall_t){0}), BELIEF_FULL);
    r.loopback = false;
    assert_int_equal(signature_belief(&local, &r, (signature_keys_t){0}, (wall_t){0}), BELIEF_NONE);
}

static void sha256_and_hmac_are_those_of_the_standards(void **state)
{
    (void)state;
    char hex[SHA256_HEX];
    bytes_t parts[] = {bytes_str("a"), bytes_str(""), bytes_str("bc")};
    sha256_t hash = sha256_of(parts, COUNT_OF(parts)); /* FIPS 180-4, "abc" */
    sha256_hex(&hash, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash = hmac_sha256(bytes_str("Jefe"), bytes_str("what do ya want for nothing?")); /* RFC 4231 */
    sha256_hex(&hash, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hash = sha256_of(NULL, 0);
    sha256_hex(&hash, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void secrets_are_equal_only_byte_for_byte(void **state)
{
    (void)state;
    assert_true(crypto_secret_equal(bytes_str("abc"), bytes_str("abc")));
    assert_false(crypto_secret_equal(bytes_str("abc"), bytes_str("abd")));
    assert_false(crypto_secret_equal(bytes_str("abc"), bytes_str("abcd")));
    assert_true(crypto_equal(bytes_of(NULL, 0), bytes_of(NULL, 0)));
    assert_false(crypto_equal(bytes_str("a"), bytes_str("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(githubs_own_vector_is_believed),
        cmocka_unit_test(every_bit_changed_in_the_body_is_seen),
        cmocka_unit_test(every_bit_changed_in_the_signature_is_seen),
        cmocka_unit_test(what_is_nearly_a_signature_is_none),
        cmocka_unit_test(without_its_secret_nobody_is_believed),
        cmocka_unit_test(a_bearer_token_is_compared_whole),
        cmocka_unit_test(a_source_without_a_secret_is_believed_on_this_host_only),
        cmocka_unit_test(sha256_and_hmac_are_those_of_the_standards),
        cmocka_unit_test(secrets_are_equal_only_byte_for_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
