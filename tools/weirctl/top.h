/* top.h: the picture of `weirctl top`, weir.top/1 of docs/ctl.schemas.json, for people. */
#ifndef WEIRCTL_TOP_H
#define WEIRCTL_TOP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* screen: one screen of a terminal, written anew; else all of it, below the one before. */
void show_top(const json_t *picture, bool screen, int64_t every_s); /* show_top.c */

#endif
