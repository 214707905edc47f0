#include "edges/qemu/guest.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace godwit::qemu {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const char* name_of(const ports::HypervisorCommand& command) {
  static constexpr const char* kNames[] = {"Boot",        "Receive",  "Run",    "Send",
                                           "CloseMirror", "Continue", "Finish", "Resume",
                                           "Discard",     "Inspect"};
  return kNames[command.index()];
}

// Questions and the clearing away are always answered; what may wait for a peer is aborted.
bool is_abortable(const ports::HypervisorCommand& command) {
  return !std::holds_alternative<ports::Discard>(command) &&
         !std::holds_alternative<ports::Inspect>(command);
}

std::string tail_of(const std::string& path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (text.size() > 500) text.erase(0, text.size() - 500);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

Status make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return system_error(std::format("make {}", path), error.value());
  // Sockets and keys in it are for its owner alone.
  if (::chmod(path.c_str(), 0700) != 0) return system_error(std::format("chmod {}", path), errno);
  return {};
}

bool is_qcow2(const std::string& path) {
  std::array<char, 4> magic{};
  std::ifstream file(path, std::ios::binary);
  file.read(magic.data(), magic.size());
  return file && magic == std::array<char, 4>{'Q', 'F', 'I', '\xfb'};
}

// Bytes 24 to 31 of a qcow2 file, big endian; 0 when it is none.
std::uint64_t qcow2_size(const std::string& path) {
  std::array<unsigned char, 32> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(head.data()), head.size());
  if (!file || !is_qcow2(path)) return 0;
  std::uint64_t size = 0;
  for (std::size_t i = 24; i < 32; ++i) size = size << 8 | head[i];
  return size;
}

}  // namespace

void remove_sockets(const GuestFiles& files) {
  for (const std::string* file : {&files.main, &files.oob, &files.control}) ::unlink(file->c_str());
}

Guest::Guest(Node node, GuestId id, GuestFiles files)
    : node_(node),
      id_(std::move(id)),
      files_(std::move(files)),
      qmp_(node.loop),
      oob_(node.loop),
      changed_(node.loop) {
  qmp_.on_event = [this](const QmpEvent& event) {
    if (event.name == "STOP") stopped_at_ = event.at;
    if (event.name == "RESUME") resumed_at_ = event.at;
    changed_.notify();
  };
}

void Guest::accept(ports::HypervisorCommand command) {
  const bool discards = std::holds_alternative<ports::Discard>(command);
  if (discards || std::holds_alternative<ports::Resume>(command)) {
    std::erase_if(queue_, is_abortable);
    if (working_ && abortable_) {
      aborted_ = true;
      // A command that waits for an answer of QEMU itself gets none any more.
      if (discards && program_) {
        end_expected_ = true;
        (void)io::send_signal(*program_, SIGKILL);
      }
      changed_.notify();
    }
  }
  queue_.push_back(std::move(command));
  if (working_) return;
  working_ = true;
  node_.loop.spawn(work());
}

io::Task<void> Guest::work() {
  while (!queue_.empty()) {
    const ports::HypervisorCommand command = std::move(queue_.front());
    queue_.pop_front();
    abortable_ = is_abortable(command);
    aborted_ = false;
    Answer result = co_await perform(command);
    if (aborted_) continue;
    if (result) {
      answer(std::move(*result));
    } else {
      answer(ports::Failed{name_of(command), result.error()});
    }
  }
  working_ = false;
}

io::Task<Answer> Guest::perform(const ports::HypervisorCommand& command) {
  using namespace ports;
  if (const auto* c = std::get_if<Discard>(&command)) co_return co_await discard(*c);
  Status attached = co_await attach();
  if (std::holds_alternative<Inspect>(command)) {
    if (!attached && attached.error().code == Code::kNotFound)
      co_return HypervisorAnswer{Inspected{}};
    CO_TRY(attached);
    co_return co_await inspect();
  }
  if (const auto* c = std::get_if<Boot>(&command)) co_return co_await boot(*c);
  if (const auto* c = std::get_if<Receive>(&command)) co_return co_await receive(*c);
  CO_TRY(attached);
  if (std::holds_alternative<Run>(command)) co_return co_await run();
  if (const auto* c = std::get_if<Send>(&command)) co_return co_await send(*c);
  if (std::holds_alternative<CloseMirror>(command)) co_return co_await close_mirror();
  if (std::holds_alternative<Continue>(command)) co_return co_await go_on();
  if (std::holds_alternative<Finish>(command)) co_return co_await finish();
  co_return co_await resume();
}

void Guest::answer(ports::HypervisorAnswer answer) { node_.sink.offer({id_, std::move(answer)}); }

io::Task<Status> Guest::news(Duration at_most) {
  if (!aborted_ && program_) co_await changed_.wait(at_most);
  if (aborted_) co_return fail(Code::kAborted, "overtaken by Resume or Discard");
  if (!program_) co_return unavailable(std::format("qemu ended: {}", how_ended_));
  co_return Status{};
}

io::Task<Result<json::Value>> Guest::qmp(std::string command, json::Value arguments,
                                         Duration timeout) {
  if (!program_) co_return unavailable(std::format("{}: qemu ended: {}", command, how_ended_));
  co_return co_await qmp_.execute(std::move(command), std::move(arguments), timeout);
}

io::Task<Status> Guest::attach() {
  if (!program_) {
    const auto found = io::read_pid_file(files_.pid);
    if (!found) co_return fail(Code::kNotFound, std::format("no qemu: {}", found.error().message));
    program_ = *found;
    end_expected_ = false;
    CO_ASSIGN_OR_RETURN(group_, open_group(node_.config, id_));
    node_.loop.spawn(watch(*program_));
  }
  if (!qmp_.connected()) co_return co_await connect(seconds{10});
  co_return Status{};
}

io::Task<Status> Guest::connect(Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    Status connected = co_await qmp_.connect(files_.main, seconds{5});
    // Now, since the negotiation itself needs QEMU's main loop.
    if (connected) connected = co_await oob_.connect(files_.oob, seconds{5}, QmpClient::Band::kOut);
    if (connected) co_return connected;
    if (std::chrono::steady_clock::now() > deadline) co_return connected;
    CO_TRY(co_await news(milliseconds{20}));
  }
}

io::Task<Status> Guest::make_overlay(const ports::MachineRecord& machine,
                                     const std::optional<StreamName>& stream) {
  CO_TRY(make_directories(files_.disk_dir));
  // A kept overlay holds only clusters that its source had written too, so the next mirror covers
  // them all. That is so within one generation; a later one may have begun from the image again.
  const std::string generation = stream ? std::to_string(stream->epoch.generation) : "";
  std::string kept;
  std::ifstream(files_.overlay_kept) >> kept;
  const bool usable =
      stream && kept == generation && qcow2_size(files_.overlay) == machine.overlay_bytes;
  if (!usable) {
    ::unlink(files_.overlay.c_str());
    // The backing file is named on QEMU's command line, not in the overlay: paths differ by node.
    std::vector<std::string> create = {
        node_.config.image_program,           "create", "-q", "-f", "qcow2", files_.overlay,
        std::to_string(machine.overlay_bytes)};
    CO_TRY(co_await io::run_program(std::move(create), files_.dir + "/image.log"));
  }
  std::ofstream(files_.overlay_kept, std::ios::trunc) << generation << '\n';
  co_return Status{};
}

io::Task<Status> Guest::start(const ports::MachineRecord& machine, const std::string& tap,
                              std::optional<StreamName> stream) {
  if (program_) co_return fail(Code::kAlreadyExists, "this guest has a qemu here");
  const std::string base = node_.config.image_dir + "/" + machine.base_sha256;
  // A source that waits for an answer has other places to go, and little time.
  std::optional<Duration> patience;
  if (stream) patience = node_.config.image_patience;
  CO_TRY(co_await node_.images.check(machine, patience));
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> argv,
                      arguments(CommandLine{node_.config, files_, id_, machine, tap, stream,
                                            node_.kvm, !is_qcow2(base)}));
  CO_TRY(make_directories(files_.dir));
  CO_TRY(co_await make_overlay(machine, stream));
  if (aborted_) co_return fail(Code::kAborted, "overtaken");
  remove_sockets(files_);
  ::unlink(files_.log.c_str());
  stopped_at_.reset();
  resumed_at_.reset();
  CO_ASSIGN_OR_RETURN(const auto uid, claim_uid(node_.config, files_));
  std::vector<std::string> words = launcher(uid, node_.kvm);
  words.insert(words.end(), argv.begin(), argv.end());
  CO_ASSIGN_OR_RETURN(group_, open_group(node_.config, id_));
  if (group_) CO_TRY(limit(*group_, machine));
  const io::ProgramStart program{.argv = words, .output = files_.log};
  CO_ASSIGN_OR_RETURN(program_, io::start_program(program));
  end_expected_ = true;
  node_.loop.spawn(watch(*program_));
  Status up = io::write_pid_file(files_.pid, *program_);
  if (up && group_) up = group_->add(program_->pid);
  if (up) up = co_await connect(node_.config.start_timeout);
  if (up && !machine.qemu_version.empty() && machine.qemu_version != qmp_.version())
    up = precondition(std::format("machine record asks for qemu {}, this node has {}",
                                  machine.qemu_version, qmp_.version()));
  if (!up) {
    (void)co_await kill();
    co_return in_context(tail_of(files_.log), std::move(up));
  }
  end_expected_ = aborted_;
  co_return up;
}

io::Task<void> Guest::watch(io::RunningProgram program) {
  const std::string how = co_await io::wait_ended(program);
  if (program_ != program) co_return;
  how_ended_ = how;
  program_.reset();
  qmp_.close();
  oob_.close();
  group_.reset();
  ::unlink(files_.pid.c_str());
  if (!end_expected_) answer(ports::Gone{how + ": " + tail_of(files_.log)});
  changed_.notify();
}

io::Task<Status> Guest::kill() {
  if (!program_) co_return Status{};
  end_expected_ = true;
  CO_TRY(io::send_signal(*program_, SIGKILL));
  const auto deadline = std::chrono::steady_clock::now() + node_.config.kill_timeout;
  while (program_) {
    if (std::chrono::steady_clock::now() > deadline)
      co_return fail(Code::kDeadlineExceeded,
                     std::format("qemu {} survives SIGKILL", program_->pid));
    co_await changed_.wait(milliseconds{100});
  }
  co_return Status{};
}

}  // namespace godwit::qemu
