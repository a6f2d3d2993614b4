#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sys/address.h"

static const struct {
    const char *text;
    enum address_kind kind;
} ranges[] = {
    {"8.8.8.8", ADDRESS_PUBLIC},
    {"1.1.1.1", ADDRESS_PUBLIC},
    {"9.255.255.255", ADDRESS_PUBLIC},
    {"10.0.0.0", ADDRESS_PRIVATE},
    {"10.255.255.255", ADDRESS_PRIVATE},
    {"11.0.0.0", ADDRESS_PUBLIC},
    {"100.63.255.255", ADDRESS_PUBLIC},
    {"100.64.0.0", ADDRESS_PRIVATE},
    {"100.127.255.255", ADDRESS_PRIVATE},
    {"100.128.0.0", ADDRESS_PUBLIC},
    {"100.100.100.200", ADDRESS_METADATA},
    {"126.255.255.255", ADDRESS_PUBLIC},
    {"127.0.0.1", ADDRESS_LOOPBACK},
    {"127.255.255.255", ADDRESS_LOOPBACK},
    {"128.0.0.0", ADDRESS_PUBLIC},
    {"169.253.255.255", ADDRESS_PUBLIC},
    {"169.254.0.0", ADDRESS_LINK_LOCAL},
    {"169.254.169.254", ADDRESS_METADATA},
    {"169.254.170.2", ADDRESS_METADATA},
    {"169.255.0.0", ADDRESS_PUBLIC},
    {"172.15.255.255", ADDRESS_PUBLIC},
    {"172.16.0.0", ADDRESS_PRIVATE},
    {"172.31.255.255", ADDRESS_PRIVATE},
    {"172.32.0.0", ADDRESS_PUBLIC},
    {"192.0.0.1", ADDRESS_RESERVED},
    {"192.0.0.192", ADDRESS_METADATA},
    {"192.0.1.0", ADDRESS_PUBLIC},
    {"192.0.2.1", ADDRESS_RESERVED},
    {"192.167.255.255", ADDRESS_PUBLIC},
    {"192.168.0.1", ADDRESS_PRIVATE},
    {"192.169.0.0", ADDRESS_PUBLIC},
    {"198.17.255.255", ADDRESS_PUBLIC},
    {"198.18.0.0", ADDRESS_PRIVATE},
    {"198.19.255.255", ADDRESS_PRIVATE},
    {"198.20.0.0", ADDRESS_PUBLIC},
    {"198.51.100.1", ADDRESS_RESERVED},
    {"203.0.113.1", ADDRESS_RESERVED},
    {"223.255.255.255", ADDRESS_PUBLIC},
    {"224.0.0.1", ADDRESS_MULTICAST},
    {"239.255.255.255", ADDRESS_MULTICAST},
    {"240.0.0.0", ADDRESS_RESERVED},
    {"255.255.255.255", ADDRESS_MULTICAST},
    {"0.0.0.0", ADDRESS_UNSPECIFIED},
    {"0.1.2.3", ADDRESS_UNSPECIFIED},
    {"168.63.129.16", ADDRESS_METADATA},
    {"2606:4700::1111", ADDRESS_PUBLIC},
    {"::", ADDRESS_UNSPECIFIED},
    {"::1", ADDRESS_LOOPBACK},
    {"::2", ADDRESS_RESERVED},
    {"fc00::1", ADDRESS_PRIVATE},
    {"fdff::1", ADDRESS_PRIVATE},
    {"fd00:ec2::254", ADDRESS_METADATA},
    {"fe80::1", ADDRESS_LINK_LOCAL},
    {"febf::1", ADDRESS_LINK_LOCAL},
    {"fec0::1", ADDRESS_PRIVATE},
    {"ff02::1", ADDRESS_MULTICAST},
    {"2001:db8::1", ADDRESS_RESERVED},
    {"3fff::1", ADDRESS_RESERVED},
    {"100::1", ADDRESS_RESERVED},
    {"4000::1", ADDRESS_RESERVED},
    {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
    {"::ffff:10.1.2.3", ADDRESS_PRIVATE},
    {"::ffff:8.8.8.8", ADDRESS_PUBLIC},
    {"::127.0.0.1", ADDRESS_LOOPBACK},
    {"64:ff9b::7f00:1", ADDRESS_LOOPBACK},
    {"64:ff9b::8.8.8.8", ADDRESS_PUBLIC},
    {"64:ff9b::a9fe:a9fe", ADDRESS_METADATA},
    {"64:ff9b:1::1", ADDRESS_PRIVATE},
    {"2002:7f00:1::", ADDRESS_LOOPBACK},
    {"2002:a00:1::", ADDRESS_PRIVATE},
    {"2002:808:808::1", ADDRESS_PUBLIC},
    {"2001:0:1:2:3:4:80ff:fffe", ADDRESS_LOOPBACK},
    {"2001:2::1", ADDRESS_RESERVED},
    {"::ffff:169.254.169.254", ADDRESS_METADATA},
};

static void every_range_has_its_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        address_t a;
        assert_true(address_read(bytes_str(ranges[i].text), &a));
        if (address_kind(&a) != ranges[i].kind)
            fail_msg("%s is %s", ranges[i].text, address_kind_name(address_kind(&a)));
    }
}

static void only_the_nearby_can_be_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool open, allowed;
    } rows[] = {
        {"8.8.8.8", true, true},     {"127.0.0.1", false, true},
        {"10.0.0.1", false, true},   {"fe80::1", false, true},
        {"fd00::1", false, true},    {"169.254.169.254", false, false},
        {"0.0.0.0", false, false},   {"::", false, false},
        {"224.0.0.1", false, false}, {"255.255.255.255", false, false},
        {"192.0.2.1", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        address_t a;
        assert_true(address_read(bytes_str(rows[i].text), &a));
        assert_int_equal(address_may_be_called(&a, false), rows[i].open);
        assert_int_equal(address_may_be_called(&a, true), rows[i].allowed);
    }
}

static void texts_that_are_no_literals_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         "1",         "1.2.3",        "1.2.3.4.5", "1.2.3.256",    "01.2.3.4",
        "1.2.3.04", "0x1.2.3.4", " 1.2.3.4",     "1.2.3.4 ",  "1.2.3.4\n",    "[1.2.3.4]",
        "[::1",     "::1]",      "fe80::1%eth0", "1::2::3",   ":::",          "12345::",
        "g::",      "localhost", "1.2.3.-4",     "[]",        "::ffff:1.2.3", "1.2.3.4/8",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        address_t a = {.family = 9};
        if (address_read(bytes_str(texts[i]), &a))
            fail_msg("taken: '%s'", texts[i]);
        assert_int_equal(a.family, 9);
    }
    assert_false(address_read(bytes_of("1.2.3.4\0", 8), &(address_t){0}));
}

static void an_address_is_written_as_it_is_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"1.2.3.4", "::1", "2001:db8::ff", "::ffff:1.2.3.4"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        address_t a, b;
        char text[ADDRESS_TEXT];
        assert_true(address_read(bytes_str(texts[i]), &a));
        address_write(&a, text);
        assert_string_equal(text, texts[i]);
        assert_true(address_read(bytes_str(text), &b));
        assert_true(address_equal(&a, &b));
    }
}

static void disguises_are_seen_through(void **state)
{
    (void)state;
    static const char *const disguised[] = {"127.1",     "0x7f.0.0.1", "2130706433", "0177.0.0.1",
                                            "1.2.3",     "0x7f000001", "a.b.1",      "127.0.0.1.",
                                            "1.2.3.4.5", "08.8.8.8",   "a.0x1"};
    static const char *const plain[] = {"127.0.0.1",   "example.com", "a1",  "1a.b",
                                        "x-1.example", "localhost",   "0xg", "example.com."};
    for (size_t i = 0; i < COUNT_OF(disguised); i++)
        if (!address_is_disguised(bytes_str(disguised[i])))
            fail_msg("not seen: %s", disguised[i]);
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        if (address_is_disguised(bytes_str(plain[i])))
            fail_msg("wrongly seen: %s", plain[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_range_has_its_kind),
        cmocka_unit_test(only_the_nearby_can_be_allowed),
        cmocka_unit_test(texts_that_are_no_literals_are_refused),
        cmocka_unit_test(an_address_is_written_as_it_is_read),
        cmocka_unit_test(disguises_are_seen_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
