// Programs that we start, and how we know them again after our own restart: by pid and start time,
// since a pid alone is given out again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "lib/io/loop.h"

namespace godwit::io {

struct RunningProgram {
  int pid = 0;
  std::uint64_t start_ticks = 0;  // Field 22 of /proc/PID/stat: clock ticks after boot.
  bool operator==(const RunningProgram&) const = default;
};

struct ProgramStart {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH.
  std::string output;             // stdout and stderr are appended here; empty: /dev/null.
  bool own_session = true;        // It then outlives us and gets none of our terminal's signals.
};

// Its stdin is /dev/null; no other descriptor of ours is passed on.
Result<RunningProgram> start_program(const ProgramStart& start);

// Starts and waits. The error holds what the program printed (its first 1,000 bytes).
Task<Status> run_program(std::vector<std::string> argv, std::string output_file);

RunningProgram this_program();

bool is_alive(const RunningProgram& program);

// Sends a signal; a program that has ended is success, and a pid that is another program's now is
// left alone.
Status send_signal(const RunningProgram& program, int signal);

// Waits until it has ended, also when it is not our child (pidfd). "exit status 1", "signal 9", or
// "ended" when it was not our child. Reaps our child: await it once per child.
Task<std::string> wait_ended(RunningProgram program);

// Written whole or not at all (rename). One line: "PID START".
Status write_pid_file(const std::string& path, const RunningProgram& program);
// NotFound: no such file, or the program has ended. DataLoss: not such a line.
Result<RunningProgram> read_pid_file(const std::string& path);

}  // namespace godwit::io
