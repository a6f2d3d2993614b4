#include "actors/actor.h"

int main(int argc, char **argv) { return actor_main(&responder_spec, argc, argv); }
