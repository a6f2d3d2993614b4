/* Whose request is it, behind proxies? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sys/forwarded.h"

static network_t trusted[4];

static int trust(void **state)
{
    static const char *const texts[] = {"10.0.0.0/8", "127.0.0.1", "2001:db8:1::/48", "192.0.2.7"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_true(network_read(bytes_str(texts[i]), &trusted[i]));
    return 0;
}

static const char *client_of(bool rfc7239, const char *first, const char *second)
{
    static char text[ADDRESS_TEXT];
    const char *name = rfc7239 ? "forwarded" : "x-forwarded-for";
    const http_field_t fields[] = {{bytes_str("host"), bytes_str("x")},
                                   {bytes_str(name), bytes_str(first)},
                                   {bytes_str(rfc7239 ? "x-forwarded-for" : "forwarded"),
                                    bytes_str(rfc7239 ? "6.6.6.6" : "for=6.6.6.6")},
                                   {bytes_str(name), bytes_str(second)}};
    const forwarded_t f = {trusted, COUNT_OF(trusted), rfc7239};
    address_t client;
    assert_true(address_read(bytes_str("10.1.2.3"), &client));
    forwarded_client(&f, fields, second ? 4 : 3, &client);
    address_write(&client, text);
    return text;
}

static void networks_are_read_strictly(void **state)
{
    static const char *const good[] = {
        "0.0.0.0/0", "10.0.0.0/8",    "192.0.2.7/32",        "::/0",
        "::1",       "2001:db8::/32", "::ffff:10.0.0.0/104", "fe80::/10"};
    static const char *const bad[] = {"",
                                      "/",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.1/8",
                                      "10.0.0/8",
                                      "10/8",
                                      "::/129",
                                      "[::1]",
                                      "10.0.0.0/08",
                                      "x",
                                      "10.0.0.0/8/8",
                                      "10.0.0.0/-1",
                                      "::ffff:0.0.0.0/95",
                                      " 10.0.0.1",
                                      "10.0.0.1 "};
    network_t n;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!network_read(bytes_str(good[i]), &n))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (network_read(bytes_str(bad[i]), &n))
            fail_msg("%s was taken", bad[i]);
}

static void a_network_has_what_begins_as_it_does(void **state)
{
    static const struct {
        const char *network, *address;
        bool has;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},           {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.9.9.9", true},      {"192.168.128.0/17", "192.168.255.1", true},
        {"192.168.128.0/17", "192.168.127.1", false}, {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "2001:db8::1", false},          {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false}, {"::1", "::1", true},
        {"::ffff:10.0.0.0/104", "10.1.1.1", true}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        network_t n;
        address_t a;
        assert_true(network_read(bytes_str(rows[i].network), &n));
        assert_true(address_read(bytes_str(rows[i].address), &a));
        if (network_has(&n, 1, &a) != rows[i].has)
            fail_msg("%s in %s", rows[i].address, rows[i].network);
    }
}

static void the_right_most_untrusted_hop_is_the_client(void **state)
{
    static const struct {
        const char *first, *second, *client;
    } rows[] = {
        {"198.51.100.9", NULL, "198.51.100.9"},
        {"1.1.1.1, 198.51.100.9", NULL, "198.51.100.9"}, /* whatever it claims itself */
        {"127.0.0.1, 198.51.100.9, 10.0.0.2", NULL, "198.51.100.9"},
        {"1.1.1.1", "198.51.100.9", "198.51.100.9"}, /* two lines are one list */
        {"198.51.100.9", "10.0.0.2", "198.51.100.9"},
        {"198.51.100.9:4711", NULL, "198.51.100.9"},
        {"2001:db8::9", NULL, "2001:db8::9"},
        {"[2001:db8::9]:4711", NULL, "2001:db8::9"},
        {"[2001:db8::9]", NULL, "2001:db8::9"},
        {"::ffff:198.51.100.9", NULL, "198.51.100.9"},
        {"\t198.51.100.9 ", NULL, "198.51.100.9"},
        {"10.0.0.2, 10.0.0.3", NULL, "10.0.0.2"}, /* all trusted: the first */
        {"127.0.0.1", NULL, "127.0.0.1"},
        /* what cannot be read ends the search */
        {"", NULL, "10.1.2.3"},
        {"unknown", NULL, "10.1.2.3"},
        {"198.51.100.9, unknown", NULL, "10.1.2.3"},
        {"198.51.100.9,", NULL, "198.51.100.9"},
        {"198.51.100.9, ,10.0.0.2", NULL, "10.0.0.2"},
        {"198.51.100.9:", NULL, "10.1.2.3"},
        {"198.51.100.9:x", NULL, "10.1.2.3"},
        {"198.51.100.9:123456", NULL, "10.1.2.3"},
        {"198.51.100.009", NULL, "10.1.2.3"},
        {"3325256713", NULL, "10.1.2.3"},
        {"[2001:db8::9", NULL, "10.1.2.3"},
        {"[2001:db8::9]x", NULL, "10.1.2.3"},
        {"2001:db8::9%eth0", NULL, "10.1.2.3"},
        {"\"198.51.100.9\"", NULL, "10.1.2.3"},
        {"for=198.51.100.9", NULL, "10.1.2.3"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(client_of(false, rows[i].first, rows[i].second), rows[i].client) != 0)
            fail_msg("%s: %s", rows[i].first, client_of(false, rows[i].first, rows[i].second));
}

static void forwarded_is_read_as_rfc_7239_has_it(void **state)
{
    static const struct {
        const char *first, *client;
    } rows[] = {
        {"for=198.51.100.9", "198.51.100.9"},
        {"For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
        {"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"},
        {"proto=https ; FOR=198.51.100.9", "198.51.100.9"},
        {"for=192.0.2.43, for=198.51.100.17", "198.51.100.17"},
        {"for=198.51.100.17, for=10.0.0.9", "198.51.100.17"},
        {"for=\"198.51.100.9:80\"", "198.51.100.9"},
        {"for=6.6.6.6, for=198.51.100.9;ext=\"a,b;for=7.7.7.7\"", "198.51.100.9"},
        {"for=6.6.6.6, for=198.51.100.9;ext=\"a\\\",for=7.7.7.7\"", "198.51.100.9"},
        {"for=198.51.100.9, proto=http", "10.1.2.3"}, /* this proxy did not say */
        {"for=unknown", "10.1.2.3"},
        {"for=_hidden", "10.1.2.3"},
        {"for=", "10.1.2.3"},
        {"for=\"", "10.1.2.3"},
        {"for=\"198.51.100.9", "10.1.2.3"},
        {"xfor=198.51.100.9", "10.1.2.3"},
        {"", "10.1.2.3"},
        {";;;,,,;", "10.1.2.3"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(client_of(true, rows[i].first, NULL), rows[i].client) != 0)
            fail_msg("%s: %s", rows[i].first, client_of(true, rows[i].first, NULL));
}

static void a_long_list_costs_no_more_than_its_right_end(void **state)
{
    char list[12000] = "198.51.100.9";
    (void)state;
    for (size_t used = strlen(list); used + 12 < sizeof list; used += 10)
        strcpy(list + used, ",10.0.0.99");
    assert_string_equal(client_of(false, list, NULL), "10.0.0.99");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_read_strictly),
        cmocka_unit_test(a_network_has_what_begins_as_it_does),
        cmocka_unit_test(the_right_most_untrusted_hop_is_the_client),
        cmocka_unit_test(forwarded_is_read_as_rfc_7239_has_it),
        cmocka_unit_test(a_long_list_costs_no_more_than_its_right_end),
    };
    return cmocka_run_group_tests(tests, trust, NULL);
}
