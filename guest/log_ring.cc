#include "guest/log_ring.h"

#include <utility>

namespace godwit::guest {

void LogRing::append(std::uint8_t stream, bool cut, std::int64_t time_us, std::string text) {
  {
    std::unique_lock lock(mutex_);
    const std::size_t cost = text.size() + kLineOverhead;
    const auto fits = [&] { return lines_.empty() || bytes_ + cost <= max_bytes_; };
    if (!fits()) ++waits_;
    room_.wait(lock, fits);
    bytes_ += cost;
    lines_.push_back({next_++, time_us, stream, cut, std::move(text)});
  }
  wake_();
}

void LogRing::acknowledge(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  while (!lines_.empty() && lines_.front().sequence <= sequence) {
    bytes_ -= lines_.front().text.size() + kLineOverhead;
    lines_.pop_front();
    if (sent_ > 0) --sent_;
  }
  room_.notify_all();
}

std::uint64_t LogRing::first() const {
  const std::lock_guard lock(mutex_);
  return lines_.empty() ? next_ : lines_.front().sequence;
}

std::uint64_t LogRing::waits() const {
  const std::lock_guard lock(mutex_);
  return waits_;
}

std::vector<frame::Message> LogRing::take(std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  std::vector<frame::Message> out;
  for (std::size_t bytes = 0; sent_ < lines_.size() && bytes < max_bytes; ++sent_) {
    bytes += lines_[sent_].text.size() + kLineOverhead;
    out.emplace_back(lines_[sent_]);
  }
  return out;
}

void LogRing::rewind() {
  const std::lock_guard lock(mutex_);
  sent_ = 0;
}

std::vector<LineCutter::Line> LineCutter::feed(std::string_view bytes) {
  std::vector<Line> out;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    const std::size_t room = frame::kMaxLine - rest_.size();
    const bool too_long = end - at > room;
    const std::size_t take = too_long ? room : end - at;
    rest_ += bytes.substr(at, take);
    at += take;
    if (too_long) {
      out.push_back({std::exchange(rest_, {}), true});
    } else if (at < bytes.size()) {
      out.push_back({std::exchange(rest_, {}), false});
      ++at;
    }
  }
  return out;
}

std::vector<LineCutter::Line> LineCutter::end() {
  if (rest_.empty()) return {};
  return {{std::exchange(rest_, {}), false}};
}

}  // namespace godwit::guest
