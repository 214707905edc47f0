#include "edges/guestlink/guest_control.h"

#include <filesystem>
#include <utility>

#include "edges/guestlink/guest.h"

namespace godwit::guestlink {

namespace fs = std::filesystem;

GuestControl::GuestControl(io::Loop& loop, GuestControlConfig config, std::function<Time()> clock,
                           ports::EventSink<ports::GuestEvent>& sink, ports::LogSender& sender)
    : loop_(loop),
      config_(std::move(config)),
      clock_(std::move(clock)),
      sink_(sink),
      sender_(sender) {}

GuestControl::~GuestControl() = default;

Result<Guest*> GuestControl::find(const GuestId& guest) {
  const std::string& id = guest.value;
  constexpr auto kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (id.empty() || id.size() > 64 || id[0] == '.' || id.find_first_not_of(kPlain) != id.npos)
    return invalid(std::format("guest id '{}' is not a plain name", id));
  std::unique_ptr<Guest>& found = guests_[guest];
  if (!found)
    found = std::make_unique<Guest>(Guest::World{loop_, config_, clock_, sink_, sender_}, guest);
  return found.get();
}

Status GuestControl::start() {
  std::error_code error;
  fs::create_directories(config_.log_dir, error);
  if (error) return system_error(std::format("make {}", config_.log_dir), error.value());
  for (const auto& entry : fs::directory_iterator(config_.log_dir, error)) {
    if (!fs::exists(entry.path() / "follow")) continue;
    const auto guest = find(GuestId{entry.path().filename()});
    if (guest) (*guest)->take_up();
  }
  if (error) return system_error(std::format("list {}", config_.log_dir), error.value());
  return {};
}

void GuestControl::submit(const GuestId& guest, ports::GuestCommand command) {
  const auto found = find(guest);
  if (found) return (*found)->submit(std::move(command));
  sink_.offer({guest, ports::LogFailed{found.error()}});
}

void GuestControl::keep(ports::LogSegment segment, ports::LogDone done) {
  loop_.post([this, segment = std::move(segment), done = std::move(done)] {
    const auto guest = find(segment.guest);
    done(guest ? (*guest)->keep(segment.bytes) : Status{std::unexpected(guest.error())});
  });
}

Result<std::vector<frame::LogLine>> GuestControl::read_log(const GuestId& guest) {
  ASSIGN_OR_RETURN(Guest* const found, find(guest));
  ASSIGN_OR_RETURN(LogStore* const store, found->log());
  return store->read();
}

}  // namespace godwit::guestlink
