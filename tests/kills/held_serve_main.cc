// held_serve CONFIG.json: see held_serve.h.
#include "tests/kills/held_serve.h"

int main(int argc, char** argv) {
  return argc == 2 ? godwit::handover::run_held_serve(argv[1]) : 64;
}
