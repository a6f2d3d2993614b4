/* What must not be misread: every request of http_vectors.txt on a connection of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http_raw_client.h"

#define VECTORS "tests/unit/http_vectors.txt"

static size_t unescape(const char *from, char *out)
{
    size_t n = 0;
    for (; *from && *from != '\n'; from++) {
        if (*from != '\\') {
            out[n++] = *from;
            continue;
        }
        from++;
        unsigned byte = 0;
        if (*from == 'x' && sscanf(from + 1, "%2x", &byte) == 1) {
            out[n++] = (char)byte;
            from += 2;
        } else {
            out[n++] = *from == 'r' ? '\r' : *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
        }
    }
    return n;
}

/* One line: what must come ("200": served; "4xx": a refusal; "done": any of both, or closed), a
 * label, the bytes. */
static bool vector_holds(const struct world *w, const char *line)
{
    static char raw[65536];
    char want[8] = "", label[128] = "";
    assert_int_equal(sscanf(line, "%7s %127[^|]", want, label), 2);
    size_t len = unescape(strchr(line, '|') + 2, raw);
    struct heard h = {0};
    int fd = dial(w);
    say_bytes(fd, raw, len);
    shutdown(fd, SHUT_WR);
    hear(fd, &h, sizeof h.text - 1);
    close(fd);
    unsigned status = h.len > 12 ? (unsigned)strtoul(h.text + 9, NULL, 10) : 0;
    if (status == 100) {
        const char *next = strstr(h.text, "\r\n\r\n");
        status = next && next[4] ? (unsigned)strtoul(next + 13, NULL, 10) : 0;
    }
    bool answered_once = !strstr(h.text + (h.len ? 1 : 0), "HTTP/1.1 ") || strcmp(want, "200") == 0;
    bool refused = (status >= 400 && status < 500) || status == 501 || status == 505;
    bool fits = strcmp(want, "200") == 0 ? status == 200
                : strcmp(want, "4xx") == 0
                    ? refused && answered_once
                    : status == 200 || status == 204 || refused || status == 0;
    if (!h.closed || !fits)
        print_error("vector %s: wanted %s, got %u, %s\n%s\n", label, want, status,
                    h.closed ? "closed" : "OPEN", h.text);
    return h.closed && fits;
}

static void every_malformed_request_is_refused_and_closed(void **state)
{
    (void)state;
    struct world w = {.options = calm()};
    static char line[65536];
    w.options.header_ms = w.options.body_ms = w.options.idle_ms = 400;
    FILE *f = fopen(VECTORS, "r");
    assert_non_null(f);
    unsigned count = 0, wrong = 0;
    start(&w);
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        count++;
        wrong += !vector_holds(&w, line);
    }
    fclose(f);
    stop(&w);
    assert_true(count >= 300);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_malformed_request_is_refused_and_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
