// A guest's log, read by number; and after the guest has left: it follows, or goes.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "edges/guestlink/guest.h"

namespace godwit::guestlink {
namespace {

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Lines of before a move come from the source within seconds; a gap that stays is lost lines.
constexpr Duration kGapMax = std::chrono::seconds{10};

}  // namespace

void Guest::read_log(const ports::ReadLog& wanted) {
  ports::LogRead read{.id = wanted.id, .next = wanted.from};
  std::error_code ignored;
  if (!log_ && !std::filesystem::exists(dir_, ignored)) return offer(std::move(read));
  const auto store = log();
  const bool may_come = link_ && world_.clock() < attached_at_ + kGapMax;
  auto page = store ? (*store)->page(wanted, may_come)
                    : Result<LogStore::Page>(std::unexpected(store.error()));
  if (page) {
    read.lines = std::move(page->lines);
    read.next = page->next;
    read.more = page->more;
  } else {
    read.error = to_string(page.error());
  }
  offer(std::move(read));
}

// Tasks and links that end later find nothing to do, and no directory to write to.
void Guest::remove_log() {
  detach();
  follow_.reset();
  changed_.notify();
  std::error_code ignored;
  if (log_) return log_->clear();
  std::filesystem::remove_all(dir_, ignored);
}

void Guest::take_up() {
  const std::string to = read_whole(dir_ + "/follow");
  if (!to.empty()) follow(NodeId{to});
}

// The name is written before anything is sent, so that a killed agent's successor goes on.
void Guest::follow(const NodeId& to) {
  if (link_) return;
  std::error_code error;
  std::filesystem::create_directories(dir_, error);
  const std::string path = dir_ + "/follow";
  std::ofstream(path + ".new", std::ios::binary) << to.value << std::flush;
  if (read_whole(path + ".new") == to.value) std::filesystem::rename(path + ".new", path, error);
  if (error || read_whole(path) != to.value)
    return offer(ports::LogFailed{{Code::kResourceExhausted, std::format("write {}", path)}});
  follow_ = to;
  sent_said_ = false;
  if (!std::exchange(sending_, true)) world_.loop.spawn(send_logs());
  changed_.notify();
}

Status Guest::keep(const std::string& bytes) {
  ASSIGN_OR_RETURN(LogStore* const store, log());
  TRY(store->keep(bytes));
  if (!follow_ || link_) return {};
  sent_said_ = false;
  if (!std::exchange(sending_, true)) world_.loop.spawn(send_logs());
  return {};
}

io::Task<void> Guest::send_logs() {
  Duration pause = world_.config.retry_first;
  while (follow_ && !link_) {
    const NodeId to = *follow_;
    const auto store = log();
    const auto segments = store ? (*store)->segments() : std::vector<std::string>{};
    if (!store) offer(ports::LogFailed{store.error()});
    if (segments.empty()) {
      if (store && !std::exchange(sent_said_, true)) offer(ports::LogsSent{to});
      break;
    }
    std::string bytes = read_whole(segments.front());
    const Status sent = co_await send(to, std::move(bytes));
    if (link_) break;  // It is back: the file may be the open one.
    if (sent) {
      if (const Status gone = (*store)->remove(segments.front()); !gone) {
        offer(ports::LogFailed{gone.error()});
        break;
      }
      pause = world_.config.retry_first;
      continue;
    }
    if (sent.error().code == Code::kInvalidArgument) {  // It would be refused for ever.
      offer(ports::LogFailed{sent.error()});
      break;
    }
    (void)co_await changed_.wait(pause);
    pause = std::min(2 * pause, world_.config.retry_max);
  }
  sending_ = false;
}

io::Task<Status> Guest::send(NodeId to, std::string bytes) {
  struct Wait {
    explicit Wait(io::Loop& loop) : loop(loop), done(loop) {}
    io::Loop& loop;
    io::Notifier done;
    std::optional<Status> status;
  };
  // Shared with a call of another thread, which may outlive this task.
  const auto wait = std::make_shared<Wait>(world_.loop);
  ports::LogSegment segment{id_, std::move(bytes)};
  ports::LogDone done = [wait](const Status& status) {
    wait->loop.post([wait, status] {
      wait->status = status;
      wait->done.notify();
    });
  };
  world_.sender.send(to, std::move(segment), std::move(done));
  while (!wait->status) (void)co_await wait->done.wait(std::chrono::seconds{1});
  co_return *wait->status;
}

}  // namespace godwit::guestlink
