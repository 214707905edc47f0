// Tries the seeds, which must be taken as sound, and then inputs made of them.
//
//   fuzz_NAME [--runs N] [--seed N]    runs: the target's own number, 30 times it with GODWIT_ALL=1
//                                      (5 times under a sanitizer, which takes 10 times as long)
//   fuzz_NAME FILE...                  only these inputs
//
// A crash or a broken law leaves the input in ./build/crash-NAME-SEED, or where GODWIT_CRASH_DIR
// says.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/fuzz.h"
#include "fuzz/corpus.h"
#include "fuzz/mutator.h"

// Of the sanitizers' run time, where the program has one.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*)());

namespace godwit::fuzz {
namespace {

// More than any input of 16 KiB may cost a parser. Not under a sanitizer, whose shadow is larger.
constexpr rlim_t kMemoryMax = rlim_t{1} << 30;

// What a dying program can still say: no allocation from here on.
std::string_view g_input;
char g_crash_file[4096];

void keep_input() {
  const int fd = open(g_crash_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, g_input.data(), g_input.size()) < 0) return;
  close(fd);
  constexpr std::string_view kSaid = "\nthe input is in ";
  (void)!write(STDERR_FILENO, kSaid.data(), kSaid.size());
  (void)!write(STDERR_FILENO, g_crash_file, std::strlen(g_crash_file));
  (void)!write(STDERR_FILENO, "\n", 1);
}

void on_signal(int number) {
  keep_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void watch_over(const char* program, std::uint64_t seed) {
  const char* name = std::strrchr(program, '/');
  const char* dir = std::getenv("GODWIT_CRASH_DIR");
  std::snprintf(g_crash_file, sizeof g_crash_file, "%s/crash-%s-%llu", dir ? dir : "build",
                name ? name + 1 : program, static_cast<unsigned long long>(seed));
  if (__sanitizer_set_death_callback) return __sanitizer_set_death_callback(keep_input);
  const rlimit memory{kMemoryMax, kMemoryMax};
  setrlimit(RLIMIT_AS, &memory);
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM})
    std::signal(number, on_signal);
}

bool try_one(std::string_view input) {
  g_input = input;
  return try_input(input);
}

int try_files(char** paths, int count) {
  for (int i = 0; i < count; ++i) {
    std::ifstream in(paths[i], std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    std::printf("%s: %s\n", paths[i], try_one(text) ? "sound" : "refused");
  }
  return 0;
}

int run(std::uint64_t seed, long runs) {
  const std::vector<std::string> seeds = read_corpus();
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (try_one(seeds[i])) continue;
    std::fprintf(stderr, "seed %zu is refused: %s\n", i, seeds[i].substr(0, 200).c_str());
    return 1;
  }
  Mutator mutator(seeds, seed);
  long sound = 0;
  for (long i = 0; i < runs; ++i) sound += try_one(mutator.next());
  std::printf("%zu seeds, %ld inputs made of them: %ld sound, %ld refused\n", seeds.size(), runs,
              sound, runs - sound);
  return 0;
}

int start(int argc, char** argv) {
  std::uint64_t seed = 1;
  const char* all = std::getenv("GODWIT_ALL");
  const long more = __sanitizer_set_death_callback ? 5 : 30;
  long runs = corpus().runs * (all && std::strcmp(all, "1") == 0 ? more : 1L);
  int at = 1;
  for (; at + 1 < argc; at += 2) {
    if (std::strcmp(argv[at], "--runs") == 0)
      runs = std::strtol(argv[at + 1], nullptr, 10);
    else if (std::strcmp(argv[at], "--seed") == 0)
      seed = std::strtoull(argv[at + 1], nullptr, 10);
    else
      break;
  }
  watch_over(argv[0], seed);
  return at < argc ? try_files(argv + at, argc - at) : run(seed, runs);
}

}  // namespace
}  // namespace godwit::fuzz

int main(int argc, char** argv) { return godwit::fuzz::start(argc, argv); }
