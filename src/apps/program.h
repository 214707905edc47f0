// `godwit` as it is wired: the verbs of cli/program.h by this folder's functions.
#pragma once

#include "cli/program.h"

namespace godwit::apps {

cli::Program make_program();

// Runs the words of main()'s arguments, also those that the cloud says to itself. The exit status.
int run_program(const cli::Program& program, int argc, char** argv);

}  // namespace godwit::apps
