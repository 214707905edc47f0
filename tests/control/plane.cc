#include "tests/control/plane.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>
#include <thread>

#include "apps/state_dir.h"
#include "edges/sqlite/row_json.h"
#include "edges/sqlite/store.h"

namespace godwit::handover {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

// Sends one line over a UNIX socket and reads one.
Result<std::string> exchange(const std::string& path, const std::string& line) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", errno);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path, path.c_str(), sizeof to.sun_path - 1);
  const timeval limit{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::string reply;
  bool good = connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
              send(fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
  while (good && !reply.ends_with('\n')) {
    char bytes[4096];
    const ssize_t got = read(fd, bytes, sizeof bytes);
    good = got > 0;
    if (good) reply.append(bytes, static_cast<std::size_t>(got));
  }
  close(fd);
  if (!good) return unavailable(std::format("{}: no answer", path));
  return reply;
}

}  // namespace

Result<std::unique_ptr<Plane>> Plane::make(const std::string& program) {
  std::unique_ptr<Plane> plane(new Plane);
  char folder[] = "/tmp/plane-XXXXXX";
  if (!mkdtemp(folder)) return system_error("mkdtemp", errno);
  plane->program_ = program;
  plane->folder_ = folder;
  TRY(apps::make_state_dir(plane->state_dir()));
  ASSIGN_OR_RETURN(plane->authority_, apps::open_authority(plane->state_dir(), now()));
  json::Value config;
  config.set("state_dir", plane->state_dir())
      .set("listen", std::format("{}:{}", lab::kControlAddress, kControlPort))
      .set("admin_door", plane->folder_ + "/door");
  std::ofstream(plane->config()) << config.dump();
  return plane;
}

Plane::~Plane() {
  kill();
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

Status Plane::start(const lab::Lab& lab) {
  ASSIGN_OR_RETURN(
      pid_, namespaces::spawn_inside(lab.control(), {program_, config()}, folder_ + "/serve.log"));
  return {};
}

void Plane::kill() {
  if (!pid_) return;
  ::kill(*pid_, SIGKILL);
  waitpid(*pid_, nullptr, 0);
  pid_.reset();
}

bool Plane::runs() {
  if (!pid_) return false;
  if (waitpid(*pid_, nullptr, WNOHANG) == 0) return true;
  pid_.reset();
  return false;
}

Result<json::Value> Plane::ask(const json::Value& request) const {
  ASSIGN_OR_RETURN(const std::string reply, exchange(folder_ + "/door", request.dump() + "\n"));
  return json::parse(reply);
}

json::Value Plane::ask_until(const json::Value& request, std::chrono::seconds limit) const {
  const auto end = Steady::now() + limit;
  for (;;) {
    auto reply = ask(request);
    if (reply) return *std::move(reply);
    if (Steady::now() > end) return json::Value{}.set("error", to_string(reply.error()));
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
}

json::Value Plane::create(const ports::MachineRecord& machine, const NodeId& node,
                          const ports::NodeNames& set) {
  json::Value::Array names;
  for (const NodeId& name : set) names.emplace_back(name.value);
  const auto row = sqlite::to_text(ports::GuestRow{.machine = machine});
  return json::Value{}
      .set("do", "create")
      .set("guest", kGuest.value)
      .set("node", node.value)
      .set("set", names)
      .set("machine", row ? json::parse(*row).value_or(json::Value{})["machine"] : json::Value{})
      .set("container", nullptr);
}

Result<ports::Rows> Plane::rows() const {
  const std::string path = apps::store_path(state_dir());
  if (!fs::exists(path)) return not_found(path);  // Opening would make one.
  ASSIGN_OR_RETURN(const auto store, sqlite::SqliteStore::open(path, ""));
  return store->load();
}

std::string Plane::log() const {
  std::ifstream in(folder_ + "/serve.log", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace godwit::handover
