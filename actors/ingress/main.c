#include "actors/actor.h"

int main(int argc, char **argv) { return actor_main(&ingress_spec, argc, argv); }
