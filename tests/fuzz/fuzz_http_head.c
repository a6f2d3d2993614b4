/* Any bytes as the head of a request: whole heads stay whole when more bytes follow, and prefixes
 * are not whole. */
#include "sys/http_server_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct head_verdict whole, part;
    if (size > 16384)
        return 0;
    enum head_scan scan = http_head_scan(bytes_of(data, size), &whole);
    must((scan == HEAD_BAD) == (whole.status != 0));
    must(whole.status == 0 || (whole.status >= 400 && whole.status <= 505));
    for (size_t cut = 0; cut < size && cut < 64; cut++) {
        enum head_scan earlier = http_head_scan(bytes_of(data, cut), &part);
        must(earlier != HEAD_WHOLE || scan == HEAD_WHOLE);
        must(earlier != HEAD_BAD || scan == HEAD_BAD);
    }
    return 0;
}
