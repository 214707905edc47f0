#include "guest/port.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace godwit::guest {

std::int64_t now_us() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

void Port::send(frame::Message message) {
  {
    const std::lock_guard lock(mutex_);
    if (session_ == 0 || waiting_.size() >= kMaxWaiting) return;
    waiting_.push_back(std::move(message));
  }
  changed_.notify_all();
}

void Port::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  changed_.notify_all();
}

void Port::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds{1}, [&] { return waiting_.empty() && !writing_; });
}

void Port::receive(std::string_view bytes) {
  for (const frame::Frame& f : decoder_.feed(bytes)) receive_frame(f);
}

std::string Port::to_send() {
  const std::lock_guard lock(mutex_);
  return session_ == 0 ? "" : next_batch();
}

void Port::read_forever() {
  std::vector<char> buffer(32 * 1024);
  for (;;) {
    const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
    if (n > 0) {
      receive({buffer.data(), static_cast<std::size_t>(n)});
      continue;
    }
    // No node is connected. poll(2) would return at once with POLLHUP, so look again in a moment.
    if (n == 0 || errno != EINTR) ::poll(nullptr, 0, 20);
  }
}

void Port::receive_frame(const frame::Frame& f) {
  const auto message = frame::decode_message(f.payload);
  if (message) {
    // A hello counts whatever came before it.
    if (const auto* hello = std::get_if<frame::Hello>(&*message)) return begin(*hello);
  }
  switch (order_.check(f)) {
    case frame::Verdict::kStale:
      return;
    case frame::Verdict::kGap:
      return send(frame::Resync{});
    case frame::Verdict::kTake:
      break;
  }
  // Sound bytes that mean nothing: the node is newer than this init. It learns by its time limit.
  if (message) receive_(*message);
}

void Port::begin(const frame::Hello& hello) {
  order_.begin(hello.session);
  // The hello itself was number 0.
  (void)order_.check({hello.session, 0, ""});
  frame::Welcome welcome = welcome_();
  welcome.session = hello.session;
  {
    const std::lock_guard lock(mutex_);
    session_ = hello.session;
    sequence_ = 0;
    waiting_.clear();
    waiting_.push_back(std::move(welcome));
    for (Source* source : sources_) source->rewind();
    ++wakes_;
  }
  changed_.notify_all();
}

std::string Port::next_batch() {
  std::string batch;
  const auto add = [&](const frame::Message& message) {
    batch += frame::encode({session_, sequence_++, frame::encode_message(message)});
  };
  for (; !waiting_.empty() && batch.size() < kBatch; waiting_.pop_front()) add(waiting_.front());
  for (Source* source : sources_)
    if (batch.size() < kBatch)
      for (const frame::Message& message : source->take(kBatch - batch.size())) add(message);
  return batch;
}

void Port::write_forever() {
  std::uint64_t seen = 0;
  for (;;) {
    std::string batch;
    {
      std::unique_lock lock(mutex_);
      writing_ = false;
      changed_.notify_all();
      changed_.wait(lock, [&] { return session_ != 0 && (!waiting_.empty() || wakes_ != seen); });
      const std::uint64_t wakes = wakes_;
      batch = next_batch();
      // Not yet all: come back without being woken.
      if (batch.empty()) seen = wakes;
      writing_ = true;
    }
    // Blocks while no node is connected. What is then written late belongs to a session that the
    // next node does not know, and is dropped there.
    for (std::string_view rest = batch; !rest.empty();) {
      const ssize_t n = ::write(fd_, rest.data(), rest.size());
      if (n > 0)
        rest.remove_prefix(static_cast<std::size_t>(n));
      else if (errno != EINTR)
        ::poll(nullptr, 0, 20);
    }
  }
}

void Port::beat_forever() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      // With messages waiting the node sees life anyway.
      if (session_ != 0 && waiting_.empty()) waiting_.push_back(frame::Heartbeat{now_us()});
    }
    changed_.notify_all();
    ::poll(nullptr, 0, 1000);
  }
}

}  // namespace godwit::guest
