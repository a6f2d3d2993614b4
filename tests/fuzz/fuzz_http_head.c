/* Any bytes as the head of a request: whole heads stay whole when more bytes follow, prefixes are
 * not whole, and all that is said lies within the bytes. */
#include "core/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lies_within(bytes_t part, const uint8_t *data, size_t size)
{
    must(part.len == 0 || (part.data >= data && part.data + part.len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static http_head_t whole, part;
    if (size > 16384)
        return 0;
    enum head_scan scan = http_head_scan(bytes_of(data, size), &whole);
    must((scan == HEAD_BAD) == (whole.status != 0));
    must(whole.status == 0 || (whole.status >= 400 && whole.status <= 505));
    if (scan == HEAD_WHOLE) {
        must(whole.len > 0 && whole.len <= size);
        lies_within(whole.method, data, whole.len);
        lies_within(whole.target, data, whole.len);
        for (size_t i = 0; i < whole.field_count; i++) {
            lies_within(whole.fields[i].name, data, whole.len);
            lies_within(whole.fields[i].value, data, whole.len);
        }
    }
    for (size_t cut = 0; cut < size && cut < 64; cut++) {
        enum head_scan earlier = http_head_scan(bytes_of(data, cut), &part);
        must(earlier != HEAD_WHOLE || scan == HEAD_WHOLE);
        must(earlier != HEAD_BAD || scan == HEAD_BAD);
    }
    return 0;
}
