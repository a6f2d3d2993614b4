#include "actors/actor.h"

int main(int argc, char **argv) { return actor_main(&limiter_spec, argc, argv); }
