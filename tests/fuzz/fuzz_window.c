/* A byte for the count, then a window as it was kept. What is read allows no more than the count,
 * and kept and read again it allows the same. */
#include <stdlib.h>

#include "core/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t SPAN_US = 30 * US_PER_S;
    static uint8_t kept[WINDOW_BYTES_MAX];
    if (size == 0)
        return 0;
    uint32_t count = data[0] + 1u;
    instant_t now = {1LL << 50};
    window_t *w = window_new(count, SPAN_US), *again = window_new(count, SPAN_US);
    if (window_from_bytes(w, bytes_of(data + 1, size - 1), now) == 0) {
        bytes_t same = bytes_of(kept, window_to_bytes(w, now, kept));
        must(window_from_bytes(again, same, now) == 0);
        for (uint32_t cost = 1; cost <= count; cost++)
            must(window_wait_us(w, now, cost) == window_wait_us(again, now, cost));
        must(window_left(w, now) == window_left(again, now));
        window_change(w, 1, SPAN_US);
        now.us += window_wait_us(w, now, 1);
        window_take(w, now, now, 1);
        must(window_left(w, now) == 0);
    }
    window_destroy(&w);
    window_destroy(&again);
    return 0;
}
