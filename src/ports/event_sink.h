// How edges tell the loop. offer() may be called from any thread, never blocks, and keeps the order
// of one caller.
#pragma once

namespace godwit::ports {

template <class Event>
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void offer(Event event) = 0;
};

}  // namespace godwit::ports
